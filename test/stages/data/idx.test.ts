import { writeFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { expect } from 'chai'
import { StageError } from '../../../src/runtime/errors.js'
import { readIdxImages, readIdxLabels, readIdxPair } from '../../../src/stages/data/idx.js'
import { countingPixels, idxBytes } from '../idx-bytes.js'
import { tempFolder } from '../temp-folder.js'

const pixels = countingPixels(3, 4)
const imageFile = idxBytes([3, 2, 2], pixels)

const expectRefused = (read: () => unknown, sentence: string): void => {
  expect(read).to.throw(StageError, sentence)
}

describe('IDX files', () => {
  const folder = tempFolder()

  const write = (name: string, bytes: Uint8Array): string => {
    writeFileSync(folder.file(name), bytes)
    return folder.file(name)
  }

  it('are read with their sizes and pixels', () => {
    const images = readIdxImages(write('images', imageFile), { imageSize: 2, channels: 1 })
    expect({ ...images, pixels: [...images.pixels] }).to.deep.equal({
      count: 3,
      height: 2,
      width: 2,
      channels: 1,
      pixels,
    })
    expect([...readIdxLabels(write('labels', idxBytes([3], [0, 9, 4])), 10)]).to.deep.equal([0, 9, 4])
  })

  it('may be compressed, whatever they are called', () => {
    const images = readIdxImages(write('images-ubyte', gzipSync(imageFile)))
    expect([...images.pixels]).to.deep.equal(pixels)
    expect([...readIdxLabels(write('labels.gz', idxBytes([2], [1, 0])), 2)]).to.deep.equal([1, 0])
  })

  it('may hold images of several channels', () => {
    const path = write('colour', idxBytes([1, 2, 2, 3], countingPixels(1, 12)))
    expect(readIdxImages(path, { imageSize: 2, channels: 3 })).to.include({
      count: 1,
      height: 2,
      width: 2,
      channels: 3,
    })
  })

  it('that are missing are refused by path', () => {
    expectRefused(() => readIdxImages(folder.file('none')), `${folder.file('none')}: no such file`)
    expectRefused(() => readIdxImages(folder.path), `${folder.path}: cannot be read`)
  })

  it('of something else are refused with the magic found and the one expected', () => {
    const labels = write('labels', idxBytes([3], [1, 2, 3]))
    expectRefused(
      () => readIdxImages(labels),
      `${labels}: not an IDX file of images: magic 0x00000801, expected 0x00000803`,
    )
    const images = write('images', imageFile)
    expectRefused(() => readIdxLabels(images, 10), 'labels: magic 0x00000803, expected 0x00000801')
  })

  it('that are truncated or too long are refused with both byte counts', () => {
    const short = write('short', imageFile.subarray(0, -5))
    expectRefused(() => readIdxImages(short), `${short}: is truncated: expected 28 bytes, found 23`)
    const long = write('long', Uint8Array.from([...imageFile, 0]))
    expectRefused(() => readIdxImages(long), `${long}: is too long: expected 28 bytes, found 29`)
    expectRefused(() => readIdxImages(write('empty', new Uint8Array(0))), 'is truncated: expected 4 bytes, found 0')
    expectRefused(
      () => readIdxImages(write('cut', imageFile.subarray(0, 9))),
      'is truncated: expected 16 bytes, found 9',
    )
  })

  it('whose compression is damaged are refused', () => {
    const whole = gzipSync(imageFile)
    const cut = write('cut', whole.subarray(0, -6))
    expectRefused(() => readIdxImages(cut), `${cut}: the gzip data is damaged`)
    const flipped = write(
      'flipped',
      whole.map((byte, at) => (at === whole.length - 6 ? byte ^ 1 : byte)),
    )
    expectRefused(() => readIdxImages(flipped), `${flipped}: the gzip data is damaged`)
  })

  it('without an image are refused', () => {
    const path = write('none', idxBytes([0, 2, 2], []))
    expectRefused(() => readIdxImages(path), `${path}: holds no images`)
  })

  it('of another image size than declared are refused with both', () => {
    const path = write('images', imageFile)
    const sentence = 'images are 2 × 2 × 1 (height × width × channels), declared are 28 × 28 × 1'
    expectRefused(() => readIdxImages(path, { imageSize: 28, channels: 1 }), `${path}: ${sentence}`)
    expectRefused(() => readIdxImages(path, { imageSize: 2, channels: 3 }), 'declared are 2 × 2 × 3')
  })

  it('with a label out of range are refused with its number, value and the range', () => {
    const path = write('labels', idxBytes([4], [0, 9, 10, 255]))
    expectRefused(() => readIdxLabels(path, 10), `${path}: label number 2 is 10, allowed are 0 to 9`)
  })

  it('of different counts are refused with both counts and paths', () => {
    const images = write('images', imageFile)
    const labels = write('labels', idxBytes([2], [1, 2]))
    const shape = { imageSize: 2, channels: 1, numClasses: 10 }
    expectRefused(() => readIdxPair(images, labels, shape), `${images} holds 3 images, but ${labels} holds 2 labels`)
  })
})
