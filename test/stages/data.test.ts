import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { expect } from 'chai'
import type { DataParams } from '../../src/dsl/nodes.js'
import { StageError } from '../../src/runtime/errors.js'
import type { StageSummary } from '../../src/runtime/stage-contract.js'
import { data } from '../../src/stages/data.js'
import { readSafetensors } from '../../src/stages/tensors/safetensors.js'
import { checkout } from '../support/workspace.js'
import { countingPixels, idxBytes } from './idx-bytes.js'
import { failStage, runStage } from './stage-runs.js'
import { tempFolder } from './temp-folder.js'

const files = { trainImages: 'ti', trainLabels: 'tl', testImages: 'ei', testLabels: 'el' }
const params: DataParams = {
  source: { type: 'idx', ...files },
  imageSize: 2,
  channels: 1,
  numClasses: 10,
  take: null,
  takeTest: null,
  validation: 0,
  seed: 7,
}

/** Label of image i in both files, so that a pairing that came apart is seen. */
const labels = (count: number): number[] => Array.from({ length: count }, (_, index) => index % 10)

describe('the data stage', () => {
  const folder = tempFolder()

  beforeEach(() => {
    mkdirSync(folder.file('out'))
    writeFileSync(folder.file('ti'), idxBytes([30, 2, 2], countingPixels(30, 4)))
    writeFileSync(folder.file('tl'), idxBytes([30], labels(30)))
    writeFileSync(folder.file('ei'), idxBytes([10, 2, 2], countingPixels(10, 4)))
    writeFileSync(folder.file('el'), idxBytes([10], labels(10)))
  })

  const given = (changed: Partial<DataParams>) => ({
    params: { ...params, ...changed },
    outDir: folder.file('out'),
    sources: Object.fromEntries(Object.entries(files).map(([role, name]) => [role, folder.file(name)])),
  })
  const run = (changed: Partial<DataParams> = {}): Promise<StageSummary> => runStage(data, given(changed))
  const split = (name: string) => {
    const { tensors } = readSafetensors(folder.file(`out/${name}.safetensors`))
    return { images: tensors.get('images')!, labels: tensors.get('labels')! }
  }
  /** Which images of the file a split holds: image i begins with pixel 7 i mod 256. */
  const members = (name: string): number[] => {
    const { images, labels } = split(name)
    return Array.from(labels.data, (label, row) => {
      const index = images.data[4 * row] / 7
      expect(label).to.equal(index % 10)
      return index
    })
  }
  const info = () => JSON.parse(readFileSync(folder.file('out/dataset.json'), 'utf8'))
  const expectRefused = async (changed: Partial<DataParams>, sentence: string): Promise<void> => {
    const error = await failStage(data, given(changed))
    expect(error).to.be.instanceOf(StageError)
    expect(error.message).to.contain(sentence)
    expect(readdirSync(folder.file('out'))).to.deep.equal([])
  }

  it('keeps everything by default, in the order of the files', async () => {
    expect(await run()).to.deep.equal({ train: 30, test: 10, validation: 0 })
    expect(readdirSync(folder.file('out')).toSorted()).to.deep.equal([
      'dataset.json',
      'test.safetensors',
      'train.safetensors',
    ])
    expect(split('train').images.shape).to.deep.equal([30, 2, 2, 1])
    expect(split('train').images.data).to.deep.equal(Uint8Array.from(countingPixels(30, 4)))
    expect(split('test').labels).to.deep.equal({ shape: [10], data: Int32Array.from(labels(10)) })
  })

  it('states mean and deviation of the training pixels, scaled to [0, 1]', async () => {
    await run()
    const scaled = countingPixels(30, 4).map((pixel) => pixel / 255)
    const mean = scaled.reduce((sum, pixel) => sum + pixel, 0) / scaled.length
    const variance = scaled.reduce((sum, pixel) => sum + (pixel - mean) ** 2, 0) / scaled.length
    expect(info().mean[0]).to.be.closeTo(mean, 1e-12)
    expect(info().std[0]).to.be.closeTo(Math.sqrt(variance), 1e-12)
    expect(info()).to.deep.include({ imageSize: 2, channels: 1, numClasses: 10 })
    expect(info().counts).to.deep.equal({ train: 30, test: 10, validation: 0 })
  })

  it('states them for each channel, and never a deviation of zero', async () => {
    const colour = [10, 0, 5, 10, 255, 5, 10, 0, 5, 10, 255, 5]
    writeFileSync(folder.file('ti'), idxBytes([1, 2, 2, 3], colour))
    writeFileSync(folder.file('tl'), idxBytes([1], [0]))
    writeFileSync(folder.file('ei'), idxBytes([1, 2, 2, 3], colour))
    writeFileSync(folder.file('el'), idxBytes([1], [0]))
    await run({ channels: 3 })
    expect(info().mean).to.deep.equal([10 / 255, 0.5, 5 / 255])
    expect(info().std).to.deep.equal([1 / 255, 0.5, 1 / 255])
  })

  it('draws subsets with their labels, ascending, by the seed alone', async () => {
    await run({ take: 8, takeTest: 3 })
    const first = members('train')
    expect(first).to.have.length(8)
    expect(first).to.deep.equal([...new Set(first)].toSorted((a, b) => a - b))
    expect(members('test')).to.have.length(3)
    await run({ take: 8, takeTest: 5 })
    expect(members('train')).to.deep.equal(first)
    await run({ take: 8, seed: 8 })
    expect(members('train')).to.not.deep.equal(first)
  })

  it('holds a share of the kept training images out', async () => {
    expect(await run({ take: 20, validation: 0.25 })).to.deep.equal({ train: 15, test: 10, validation: 5 })
    const held = members('validation')
    const trained = members('train')
    expect(new Set([...held, ...trained]).size).to.equal(20)
    await run({ take: 20 })
    expect(members('train')).to.deep.equal([...held, ...trained].toSorted((a, b) => a - b))
  })

  it('holds as many of them out as are written', async () => {
    expect(await run({ take: 20, validation: 5 })).to.deep.equal({ train: 15, test: 10, validation: 5 })
    const held = members('validation')
    await run({ take: 20, validation: 0.25 })
    expect(members('validation')).to.deep.equal(held)
  })

  it('refuses to take more images than there are, and writes nothing', async () => {
    await expectRefused({ take: 31 }, 'take is 31, but there are only 30 images')
    await expectRefused({ takeTest: 11 }, 'takeTest is 11, but there are only 10 images')
  })

  it('refuses a share that leaves one side empty', async () => {
    await expectRefused({ validation: 0.01 }, 'leaves 30 to train on and 0 to validate')
    await expectRefused({ take: 2, validation: 0.9 }, 'leaves 0 to train on and 2 to validate')
    await expectRefused({ take: 20, validation: 30 }, 'leaves 0 to train on and 30 to validate')
  })

  it('refuses a bad file, even the last one it reads, and writes nothing', async () => {
    writeFileSync(folder.file('el'), idxBytes([10], [...labels(9), 10]))
    await expectRefused({}, `${folder.file('el')}: label number 9 is 10, allowed are 0 to 9`)
    writeFileSync(folder.file('el'), idxBytes([9], labels(9)))
    await expectRefused({}, 'holds 10 images')
    writeFileSync(folder.file('ei'), idxBytes([10, 2, 2], countingPixels(10, 4)).subarray(0, 40))
    await expectRefused({}, `${folder.file('ei')}: is truncated: expected 56 bytes, found 40`)
  })

  it('of an .npz has its validation images, unless training images are held out', async () => {
    const from = {
      params: { ...params, source: { type: 'npz', file: 'a.npz' } as const, imageSize: 4, channels: 3, numClasses: 3 },
      outDir: folder.file('out'),
      sources: { arrays: `${checkout}/test/fixtures/arrays/stored.npz` },
    }
    expect(await runStage(data, from)).to.deep.equal({ train: 9, test: 5, validation: 4 })
    expect(split('validation').images.data[0]).to.equal(1)
    const heldOut = { ...from, params: { ...from.params, validation: 0.33 } }
    expect(await runStage(data, heldOut)).to.deep.equal({ train: 6, test: 5, validation: 3 })
    expect(split('validation').images.data[0]).to.not.equal(1)
  })
})
