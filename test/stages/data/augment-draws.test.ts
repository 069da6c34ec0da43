import { expect } from 'chai'
import { colorJitter, drawCrop, eraseRectangle } from '../../../src/stages/data/augment.js'
import { Canvas } from '../../../src/stages/data/canvas.js'
import { brightness, color, contrast } from '../../../src/stages/data/image-operations.js'
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

  it('of photographs draws them so too, each from the stream of its epoch and picture', () => {
    const [height, width] = [400, 500]
    const boxes = Array.from({ length: 10_000 }, (_, at) => {
      const generator = Generator.from(7, 'augment', String(Math.floor(at / 100)), 'picture', String(at % 100), '0')
      return { ...drawCrop(generator, height, width, 0.08), isFlipped: generator.uniform() < 0.5 }
    })
    const areas = boxes.map((box) => (box.height * box.width) / (height * width))
    const ratios = boxes.map((box) => Math.log(box.width / box.height))
    // Of 300 000 draws of torchvision's rule; tolerances of four standard deviations of these 10 000.
    expect(mean(areas)).to.be.closeTo(0.4535, 0.0091)
    expect(mean(areas.map((area) => (area - 0.4535) ** 2))).to.be.closeTo(0.2269 ** 2, 0.0022)
    expect(mean(ratios)).to.be.closeTo(0.0281, 0.0066)
    expect(mean(ratios.map((ratio) => (ratio - 0.0281) ** 2))).to.be.closeTo(0.1636 ** 2, 0.001)
    const free = boxes.filter((box) => box.height < height && box.width < width)
    expect(mean(free.map((box) => box.top / (height - box.height)))).to.be.closeTo(0.5, 0.0116)
    expect(mean(free.map((box) => box.left / (width - box.width)))).to.be.closeTo(0.5, 0.0116)
    expect(mean(boxes.map(({ isFlipped }) => Number(isFlipped)))).to.be.closeTo(0.5, 0.02)
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

describe('colour jitter', () => {
  it('draws its factors uniformly from 1 ± strength, in all six orders equally often', () => {
    const generator = Generator.from(1, 'jitter')
    const strength = 0.4
    const factors: number[] = []
    const orders = new Map<string, number>()
    // What is drawn, by a generator in the same state.
    for (const _ of Array(10_000).keys()) {
      const twin = Generator.restore(generator.state())
      const canvas = new Canvas({ height: 1, width: 1, channels: 3 })
      canvas.pixels.set([90, 120, 100])
      const expected = new Canvas({ height: 1, width: 1, channels: 3 })
      expected.pixels.set([90, 120, 100])
      const order = [...twin.permutation(3)]
      orders.set(order.join(''), (orders.get(order.join('')) ?? 0) + 1)
      for (const part of order) {
        const factor = 1 - strength + 2 * strength * twin.uniform()
        factors.push(factor)
        ;[brightness, contrast, color][part](expected, factor)
      }
      colorJitter(canvas, generator, strength)
      expect([...canvas.pixels]).to.deep.equal([...expected.pixels])
    }
    expect(Math.min(...factors)).to.be.within(0.6, 0.601)
    expect(Math.max(...factors)).to.be.within(1.399, 1.4)
    // Four standard deviations of 30 000 draws, and of each of the six orders' counts.
    expect(mean(factors)).to.be.closeTo(1, (4 * 0.8) / Math.sqrt(12 * 30_000))
    expect(mean(factors.map((factor) => (factor - 1) ** 2))).to.be.closeTo(0.64 / 12, 0.0012)
    expect(orders.size).to.equal(6)
    for (const count of orders.values()) expect(count / 10_000).to.be.closeTo(1 / 6, 4 * Math.sqrt(5 / 36 / 10_000))
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
