import { expect } from 'chai'
import { Generator } from '../../../src/stages/data/random.js'
import {
  compose,
  meanAffine,
  pseudoInverse,
  transposeAffine,
  type Affine,
} from '../../../src/stages/stitching/affine.js'

const random = (out: number, inner: number, seed: number): Affine => {
  const generator = Generator.from(seed)
  const normals = (length: number) => Float64Array.from({ length }, () => generator.normal())
  return { out, inner, weight: normals(out * inner), bias: normals(out) }
}

/** A·B of row-major matrices with n columns in A. */
const product = (a: ArrayLike<number>, b: ArrayLike<number>, n: number): number[] => {
  const [rows, columns] = [a.length / n, b.length / n]
  return Array.from({ length: rows * columns }, (_, at) => {
    let sum = 0
    for (let k = 0; k < n; k++) sum += a[Math.floor(at / columns) * n + k] * b[k * columns + (at % columns)]
    return sum
  })
}

const expectClose = (actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance = 1e-12): void => {
  expect(actual).to.have.length(expected.length)
  Array.from(actual).forEach((value, at) => expect(value).to.be.closeTo(expected[at], tolerance))
}

const flip = (matrix: ArrayLike<number>, columns: number): number[] => {
  const rows = matrix.length / columns
  return Array.from({ length: matrix.length }, (_, at) => matrix[(at % rows) * columns + Math.floor(at / rows)])
}

describe('affine maps', () => {
  it('composed do one after the other', () => {
    const [inner, outer] = [random(3, 2, 1), random(4, 3, 2)]
    const both = compose(outer, inner)
    expect([both.out, both.inner]).to.deep.equal([4, 2])
    expectClose(both.weight, product(outer.weight, inner.weight, 3))
    const shift = product(outer.weight, inner.bias, 3)
    expectClose(
      both.bias,
      shift.map((value, row) => value + outer.bias[row]),
    )
  })

  it('transposed swap rows and columns and lose their shift', () => {
    const map: Affine = { out: 2, inner: 3, weight: Float64Array.of(1, 2, 3, 4, 5, 6), bias: Float64Array.of(7, 8) }
    expect(transposeAffine(map)).to.deep.equal({
      out: 3,
      inner: 2,
      weight: Float64Array.of(1, 4, 2, 5, 3, 6),
      bias: new Float64Array(3),
    })
  })

  it('have a mean of weights and shifts', () => {
    const [a, b] = [random(2, 2, 3), random(2, 2, 4)]
    const mean = meanAffine([a, b])
    expectClose(
      mean.weight,
      a.weight.map((value, at) => (value + b.weight[at]) / 2),
    )
    expectClose(
      mean.bias,
      a.bias.map((value, at) => (value + b.bias[at]) / 2),
    )
  })

  for (const [out, inner] of [
    [3, 7],
    [7, 3],
    [5, 5],
  ]) {
    it(`of ${inner} to ${out} have the inverse of Moore and Penrose`, () => {
      const map = random(out, inner, out)
      const inverse = pseudoInverse(map)
      const [a, p] = [map.weight, inverse.weight]
      expect([inverse.out, inverse.inner]).to.deep.equal([inner, out])
      // The four conditions that make it unique.
      expectClose(product(product(a, p, inner), a, out), a, 1e-10)
      expectClose(product(product(p, a, out), p, inner), p, 1e-10)
      expectClose(product(a, p, inner), flip(product(a, p, inner), out), 1e-10)
      expectClose(product(p, a, out), flip(product(p, a, out), inner), 1e-10)
      expectClose(
        inverse.bias,
        product(p, map.bias, out).map((value) => -value),
        1e-10,
      )
    })
  }

  it('of dependent rows have it too', () => {
    // Two equal rows: the inverse shares between them. W = [[1, 1], [1, 1]] has W⁺ = W / 4.
    const map: Affine = { out: 2, inner: 2, weight: Float64Array.of(1, 1, 1, 1), bias: Float64Array.of(2, 4) }
    const { weight, bias } = pseudoInverse(map)
    expectClose(weight, [0.25, 0.25, 0.25, 0.25])
    expectClose(bias, [-1.5, -1.5])
  })
})
