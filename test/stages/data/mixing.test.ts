import { expect } from 'chai'
import { drawMix, type Mix, mixBatch } from '../../../src/stages/data/mixing.js'
import { Generator } from '../../../src/stages/data/random.js'

const RECIPE = { mixup: 0.8, cutmix: 1, switchProbability: 0.5 }

const SHAPE = { height: 20, width: 30, channels: 3 }

const mean = (values: readonly number[]): number => values.reduce((sum, x) => sum + x, 0) / values.length

const drawn = (params: typeof RECIPE, count = 8000): readonly (Mix | null)[] => {
  const generator = Generator.from(9, 'mix')
  return Array.from({ length: count }, () => drawMix(generator, SHAPE, params))
}

describe('mixup and cutmix', () => {
  it('cutmix takes the place of mixup with the switch probability, and each is alone where the other is off', () => {
    const share = (params: typeof RECIPE) => mean(drawn(params, 4000).map((mix) => (mix?.type === 'cutmix' ? 1 : 0)))
    expect(share(RECIPE)).to.be.closeTo(0.5, 0.035)
    expect(share({ ...RECIPE, switchProbability: 0.2 })).to.be.closeTo(0.2, 0.03)
    expect(share({ ...RECIPE, cutmix: 0 })).to.equal(0)
    expect(share({ ...RECIPE, mixup: 0, switchProbability: 0 })).to.equal(1)
    expect(new Set(drawn({ mixup: 0, cutmix: 0, switchProbability: 0.5 }, 10))).to.deep.equal(new Set([null]))
  })

  it("mixup's share has the moments of Beta(0.8, 0.8)", () => {
    const shares = drawn({ ...RECIPE, cutmix: 0 }).map((mix) => mix!.share)
    expect(mean(shares)).to.be.closeTo(0.5, 0.015)
    expect(mean(shares.map((x) => (x - 0.5) ** 2))).to.be.closeTo(1 / (4 * 2.6), 0.003)
  })

  it("cutmix's share is what its box leaves, and its box lies in the image", () => {
    const mixes = drawn({ ...RECIPE, mixup: 0 }, 3000)
    for (const mix of mixes) {
      if (mix?.type !== 'cutmix') throw new Error('cutmix was asked for')
      const { top, left, height, width } = mix.box
      expect(mix.share).to.equal(1 - (height * width) / 600)
      expect(top >= 0 && left >= 0 && top + height <= 20 && left + width <= 30).to.equal(true)
    }
    // Of 100 000 boxes of timm's, four standard deviations of these 3000: what the edge cuts off is left to the image.
    const shares = mixes.map((mix) => mix!.share)
    expect(mean(shares)).to.be.closeTo(0.6928, 0.0136)
    expect(mean(shares.map((share) => (share - 0.6928) ** 2))).to.be.closeTo(0.1855 ** 2, 0.0023)
  })

  it('mixup mixes pixels and labels with those of the batch in reverse', () => {
    const pixels = Float32Array.of(1, 2, 3, 4, 5, 6)
    const labels = Float32Array.of(1, 0, 0, 1, 0.5, 0.5)
    mixBatch({ type: 'mixup', share: 0.75 }, pixels, { height: 1, width: 2, channels: 1 }, labels, 2)
    expect([...pixels]).to.deep.equal([2, 3, 3, 4, 4, 5])
    expect([...labels]).to.deep.equal([0.875, 0.125, 0, 1, 0.625, 0.375])
  })

  it('cutmix exchanges the box with the batch in reverse, and mixes the labels', () => {
    // Two images [2, 3, 1].
    const pixels = Float32Array.of(1, 2, 3, 4, 5, 6, 10, 20, 30, 40, 50, 60)
    const labels = Float32Array.of(1, 0, 0, 1)
    const box = { top: 1, left: 1, height: 1, width: 2 }
    mixBatch({ type: 'cutmix', share: 0.5, box }, pixels, { height: 2, width: 3, channels: 1 }, labels, 2)
    expect([...pixels]).to.deep.equal([1, 2, 3, 4, 50, 60, 10, 20, 30, 40, 5, 6])
    expect([...labels]).to.deep.equal([0.5, 0.5, 0.5, 0.5])
  })
})
