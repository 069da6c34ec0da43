import { expect } from 'chai'
import { StepRate } from '../../src/runtime/step-rate.js'

describe('how long steps take', () => {
  /** Steps that take so many milliseconds each, one after the other, each reported. */
  const rateOf = (durations: readonly number[]): number | undefined => {
    const rate = new StepRate()
    let now = 0
    durations.forEach((ms, index) => rate.reached(index + 1, (now += ms)))
    return rate.stepMs
  }
  const times = (count: number, ms: number): readonly number[] => Array.from({ length: count }, () => ms)

  it('is not known before the second report', () => {
    expect(rateOf([])).to.equal(undefined)
    expect(rateOf([5_000])).to.equal(undefined)
    expect(rateOf([5_000, 20])).to.equal(20)
  })

  it('leaves out the first steps, and later ones, in which something was made ready', () => {
    expect(rateOf([5_000, 900, 20, 20, 20])).to.be.closeTo(20, 1e-9)
    const drawn = Array.from({ length: 30 }, (_, index) => (index % 5 < 3 ? 400 : 20))
    expect(rateOf([5_000, ...drawn])).to.be.closeTo(20, 1e-9)
  })

  it('leaves out steps of which is said that something was made ready in them', () => {
    const rate = new StepRate()
    rate.reached(1, 0)
    rate.reached(2, 400, true)
    expect(rate.stepMs).to.equal(undefined)
    rate.reached(3, 800, true)
    rate.reached(4, 820)
    expect(rate.stepMs).to.be.closeTo(20, 1e-9)
  })

  it('is the mean of steps that differ as models do', () => {
    expect(rateOf([0, 10, 20, 10, 20, 10, 20])).to.be.closeTo(15, 1e-9)
  })

  it('holds for as many steps as there are', () => {
    expect(rateOf([3_000, ...times(100_000, 7)])).to.be.closeTo(7, 1e-6)
    expect(rateOf([3_000, ...times(500, 10), ...times(500, 20)])).to.be.within(14, 16)
  })

  it('is that of the steps between two reports where not every step is reported, and passes over old reports', () => {
    const rate = new StepRate()
    for (const [step, now] of [
      [1, 0],
      [11, 100],
      [5, 150],
      [21, 200],
    ] as const) {
      rate.reached(step, now)
    }
    expect(rate.stepMs).to.be.closeTo(10, 1e-9)
  })
})
