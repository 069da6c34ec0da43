/** Affine maps y = W·x + b in double precision: how learned matrices are averaged, turned round and composed. */
import type { NamedValues } from '../tensors/named-tensors.js'
import { leastNormSolver } from './least-squares.js'

export interface Affine {
  /** Width of y, and of x. */
  readonly out: number
  readonly inner: number
  /** `[out, inner]`, row-major. */
  readonly weight: Float64Array
  /** `[out]` */
  readonly bias: Float64Array
}

/** The Linear layer `name` `[out, inner]`. */
export const affineOf = (values: NamedValues, name: string, out: number, inner: number): Affine => ({
  out,
  inner,
  weight: Float64Array.from(values[`${name}.weight`]),
  bias: Float64Array.from(values[`${name}.bias`]),
})

const meanOf = (arrays: readonly Float64Array[]): Float64Array => {
  const mean = new Float64Array(arrays[0].length)
  for (const array of arrays) array.forEach((value, index) => (mean[index] += value / arrays.length))
  return mean
}

/** The mean of maps between the same widths. */
export const meanAffine = (maps: readonly Affine[]): Affine => ({
  ...maps[0],
  weight: meanOf(maps.map(({ weight }) => weight)),
  bias: meanOf(maps.map(({ bias }) => bias)),
})

/** The map without its bias. */
export const withoutBias = (map: Affine): Affine => ({ ...map, bias: new Float64Array(map.out) })

/** W·x + b, added up in the order of x. */
const apply = ({ out, inner, weight }: Affine, x: Float64Array, start: Float64Array): Float64Array => {
  const y = start.slice()
  for (let row = 0; row < out; row++) {
    for (let column = 0; column < inner; column++) y[row] += weight[row * inner + column] * x[column]
  }
  return y
}

/** First `inner`, then `outer`: W = W_outer·W_inner, b = W_outer·b_inner + b_outer. */
export const compose = (outer: Affine, inner: Affine): Affine => {
  const weight = new Float64Array(outer.out * inner.inner)
  const zeros = new Float64Array(outer.out)
  for (let column = 0; column < inner.inner; column++) {
    const x = Float64Array.from({ length: inner.out }, (_, row) => inner.weight[row * inner.inner + column])
    apply(outer, x, zeros).forEach((value, row) => (weight[row * inner.inner + column] = value))
  }
  return { out: outer.out, inner: inner.inner, weight, bias: apply(outer, inner.bias, outer.bias) }
}

/** Wᵀ without a bias: it maps between the same spaces the other way, but is not the inverse. */
export const transposeAffine = ({ out, inner, weight }: Affine): Affine => ({
  out: inner,
  inner: out,
  weight: Float64Array.from({ length: weight.length }, (_, at) => weight[(at % out) * inner + Math.floor(at / out)]),
  bias: new Float64Array(inner),
})

/**
 * The Moore–Penrose inverse of the map with its bias: of all x that bring W·x + b nearest to y the shortest, W⁺·y −
 * W⁺·b. Directions weaker than the rounding of single precision count as none.
 */
export const pseudoInverse = ({ out, inner, weight, bias }: Affine): Affine => {
  const columns = Array.from({ length: inner }, (_, column) =>
    Float64Array.from({ length: out }, (_, row) => weight[row * inner + column]),
  )
  const solve = leastNormSolver(columns, Math.max(out, inner) * 2 ** -23)
  const inverse = new Float64Array(inner * out)
  for (let unit = 0; unit < out; unit++) {
    const { solution } = solve(Float64Array.from({ length: out }, (_, row) => (row === unit ? 1 : 0)))
    solution.forEach((value, row) => (inverse[row * out + unit] = value))
  }
  const linear = { out: inner, inner: out, weight: inverse, bias: new Float64Array(inner) }
  return { ...linear, bias: apply(linear, bias, linear.bias).map((value) => 0 - value) }
}
