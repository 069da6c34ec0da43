import { expect } from 'chai'
import type { AugmentParams } from '../../../src/dsl/nodes.js'
import type { VitConfig } from '../../../src/dsl/vit-config.js'
import { type BatchOptions, labelledBatches, openDataset, type Split } from '../../../src/stages/data/dataset.js'
import { Generator } from '../../../src/stages/data/random.js'
import { RECIPE, syntheticData, tinyConfig } from '../model-stage-runs.js'
import { tempFolder } from '../temp-folder.js'

/** Every part is off. */
const NOTHING: AugmentParams = {
  cropScale: 1,
  flip: 0,
  randAugment: null,
  colorJitter: 0,
  erasing: 0,
  mixup: 0,
  cutmix: 0,
  switchProbability: 0.5,
  repeats: 1,
}

const config = tinyConfig(8)

const place = { epoch: 0, step: 0 }

/** Batches as they are, not as the call after the next one leaves them. */
const batches = (split: Split, batch: number, options?: BatchOptions, model: VitConfig = config) => {
  const make = labelledBatches(split, model, batch, options)
  return async (indices: readonly number[], at = place) => {
    const { pixels, labels } = await make(Int32Array.from(indices), at)
    return { pixels: pixels.slice(), labels: labels.slice() }
  }
}

/** One image, no two of its pixels the same: whatever is done to it shows. */
const oneImage = (): Split => {
  const images = Uint8Array.from({ length: 64 }, (_, at) => 4 * at)
  const normalised = [Float32Array.from({ length: 256 }, (_, value) => value / 255)]
  return { count: 1, images, labels: Int32Array.of(2), mean: [0], std: [1], normalised, gather: () => {} }
}

describe('labelled batches', () => {
  const folder = tempFolder()
  const train = () => openDataset(syntheticData(folder.file('data'))).split('train')

  it('with everything off are the images as they are and one-hot labels, byte for byte', async () => {
    const split = train()
    const [indices, pixels, labels] = [[3, 39, 0, 3], new Float32Array(4 * 64), new Int32Array(4)]
    split.gather(indices, pixels, labels)
    const oneHot = [...labels].flatMap((label) => [0, 1, 2].map((value) => (value === label ? 1 : 0)))
    for (const options of [undefined, {}, { augment: NOTHING, seed: 3 }, { labelSmoothing: 0, augment: null }]) {
      const batch = await batches(split, 4, options)(indices)
      expect(Buffer.from(batch.pixels.buffer).equals(Buffer.from(pixels.buffer))).to.equal(true)
      expect([...batch.labels]).to.deep.equal(oneHot)
    }
  })

  it('spread ε of a label over all classes', async () => {
    const split = train()
    const { labels } = await batches(split, 1, { labelSmoothing: 0.3 })([5])
    const expected = [0, 1, 2].map((value) => (value === split.labels[5] ? 0.8 : 0.1))
    labels.forEach((value, i) => expect(value).to.be.closeTo(expected[i], 1e-7))
  })

  it('have labels that sum to 1, smoothed and mixed', async () => {
    const make = batches(train(), 8, { labelSmoothing: 0.1, augment: RECIPE })
    for (let step = 0; step < 20; step++) {
      const { labels } = await make([0, 1, 2, 3, 4, 5, 6, 7], { epoch: 0, step })
      for (let row = 0; row < 8; row++) {
        const [a, b, c] = labels.subarray(3 * row)
        expect(a + b + c).to.be.closeTo(1, 1e-6)
        expect(Math.min(a, b, c)).to.be.greaterThan(0.033)
      }
    }
  })

  it('are the same bytes for one seed, epoch and step, and others for any other', async () => {
    const split = train()
    const indices = [4, 8, 15, 16, 23, 39]
    const first = batches(split, 6, { augment: RECIPE, seed: 1 })
    const bytes = async (make: typeof first, epoch: number, step: number) =>
      Buffer.from((await make(indices, { epoch, step })).pixels.buffer).toString('hex')
    const known = await bytes(first, 2, 3)
    const again = batches(split, 6, { augment: RECIPE, seed: 1 })
    const others = [await bytes(again, 3, 2), await bytes(again, 2, 4), await bytes(again, 3, 3)]
    expect(await bytes(again, 2, 3)).to.equal(known)
    expect(await bytes(first, 2, 3)).to.equal(known)
    expect(others).to.not.include(known)
    expect(await bytes(batches(split, 6, { augment: RECIPE, seed: 2 }), 2, 3)).to.not.equal(known)
  })

  it('have images that do not depend on the rest of the batch but by mixing', async () => {
    const split = train()
    const make = batches(split, 3, { augment: { ...RECIPE, mixup: 0, cutmix: 0, erasing: 1 } })
    const [one, other] = [await make([1, 2, 3]), await make([7, 2, 9])]
    expect(one.pixels.subarray(64, 128)).to.deep.equal(other.pixels.subarray(64, 128))
    // The same image in two rows is changed in two ways.
    const twice = await make([2, 2, 2])
    expect(twice.pixels.subarray(0, 64)).to.not.deep.equal(twice.pixels.subarray(64, 128))
  })

  it('flip an image with its probability', async () => {
    const make = batches(oneImage(), 2000, { augment: { ...NOTHING, flip: 0.3 } })
    const { pixels } = await make(Array<number>(2000).fill(0))
    let flipped = 0
    for (let row = 0; row < 2000; row++) if (pixels[row * 64] > pixels[row * 64 + 7]) flipped++
    expect(flipped / 2000).to.be.closeTo(0.3, 4 * Math.sqrt(0.21 / 2000))
  })

  it('erase with its probability, after normalisation', async () => {
    const make = batches(oneImage(), 2000, { augment: { ...NOTHING, erasing: 0.25 } })
    const { pixels } = await make(Array<number>(2000).fill(0))
    const known = new Set([...oneImage().images].map((value) => Math.fround(value / 255)))
    let erased = 0
    for (let row = 0; row < 2000; row++) {
      if (pixels.subarray(row * 64, (row + 1) * 64).some((value) => !known.has(value))) erased++
    }
    expect(erased / 2000).to.be.closeTo(0.25, 4 * Math.sqrt(0.1875 / 2000))
  })

  it('jitter colours only where RandAugment is off', async () => {
    const pixels = async (randAugment: AugmentParams['randAugment'], colorJitter: number) =>
      (await batches(oneImage(), 1, { augment: { ...NOTHING, randAugment, colorJitter } })([0])).pixels
    const drawn = { operations: 2, magnitude: 9, std: 0.5 }
    expect(await pixels(drawn, 0.4)).to.deep.equal(await pixels(drawn, 0))
    expect(await pixels(null, 0.4)).to.not.deep.equal(await pixels(null, 0))
  })

  it('of images with one, two and three channels keep their shape and range', async () => {
    for (const channels of [1, 2, 3]) {
      const generator = Generator.from(channels, 'images')
      const images = Uint8Array.from({ length: 10 * 64 * channels }, () => generator.integer(256))
      const normalised = Array.from({ length: channels }, () => Float32Array.from({ length: 256 }, (_, v) => v / 255))
      const mean = Array.from({ length: channels }, () => 0.5)
      const split = { count: 10, images, labels: new Int32Array(10), mean, std: mean, normalised, gather: () => {} }
      const options = { augment: { ...RECIPE, erasing: 0 } }
      const make = batches(split, 10, options, { ...config, channels })
      for (let step = 0; step < 30; step++) {
        const { pixels } = await make([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], { epoch: 0, step })
        expect(pixels.length).to.equal(10 * 64 * channels)
        expect(pixels.every((value) => value >= 0 && value <= 1.000001)).to.equal(true)
      }
    }
  })

  it('are filled by turns: the call after the next one reuses the arrays', async () => {
    const make = labelledBatches(train(), config, 2, { augment: RECIPE })
    const [first, second, third] = await Promise.all(
      [0, 1, 2].map((step) => make(Int32Array.of(0, 1), { epoch: 0, step })),
    )
    expect(second.pixels).to.not.equal(first.pixels)
    expect(third.pixels).to.equal(first.pixels)
  })
})
