import { closeSync, openSync, truncateSync, writeFileSync, writeSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { expect } from 'chai'
import { StageError } from '../../../src/runtime/errors.js'
import { openIdxImages, openIdxLabels, openIdxPair, readIdxLabels } from '../../../src/stages/data/idx.js'
import { readRows } from '../../../src/stages/data/row-file.js'
import { countingPixels, idxBytes } from '../idx-bytes.js'
import { tempFolder } from '../temp-folder.js'

const pixels = countingPixels(3, 4)
const imageFile = idxBytes([3, 2, 2], pixels)

const all = (count: number): Int32Array => Int32Array.from({ length: count }, (_, row) => row)

const readImages = async (...given: Parameters<typeof openIdxImages>) => {
  const images = await openIdxImages(...given)
  return { images, pixels: [...(await readRows(images, all(images.count)))] }
}

const readLabels = async (path: string, numClasses: number): Promise<readonly number[]> => {
  const labels = await openIdxLabels(path)
  return [...(await readIdxLabels(labels, all(labels.count), numClasses))]
}

const expectRefused = async (read: Promise<unknown>, sentence: string): Promise<void> => {
  const error = await read.then(
    () => undefined,
    (cause: unknown) => cause,
  )
  expect(error).to.be.instanceOf(StageError)
  expect((error as StageError).message).to.contain(sentence)
}

describe('IDX files', () => {
  const folder = tempFolder()

  const write = (name: string, bytes: Uint8Array): string => {
    writeFileSync(folder.file(name), bytes)
    return folder.file(name)
  }

  it('are read with their sizes and pixels', async () => {
    const read = await readImages(write('images', imageFile), { imageSize: 2, channels: 1 })
    expect(read.images).to.include({ count: 3, height: 2, width: 2, channels: 1 })
    expect(read.pixels).to.deep.equal(pixels)
    expect(await readLabels(write('labels', idxBytes([3], [0, 9, 4])), 10)).to.deep.equal([0, 9, 4])
  })

  it('may be compressed, whatever they are called', async () => {
    expect((await readImages(write('images-ubyte', gzipSync(imageFile)))).pixels).to.deep.equal(pixels)
    expect(await readLabels(write('labels.gz', gzipSync(idxBytes([2], [1, 0]))), 2)).to.deep.equal([1, 0])
  })

  it('may hold images of several channels', async () => {
    const path = write('colour', idxBytes([1, 2, 2, 3], countingPixels(1, 12)))
    expect(await openIdxImages(path, { imageSize: 2, channels: 3 })).to.include({
      count: 1,
      height: 2,
      width: 2,
      channels: 3,
    })
  })

  it('give the rows that are asked for, however little is read at once', async () => {
    const many = countingPixels(2_000, 50)
    const file = idxBytes([2_000, 5, 10], many)
    const rows = Int32Array.of(0, 1, 2, 700, 702, 1_998, 1_999)
    const wanted = [...rows].flatMap((row) => many.slice(50 * row, 50 * (row + 1)))
    for (const [name, bytes] of Object.entries({ plain: file, gzip: gzipSync(file) })) {
      const images = await openIdxImages(write(name, bytes))
      // Less than a row, a few rows, everything.
      for (const most of [7, 120, 10 ** 6]) {
        expect([...(await readRows(images, rows, most))], `${name} by ${most}`).to.deep.equal(wanted)
      }
      expect(await readRows(images, new Int32Array(0))).to.have.length(0)
    }
  })

  it('of more than 2 GiB give the rows that are asked for', async () => {
    const path = write('sparse', idxBytes([3_100, 1_024, 1_024], []))
    const bytes = 16 + 3_100 * 2 ** 20
    truncateSync(path, bytes)
    const descriptor = openSync(path, 'r+')
    for (const row of [2_047, 3_099])
      writeSync(descriptor, Buffer.alloc(2 ** 20, row % 256), 0, 2 ** 20, 16 + row * 2 ** 20)
    closeSync(descriptor)
    const images = await openIdxImages(path, { imageSize: 1_024, channels: 1 })
    const rows = await readRows(images, Int32Array.of(5, 2_047, 3_099))
    for (const [index, value] of [0, 2_047 % 256, 3_099 % 256].entries()) {
      const row = rows.subarray(index * 2 ** 20, (index + 1) * 2 ** 20)
      expect(
        row.every((pixel) => pixel === value),
        `row ${index}`,
      ).to.equal(true)
    }
  })

  it('that are compressed are read no further than their last row that is asked for', async () => {
    const noise = Uint8Array.from({ length: 2 ** 21 }, (_, at) => (Math.imul(at + 1, 0x9e3779b1) >>> 13) & 255)
    const whole = gzipSync(idxBytes([2 ** 11, 32, 32], noise))
    // What is behind the first rows is damaged.
    const path = write('cut', whole.subarray(0, whole.length >> 1))
    const images = await openIdxImages(path)
    expect([...(await readRows(images, Int32Array.of(1)))]).to.deep.equal([...noise.subarray(1_024, 2_048)])
    await expectRefused(readRows(images, Int32Array.of(2 ** 11 - 2)), `${path}: the compressed data are damaged`)
  })

  it("may have labels of 32 bits, and rows of them whose first is the class, as QMNIST's", async () => {
    const words = (sizes: readonly number[], values: readonly number[]): Uint8Array => {
      const bytes = Buffer.alloc(4 * values.length)
      values.forEach((value, at) => bytes.writeInt32BE(value, 4 * at))
      const file = idxBytes(sizes, bytes)
      file[2] = 0x0c
      return file
    }
    expect(await readLabels(write('words', words([3], [7, 0, 300])), 301)).to.deep.equal([7, 0, 300])
    const rows = words([2, 8], [5, 0, 14, 2_600, 75, 9, 0, 0, 4, 1, 0, 0, 0, 0, 0, 0])
    expect(await readLabels(write('rows', rows), 10)).to.deep.equal([5, 4])
    await expectRefused(readLabels(write('wrong', words([2], [3, -1])), 10), 'label number 1 is -1, allowed are 0 to 9')
    expect(await readLabels(write('bytes', idxBytes([2, 2], [1, 9, 3, 9])), 10)).to.deep.equal([1, 3])
  })

  it("whose images are stored column by column, as EMNIST's, are turned", async () => {
    const images = write('images', idxBytes([2, 2, 2], [1, 2, 3, 4, 5, 6, 7, 8]))
    const labels = write('labels', idxBytes([2], [0, 1]))
    const declared = { imageSize: 2, channels: 1, numClasses: 2 }
    const read = async (transposed: boolean): Promise<number[]> => {
      const pair = await openIdxPair(images, labels, declared, { transposed })
      return [...(await pair.read(all(2))).pixels]
    }
    expect(await read(false)).to.deep.equal([1, 2, 3, 4, 5, 6, 7, 8])
    expect(await read(true)).to.deep.equal([1, 3, 2, 4, 5, 7, 6, 8])
  })

  it('that are missing are refused by path', async () => {
    await expectRefused(openIdxImages(folder.file('none')), `${folder.file('none')}: no such file`)
    await expectRefused(openIdxImages(folder.path), `${folder.path}: cannot be read`)
  })

  it('of something else are refused with the magic found and the one expected', async () => {
    const labels = write('labels', idxBytes([3], [1, 2, 3]))
    await expectRefused(
      openIdxImages(labels),
      `${labels}: not an IDX file of images: magic 0x00000801, expected 0x00000803`,
    )
    const images = write('images', imageFile)
    await expectRefused(openIdxLabels(images), 'labels: magic 0x00000803, expected 0x00000801')
  })

  it('that are truncated or too long are refused with both byte counts, plain ones by their length alone', async () => {
    const short = write('short', imageFile.subarray(0, -5))
    await expectRefused(openIdxImages(short), `${short}: is truncated: expected 28 bytes, found 23`)
    const long = write('long', Uint8Array.from([...imageFile, 0]))
    await expectRefused(openIdxImages(long), `${long}: is too long: expected 28 bytes, found 29`)
    await expectRefused(openIdxImages(write('empty', new Uint8Array(0))), 'is truncated: expected 4 bytes, found 0')
    await expectRefused(
      openIdxImages(write('cut', imageFile.subarray(0, 9))),
      'is truncated: expected 16 bytes, found 9',
    )
    await expectRefused(
      readImages(write('short.gz', gzipSync(imageFile.subarray(0, -5)))),
      'is truncated: expected 28 bytes, found 23',
    )
    await expectRefused(
      readImages(write('long.gz', gzipSync(Uint8Array.from([...imageFile, 0])))),
      'is too long: expected 28 bytes, found 29',
    )
  })

  it('whose compression is damaged are refused', async () => {
    const whole = gzipSync(imageFile)
    const cut = write('cut', whole.subarray(0, -6))
    await expectRefused(readImages(cut), `${cut}: the compressed data are damaged`)
    const flipped = write(
      'flipped',
      whole.map((byte, at) => (at === whole.length - 6 ? byte ^ 1 : byte)),
    )
    await expectRefused(readImages(flipped), `${flipped}: the compressed data are damaged`)
  })

  it('without an image are refused', async () => {
    const path = write('none', idxBytes([0, 2, 2], []))
    await expectRefused(openIdxImages(path), `${path}: holds no images`)
  })

  it('of another image size than declared are refused with both', async () => {
    const path = write('images', imageFile)
    const sentence = 'images are 2 × 2 × 1 (height × width × channels), declared are 28 × 28 × 1'
    await expectRefused(openIdxImages(path, { imageSize: 28, channels: 1 }), `${path}: ${sentence}`)
    await expectRefused(openIdxImages(path, { imageSize: 2, channels: 3 }), 'declared are 2 × 2 × 3')
  })

  it('with a label out of range are refused with its number, value and the range', async () => {
    const path = write('labels', idxBytes([4], [0, 9, 10, 255]))
    await expectRefused(readLabels(path, 10), `${path}: label number 2 is 10, allowed are 0 to 9`)
    const wrong = readIdxLabels(await openIdxLabels(path), Int32Array.of(1, 3), 11)
    await expectRefused(wrong, `${path}: label number 3 is 255, allowed are 0 to 10`)
  })

  it('that begin at 1 are refused with the number of classes that holds them', async () => {
    const hints = (labels: readonly number[], numClasses: number) =>
      readLabels(write('labels', idxBytes([labels.length], labels)), numClasses).then(
        () => expect.fail('not refused'),
        ({ hint }: StageError) => hint,
      )
    expect(await hints([1, 26, 3], 26)).to.match(/begin at 1.*set numClasses to 27/)
    for (const others of [
      [0, 26, 3],
      [1, 27, 3],
    ]) {
      expect(await hints(others, 26)).to.equal('set numClasses of the data to the number of classes')
    }
  })

  it('of different counts are refused with both counts and paths', async () => {
    const images = write('images', imageFile)
    const labels = write('labels', idxBytes([2], [1, 2]))
    await expectRefused(
      openIdxPair(images, labels, { imageSize: 2, channels: 1, numClasses: 10 }),
      `${images} holds 3 images, but ${labels} holds 2 labels`,
    )
  })
})
