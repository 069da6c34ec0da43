import { expect } from 'chai'
import { measuredOf, spreadOf } from '../../src/results/statistics.js'

describe('mean and spread', () => {
  it('divides by n − 1, as a sample', () => {
    const { mean, std, n } = spreadOf([2, 4, 4, 4, 5, 5, 7, 9])!
    expect([mean, n]).to.deep.equal([5, 8])
    expect(std).to.be.closeTo(Math.sqrt(32 / 7), 1e-12)
  })

  it('has no standard deviation for one value and no answer for none', () => {
    expect(spreadOf([0.93])).to.deep.equal({ mean: 0.93, std: null, n: 1 })
    expect(spreadOf([])).to.equal(undefined)
  })

  it('gives equal values a spread of exactly 0', () => {
    expect(spreadOf([0.1, 0.1, 0.1])).to.deep.equal({ mean: 0.1, std: 0, n: 3 })
  })

  it('keeps every value with its cell', () => {
    const values = [
      { cell: 'seed=1', seed: 1, value: 1 },
      { cell: 'seed=2', seed: 2, value: 3 },
    ]
    expect(measuredOf(values)).to.deep.equal({ mean: 2, std: Math.SQRT2, n: 2, values })
  })
})
