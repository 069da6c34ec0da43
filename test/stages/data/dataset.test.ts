import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { expect } from 'chai'
import type { DataParams } from '../../../src/dsl/nodes.js'
import { StageError } from '../../../src/runtime/errors.js'
import { data } from '../../../src/stages/data.js'
import { openDataset, type Dataset } from '../../../src/stages/data/dataset.js'
import { countingPixels, idxBytes } from '../idx-bytes.js'
import { runStage } from '../stage-runs.js'
import { tempFolder } from '../temp-folder.js'

describe('an opened data set', () => {
  const folder = tempFolder()

  /** Nine training and three test images, 2 × 2 pixels, label i of image i. */
  const make = async (channels: 1 | 3, validation = 0): Promise<Dataset> => {
    const size = 4 * channels
    const shape = channels === 1 ? [2, 2] : [2, 2, 3]
    const out = folder.file('out')
    mkdirSync(out)
    writeFileSync(folder.file('ti'), idxBytes([9, ...shape], countingPixels(9, size)))
    writeFileSync(folder.file('tl'), idxBytes([9], [...Array(9).keys()]))
    writeFileSync(folder.file('ei'), idxBytes([3, ...shape], countingPixels(3, size)))
    writeFileSync(folder.file('el'), idxBytes([3], [0, 1, 2]))
    const names = { trainImages: 'ti', trainLabels: 'tl', testImages: 'ei', testLabels: 'el' }
    const params: DataParams = {
      source: { type: 'idx', ...names },
      imageSize: 2,
      channels,
      numClasses: 10,
      take: null,
      takeTest: null,
      validation,
      seed: 1,
    }
    const sources = Object.fromEntries(Object.entries(names).map(([role, name]) => [role, folder.file(name)]))
    const summary = await runStage(data, { params, outDir: out, sources })
    return openDataset({ files: Object.fromEntries(readdirSync(out).map((name) => [name, `${out}/${name}`])), summary })
  }

  for (const channels of [1, 3] as const) {
    it(`gathers normalised images of ${channels} channel(s) in the order asked for, repeats included`, async () => {
      const dataset = await make(channels)
      const size = 4 * channels
      const pixels = new Float32Array(3 * size)
      const labels = new Int32Array(3)
      dataset.split('train').gather([8, 2, 8], pixels, labels)
      expect([...labels]).to.deep.equal([8, 2, 8])
      const raw = countingPixels(9, size)
      const expected = [8, 2, 8].flatMap((index) =>
        raw.slice(index * size, (index + 1) * size).map((value, at) => {
          const channel = at % channels
          return Math.fround((value / 255 - dataset.mean[channel]) / dataset.std[channel])
        }),
      )
      expect([...pixels]).to.deep.equal(expected)
    })
  }

  it('gives the training pixels mean 0 and deviation 1', async () => {
    const { count, gather } = (await make(1)).split('train')
    const pixels = new Float32Array(count * 4)
    gather([...Array(count).keys()], pixels, new Int32Array(count))
    const mean = pixels.reduce((sum, x) => sum + x, 0) / pixels.length
    expect(mean).to.be.closeTo(0, 1e-6)
    expect(pixels.reduce((sum, x) => sum + x * x, 0) / pixels.length).to.be.closeTo(1, 1e-6)
  })

  it('gives shape and counts of every split', async () => {
    const dataset = await make(1, 1 / 3)
    expect(dataset).to.include({ imageSize: 2, channels: 1, numClasses: 10 })
    expect((['train', 'test', 'validation'] as const).map((name) => dataset.split(name).count)).to.deep.equal([6, 3, 3])
    expect(dataset.split('test').images).to.deep.equal(Uint8Array.from(countingPixels(3, 4)))
    expect(dataset.split('test')).to.equal(dataset.split('test'))
  })

  it('leaves what lies behind a smaller batch untouched', async () => {
    const pixels = new Float32Array(12).fill(99)
    const labels = new Int32Array(3).fill(99)
    ;(await make(1)).split('test').gather(Int32Array.of(1), pixels, labels)
    expect([...pixels.subarray(4)]).to.deep.equal(Array(8).fill(99))
    expect([...labels]).to.deep.equal([1, 99, 99])
  })

  it('refuses an image that is not there and arrays that are too short', async () => {
    const { gather } = (await make(1)).split('test')
    expect(() => gather([3], new Float32Array(4), new Int32Array(1))).to.throw(RangeError, 'no image 3 among 3')
    expect(() => gather([-1], new Float32Array(4), new Int32Array(1))).to.throw(RangeError)
    expect(() => gather([0, 1], new Float32Array(7), new Int32Array(2))).to.throw(RangeError, '2 images do not fit')
  })

  it('says what to do for a validation split that was not made', async () => {
    const dataset = await make(1)
    expect(() => dataset.split('validation'))
      .to.throw(StageError, 'the data has no validation split')
      .with.property('hint')
      .that.contains('validation: 0.1')
  })

  it('refuses an artifact of another stage', () => {
    expect(() => openDataset({ files: {}, summary: {} })).to.throw(StageError, 'not a data set')
  })
})
