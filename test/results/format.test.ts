import { expect } from 'chai'
import { bytes, duration, lossText, plural } from '../../src/results/format.js'

describe('numbers for people', () => {
  it('are times in the unit that they round to', () => {
    const said = [999.4, 999.6, 59_940, 59_960, 3_599_700].map(duration)
    expect(said).to.deep.equal(['999 ms', '1.0 s', '59.9 s', '1:00', '1:00:00'])
  })

  it('are bytes in the unit that they round to', () => {
    expect([1023, 1024, 1_048_550, 2 ** 20].map(bytes)).to.deep.equal(['1023 B', '1.0 KiB', '1.0 MiB', '1.0 MiB'])
  })

  it('count one thing in the singular', () => {
    expect([plural(1, 'seed'), plural(2, 'seed')]).to.deep.equal(['1 seed', '2 seeds'])
  })

  it('are a dash for a loss that is no number', () => {
    expect([lossText(0.5), lossText(null)]).to.deep.equal(['0.5000', '–'])
  })
})
