import { expect } from 'chai'
import { halfOf } from '../../src/engine/onnx/graph/half.js'

/** What the bits of a half mean, by the standard's formula. */
const valueOf = (half: number): number => {
  const [exponent, fraction] = [(half >> 10) & 31, half & 1023]
  return exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15)
}

describe('a number in half precision', () => {
  it('is the nearest half, of two as near the even one, infinite beyond the largest', () => {
    const wrong: number[] = []
    for (let half = 0; half < 0x7c00; half++) {
      const value = valueOf(half)
      // What comes after the largest would be 65 536.
      const middle = (value + valueOf(half + 1)) / 2
      const above = Math.fround(middle * (1 + 2 ** -22))
      const even = half % 2 === 0 ? half : half + 1
      const found = [halfOf(value), halfOf(-value), halfOf(middle), halfOf(above)]
      const wanted = [half, half | 0x8000, even, half + 1]
      if (String(found) !== String(wanted)) wrong.push(half)
    }
    expect(wrong).to.deep.equal([])
    expect([halfOf(Infinity), halfOf(-1e9), halfOf(NaN)]).to.deep.equal([0x7c00, 0xfc00, 0x7e00])
  })
})
