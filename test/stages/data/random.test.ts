import { expect } from 'chai'
import { Generator } from '../../../src/stages/data/random.js'

const draw = <A>(count: number, next: () => A): A[] => Array.from({ length: count }, next)
const mean = (values: readonly number[]): number => values.reduce((sum, x) => sum + x, 0) / values.length

describe('the seeded generator', () => {
  it('gives the published values of xoshiro128** for the state 1, 2, 3, 4', () => {
    const generator = Generator.restore([1, 2, 3, 4])
    expect(draw(8, () => generator.uint32())).to.deep.equal([
      11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849,
    ])
  })

  it('gives the same values for a seed and its labels, whenever it is asked', () => {
    const generator = Generator.from(7, 'take')
    expect(generator.state()).to.deep.equal([1437376796, 1663833640, 546548471, 1495754335])
    expect(generator.uint32()).to.equal(1609730095)
    expect(generator.uniform()).to.equal(0.6801398674373785)
    expect(generator.integer(10)).to.equal(3)
    expect(generator.normal()).to.equal(-0.43833210513280446)
    expect([...generator.permutation(8)]).to.deep.equal([2, 0, 1, 5, 3, 7, 4, 6])
    expect([...generator.sample(20, 5)]).to.deep.equal([0, 3, 7, 15, 18])
  })

  it('goes on exactly where its state was taken, after any kind of draw', () => {
    const generator = Generator.from(3)
    generator.normal()
    generator.integer(1000)
    const restored = Generator.restore(JSON.parse(JSON.stringify(generator.state())))
    expect(draw(100, () => restored.normal())).to.deep.equal(draw(100, () => generator.normal()))
  })

  it('refuses a state that is none', () => {
    for (const state of [
      [1, 2, 3],
      [0, 0, 0, 0],
      [1, 2, 3, 2 ** 32],
      [1, 2, 3, -1],
      [1, 2, 3, 0.5],
    ]) {
      expect(() => Generator.restore(state)).to.throw(RangeError, 'four 32-bit words')
    }
  })

  it('separates streams by seed, by label and by where one label ends', () => {
    const starts = [
      Generator.from(1),
      Generator.from(2),
      Generator.from(1, 'a'),
      Generator.from(1, 'b'),
      Generator.from(1, 'a', 'b'),
      Generator.from(1, 'ab'),
    ].map((generator) => generator.uint32())
    expect(new Set(starts).size).to.equal(starts.length)
  })

  it('has uncorrelated streams for neighbouring seeds', () => {
    const count = 20_000
    const a = Generator.from(1, 'epoch')
    const b = Generator.from(2, 'epoch')
    const covariance = draw(count, () => a.normal() * b.normal()).reduce((sum, x) => sum + x, 0) / count
    expect(Math.abs(covariance)).to.be.below(4 / Math.sqrt(count))
  })

  it('draws integers of equal likelihood', () => {
    const generator = Generator.from(11)
    const bins = 12
    const count = 60_000
    const counts = new Float64Array(bins)
    for (let i = 0; i < count; i++) counts[generator.integer(bins)]++
    const chiSquare = counts.reduce((sum, n) => sum + (n - count / bins) ** 2 / (count / bins), 0)
    // 99.9 % of the distribution with 11 degrees of freedom.
    expect(chiSquare).to.be.below(31.3)
    expect(chiSquare).to.be.above(1.5)
  })

  it('draws below 3·2³⁰ without favouring the small numbers', () => {
    // A remainder instead of a rejection would put half of the draws into the lowest third.
    const generator = Generator.from(5)
    const low = draw(9000, () => generator.integer(3 * 2 ** 30)).filter((value) => value < 2 ** 30).length
    expect(low).to.be.within(2800, 3200)
  })

  it('refuses to draw an integer below 0, a fraction or more than 2³²', () => {
    for (const n of [0, -1, 1.5, 2 ** 32 + 1, NaN]) expect(() => Generator.from(1).integer(n)).to.throw(RangeError)
  })

  it('draws uniform numbers in [0, 1) and normal ones with the moments of a normal distribution', () => {
    const generator = Generator.from(13)
    const count = 50_000
    const uniform = draw(count, () => generator.uniform())
    expect(Math.min(...uniform)).to.be.within(0, 0.001)
    expect(Math.max(...uniform)).to.be.within(0.999, 1 - 2 ** -53)
    expect(mean(uniform)).to.be.closeTo(0.5, 0.005)
    const normal = draw(count, () => generator.normal())
    expect(mean(normal)).to.be.closeTo(0, 0.02)
    expect(mean(normal.map((x) => x ** 2))).to.be.closeTo(1, 0.03)
    expect(mean(normal.map((x) => x ** 4))).to.be.closeTo(3, 0.25)
    expect(normal.filter((x) => Math.abs(x) < 1).length / count).to.be.closeTo(0.6827, 0.01)
  })

  it('permutes: every number once, and every order of three equally likely', () => {
    const generator = Generator.from(17)
    expect([...generator.permutation(1000)].toSorted((a, b) => a - b)).to.deep.equal([...Array(1000).keys()])
    const orders = new Map<string, number>()
    for (let i = 0; i < 6000; i++) {
      const order = generator.permutation(3).join('')
      orders.set(order, (orders.get(order) ?? 0) + 1)
    }
    expect(orders.size).to.equal(6)
    for (const count of orders.values()) expect(count).to.be.within(850, 1150)
  })

  it('samples distinct numbers in ascending order, each equally likely', () => {
    const generator = Generator.from(19)
    const counts = new Float64Array(10)
    for (let i = 0; i < 5000; i++) {
      const sample = [...generator.sample(10, 3)]
      expect(sample).to.deep.equal([...new Set(sample)].toSorted((a, b) => a - b))
      for (const value of sample) counts[value]++
    }
    for (const count of counts) expect(count).to.be.within(1350, 1650)
    expect([...generator.sample(4, 4)]).to.deep.equal([0, 1, 2, 3])
    expect([...generator.sample(4, 0)]).to.deep.equal([])
    expect(() => generator.sample(4, 5)).to.throw(RangeError, 'cannot draw 5 distinct numbers of 4')
  })
})
