import { expect } from 'chai'
import { count, milliseconds, parseCount, parseMilliseconds } from '../../src/results/format.js'

describe('amounts on the command line', () => {
  it('are counts with and without a unit', () => {
    expect(['5e6', '5M', '5 m', '1.2G', '800k', '.5k', '42'].map(parseCount)).to.deep.equal([
      5e6, 5e6, 5e6, 1.2e9, 8e5, 500, 42,
    ])
  })

  it('are times, in milliseconds where there is no unit', () => {
    expect(['20ms', '0.02s', '20', '500us', '2 min'].map(parseMilliseconds)).to.deep.equal([20, 20, 20, 0.5, 120_000])
  })

  it('are refused where they are none, or not above zero', () => {
    for (const text of ['', 'much', '5X', '-5', '0', '0ms', '1e999', '5M5', 'NaN', '1,5']) {
      expect([parseCount(text), parseMilliseconds(text)], text).to.deep.equal([undefined, undefined])
    }
    expect([parseCount('20ms'), parseMilliseconds('5M')]).to.deep.equal([undefined, undefined])
  })
})

describe('amounts as people read them', () => {
  it('have three digits and never a thousand of a unit', () => {
    expect([999, 1000, 999_499, 999_600, 5_717_416, 1.2e9].map(count)).to.deep.equal([
      '999',
      '1.00 k',
      '999 k',
      '1.00 M',
      '5.72 M',
      '1.20 G',
    ])
    expect([0.123, 1.234, 12.34, 1234].map(milliseconds)).to.deep.equal(['0.12 ms', '1.23 ms', '12.3 ms', '1234 ms'])
  })
})
