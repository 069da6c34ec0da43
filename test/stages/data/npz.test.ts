import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { openNpz } from '../../../src/stages/data/npz.js'
import { checkout } from '../../support/workspace.js'
import { failure } from '../failure.js'
import { tempFolder } from '../temp-folder.js'

const colour = { imageSize: 4, channels: 3, numClasses: 3 }
const grey = { ...colour, channels: 1 }

/** Written by NumPy: test/fixtures/arrays/make.py. */
const arrays = (name: string): string => join(checkout, 'test/fixtures/arrays', `${name}.npz`)

const valuesOf = (length: number, at: number): number[] => Array.from({ length }, (_, index) => (7 * index + at) % 256)

describe('an .npz file', () => {
  const folder = tempFolder()

  for (const name of ['stored', 'deflated']) {
    it(`whose arrays are ${name} gives images and labels of its splits, whole and by rows`, async () => {
      for (const [split, count, at] of [
        ['train', 9, 0],
        ['val', 4, 1],
        ['test', 5, 2],
      ] as const) {
        const images = (await openNpz(arrays(name), split, colour))!
        expect(images.count).to.equal(count)
        const all = Int32Array.from({ length: count }, (_, row) => row)
        expect([...(await images.read(all)).pixels]).to.deep.equal(valuesOf(count * 48, at))
        expect([...(await images.labels(all))]).to.deep.equal([...all].map((row) => row % 3))
        const rows = Int32Array.of(1, 3)
        const wanted = [1, 3].flatMap((row) => valuesOf(count * 48, at).slice(48 * row, 48 * (row + 1)))
        expect([...(await images.read(rows)).pixels]).to.deep.equal(wanted)
      }
    })
  }

  it('may have grey images, headers of version 2 and no validation images', async () => {
    const images = (await openNpz(arrays('grey'), 'test', grey))!
    const red = valuesOf(5 * 48, 2).filter((_, at) => at % 3 === 0)
    expect([...(await images.read(Int32Array.of(0, 1, 2, 3, 4))).pixels]).to.deep.equal(red)
    expect(await openNpz(arrays('grey'), 'val', grey)).to.equal(undefined)
  })

  it('with arrays that are not read as they are is refused by array and reason', async () => {
    const refused = (name: string, split: 'train' | 'test' = 'train', declared = colour): Promise<string> =>
      failure(openNpz(arrays(name), split, declared))
    expect(await refused('fortran')).to.equal(
      `${arrays('fortran')}: train_images.npy: is in Fortran order; read is C order: write it with ` +
        'numpy.ascontiguousarray',
    )
    expect(await refused('floats')).to.contain("train_images.npy: is of type '<f4'; read is uint8 ('|u1')")
    expect(await refused('several', 'test')).to.contain('test_labels.npy: has 14 labels an image; read is one')
    expect(await refused('stored', 'test', grey)).to.contain('images are 4 × 4 × 3 (height × width × channels)')
    const images = (await openNpz(arrays('stored'), 'test', { ...colour, numClasses: 2 }))!
    expect(await failure(images.labels(Int32Array.of(0, 2)))).to.contain('label number 2 is 2, allowed are 0 to 1')
  })

  it('that is damaged is refused by its path, whichever part is', async () => {
    const whole = readFileSync(arrays('deflated'))
    const refused = async (bytes: Uint8Array): Promise<string> => {
      const file = folder.file('a.npz')
      writeFileSync(file, bytes)
      const open = async (): Promise<unknown> =>
        (await openNpz(file, 'test', colour))?.read(Int32Array.of(0, 1, 2, 3, 4))
      const message = await failure(open())
      expect(message).to.contain(file)
      return message
    }
    expect(await refused(new Uint8Array(0))).to.contain('not an .npz file')
    expect(await refused(Buffer.from('version https://git-lfs'))).to.contain('it has no directory at its end')
    expect(await refused(whole.subarray(100))).to.contain('not an .npz file')
    expect(await refused(whole.subarray(0, -30))).to.contain('it has no directory at its end')
    const directory = whole.readUInt32LE(whole.length - 6)
    const changed = (at: number, value: number): Uint8Array => {
      const bytes = Buffer.from(whole)
      bytes.writeUInt8(value, at)
      return bytes
    }
    expect(await refused(changed(directory + 10, 12))).to.contain('is compressed by method 12')
    expect(await refused(changed(directory + 8, 1))).to.contain('is encrypted')
    expect(await refused(changed(directory, 0))).to.contain('its directory is damaged')
    // The place of an entry, behind the end of the file.
    expect(await refused(changed(directory + 44, 9))).to.contain('it ends before byte')
    const name = whole.indexOf('test_images.npy')
    expect(await refused(changed(name + 15 + 20 + 9, 0xff))).to.contain('test_images.npy')
  })
})
