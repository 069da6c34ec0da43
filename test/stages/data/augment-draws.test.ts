import { expect } from 'chai'
import { drawCrop, eraseRectangle } from '../../../src/stages/data/augment.js'
import { drawBeta } from '../../../src/stages/data/mixing.js'
import { Generator } from '../../../src/stages/data/random.js'

const mean = (values: readonly number[]): number => values.reduce((sum, x) => sum + x, 0) / values.length

const many = <A>(count: number, draw: () => A): A[] => Array.from({ length: count }, draw)

describe('random resized crop', () => {
  it('draws area, ratio and place as torchvision does', () => {
    const generator = Generator.from(1, 'crop')
    const boxes = many(6000, () => drawCrop(generator, 224, 224, 0.08))
    const areas = boxes.map(({ height, width }) => (height * width) / 224 ** 2)
    const ratios = boxes.map(({ height, width }) => width / height)
    expect(Math.min(...areas)).to.be.within(0.075, 0.09)
    expect(Math.max(...areas)).to.be.within(0.97, 1)
    expect(Math.min(...ratios)).to.be.within(0.72, 0.77)
    expect(Math.max(...ratios)).to.be.within(1.3, 1.38)
    // Of 300 000 draws of torchvision's rule; tolerances of four standard deviations of these 6000.
    expect(mean(areas)).to.be.closeTo(0.4793, 0.0121)
    expect(mean(areas.map((area) => (area - 0.4793) ** 2))).to.be.closeTo(0.2345 ** 2, 0.0026)
    expect(mean(ratios.map(Math.log))).to.be.closeTo(0, 0.0082)
    expect(mean(ratios.map((ratio) => Math.log(ratio) ** 2))).to.be.closeTo(0.1595 ** 2, 0.0012)
    const free = boxes.filter(({ height, width }) => height < 224 && width < 224)
    expect(mean(free.map(({ top, height }) => top / (224 - height)))).to.be.closeTo(0.5, 0.016)
    expect(mean(free.map(({ left, width }) => left / (224 - width)))).to.be.closeTo(0.5, 0.016)
    for (const { top, left, height, width } of boxes) {
      expect(top >= 0 && left >= 0 && top + height <= 224 && left + width <= 224).to.equal(true)
    }
  })

  it('takes the middle, no longer than 4 to 3, where no draw fits', () => {
    const generator = Generator.from(1, 'crop')
    expect(drawCrop(generator, 30, 300, 1)).to.deep.equal({ top: 0, left: 130, height: 30, width: 40 })
    expect(drawCrop(generator, 300, 30, 1)).to.deep.equal({ top: 130, left: 0, height: 40, width: 30 })
  })

  it('gives a box of at least one pixel from the smallest images', () => {
    const generator = Generator.from(2, 'crop')
    for (const { height, width } of many(500, () => drawCrop(generator, 2, 1, 0.001))) {
      expect(height).to.be.within(1, 2)
      expect(width).to.equal(1)
    }
  })
})

describe('random erasing', () => {
  it('makes normal noise of one rectangle of 2 % to a third of the area, in all channels, and leaves the rest', () => {
    const generator = Generator.from(1, 'erasing')
    const shape = { height: 30, width: 40, channels: 3 }
    const size = 30 * 40 * 3
    const noise: number[] = []
    const shares: number[] = []
    for (let trial = 0; trial < 200; trial++) {
      const pixels = new Float32Array(3 * size).fill(99)
      eraseRectangle(pixels, size, shape, generator)
      expect(pixels.subarray(0, size).every((value) => value === 99)).to.equal(true)
      expect(pixels.subarray(2 * size).every((value) => value === 99)).to.equal(true)
      const erased = [...pixels.subarray(size, 2 * size).entries()].filter(([, value]) => value !== 99)
      const places = erased.map(([at]) => Math.floor(at / 3))
      const [rows, columns] = [new Set(places.map((at) => Math.floor(at / 40))), new Set(places.map((at) => at % 40))]
      expect(erased.length).to.equal(3 * rows.size * columns.size)
      expect(Math.max(...rows) - Math.min(...rows)).to.equal(rows.size - 1)
      shares.push((rows.size * columns.size) / 1200)
      noise.push(...erased.slice(0, 100).map(([, value]) => value))
    }
    expect(Math.min(...shares)).to.be.within(0.015, 0.05)
    expect(Math.max(...shares)).to.be.within(0.31, 0.36)
    // Of 20 000 rectangles of timm's, and four standard deviations of these 200.
    expect(mean(shares)).to.be.closeTo(0.1715, 0.0252)
    expect(mean(noise)).to.be.closeTo(0, 0.03)
    expect(mean(noise.map((x) => x ** 2))).to.be.closeTo(1, 0.05)
  })

  it('leaves an image alone in which no rectangle fits', () => {
    const pixels = Float32Array.of(5)
    eraseRectangle(pixels, 0, { height: 1, width: 1, channels: 1 }, Generator.from(1))
    expect([...pixels]).to.deep.equal([5])
  })
})

describe('draws of Beta(α, α)', () => {
  for (const alpha of [0.2, 0.8, 1, 4]) {
    it(`have the distribution's mean, variance and fourth moment for α = ${alpha}`, () => {
      const generator = Generator.from(6, 'beta')
      const draws = many(40_000, () => drawBeta(generator, alpha) - 0.5)
      const variance = 1 / (4 * (2 * alpha + 1))
      expect(mean(draws)).to.be.closeTo(0, 0.01)
      expect(mean(draws.map((x) => x ** 2))).to.be.closeTo(variance, 0.02 * variance)
      const fourth = ((3 * (2 * alpha + 1)) / (2 * alpha + 3)) * variance ** 2
      expect(mean(draws.map((x) => x ** 4))).to.be.closeTo(fourth, 0.05 * fourth)
    })
  }

  it('are numbers from 0 to 1 even for the smallest α', () => {
    const generator = Generator.from(7, 'beta')
    const draws = many(500, () => drawBeta(generator, 1e-4))
    expect(draws.every((value) => value >= 0 && value <= 1)).to.equal(true)
    expect(draws.filter((value) => value < 0.5).length).to.be.within(200, 300)
  })
})
