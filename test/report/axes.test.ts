import { expect } from 'chai'
import {
  costAxis,
  evenTicks,
  exactTick,
  linearTicks,
  percentDomain,
  shortCount,
} from '../../src/report/drawing/axes.js'

describe('a tick', () => {
  it('is called what it is', () => {
    expect([7.5, 12.5, 0.1 + 0.2, 15].map(exactTick)).to.deep.equal(['7.5', '12.5', '0.3', '15'])
  })
})

describe('axes', () => {
  it('are linear for a narrow range of costs and logarithmic for a wide one', () => {
    expect(costAxis([45e3, 187e3], 'params', 1, 9).options.type).to.equal('linear')
    const wide = costAxis([45e3, 87e6], 'params', 1, 9).options
    expect(wide.type).to.equal('log')
    expect(wide.ticks.map(wide.tickFormat)).to.deep.equal(['100 k', '300 k', '1 M', '3 M', '10 M', '30 M', '100 M'])
  })

  it('have no more ticks than fit, all within', () => {
    for (const most of [4, 7, 9]) {
      const { ticks, domain } = costAxis([12_345, 67_890], 'macs', 1, most).options
      expect(ticks.length).to.be.within(1, most + 1)
      expect(ticks.every((tick) => tick >= domain[0] && tick <= domain[1])).to.equal(true)
    }
  })

  it('hold for one model alone and for equal scores', () => {
    const { ticks, domain } = costAxis([5000], 'params', 1, 5).options
    expect(domain[0]).to.be.below(5000)
    expect(ticks.length).to.be.above(0)
    const [low, high] = percentDomain([0.5, 0.5])
    expect(low).to.be.below(50)
    expect(high).to.be.above(50)
    expect(linearTicks(0, 0.9, 4)).to.have.length(4)
  })

  it('have labels whose distances read as they are', () => {
    const labels = (low: number, high: number, quantity: 'number' | 'count' | 'ms'): readonly string[] => {
      const { ticks, tickFormat } = evenTicks(low, high, 7, quantity)
      return ticks.map(tickFormat)
    }
    expect(labels(0.12, 0.26, 'ms')).to.deep.equal(
      ['0.120', '0.140', '0.160', '0.180', '0.200', '0.220', '0.240', '0.260'].map((each) => `${each.slice(0, 4)} ms`),
    )
    expect(labels(0.12, 0.28, 'ms')).to.deep.equal([
      '0.125 ms',
      '0.150 ms',
      '0.175 ms',
      '0.200 ms',
      '0.225 ms',
      '0.250 ms',
      '0.275 ms',
    ])
    expect(labels(1.1e6, 1.26e6, 'count')).to.deep.equal(
      ['1.100', '1.125', '1.150', '1.175', '1.200', '1.225', '1.250'].map((each) => `${each} M`),
    )
    expect(labels(0, 900_000, 'count')).to.deep.equal(['0', '200 k', '400 k', '600 k', '800 k'])
    expect(labels(92, 98, 'number')).to.deep.equal(['92', '93', '94', '95', '96', '97', '98'])
    expect(new Set(labels(1e-9, 8e-9, 'number')).size).to.equal(8)
  })

  it('count without superfluous digits', () => {
    expect([100_000, 1_500_000, 2e9, 0].map(shortCount)).to.deep.equal(['100 k', '1.5 M', '2 G', '0'])
  })
})
