/**
 * Learned positions for images of another size, as timm 1.0 makes them: the grid of patches is resized, bicubic and
 * antialiased (PyTorch's `interpolate` with both, weights as Pillow's), and the tokens before it keep theirs.
 */
import { BICUBIC } from '../data/resize.js'

/** For each of `to` places, the weight of each of `from`: `[to, from]`. Where that shrinks, the kernel is widened. */
const axisWeights = (from: number, to: number): readonly Float64Array[] => {
  const scale = from / to
  const widened = Math.max(scale, 1)
  return Array.from({ length: to }, (_, place) => {
    const center = (place + 0.5) * scale
    const start = Math.max(Math.trunc(center - BICUBIC.support * widened + 0.5), 0)
    const end = Math.min(Math.trunc(center + BICUBIC.support * widened + 0.5), from)
    const weights = new Float64Array(from)
    for (let at = start; at < end; at++) weights[at] = BICUBIC.weight((at - center + 0.5) / widened)
    const sum = weights.reduce((total, weight) => total + weight, 0)
    return weights.map((weight) => weight / sum)
  })
}

/**
 * Positions `[1, prefix + from², d]` → `[1, prefix + to², d]`, row by row of the grid; `prefix` of them belong to
 * tokens that are no patches.
 */
export const resamplePositions = (
  positions: Float32Array,
  prefix: number,
  from: number,
  to: number,
  d: number,
): Float32Array => {
  const result = new Float32Array((prefix + to * to) * d)
  result.set(positions.subarray(0, prefix * d))
  const weights = axisWeights(from, to)
  // First along rows: [from, to, d], then along columns.
  const rows = new Float64Array(from * to * d)
  for (let y = 0; y < from; y++) {
    for (let x = 0; x < to; x++) {
      weights[x].forEach((weight, at) => {
        for (let i = 0; i < d; i++) rows[(y * to + x) * d + i] += weight * positions[(prefix + y * from + at) * d + i]
      })
    }
  }
  for (let y = 0; y < to; y++) {
    for (let x = 0; x < to; x++) {
      for (let i = 0; i < d; i++) {
        let sum = 0
        for (let at = 0; at < from; at++) sum += weights[y][at] * rows[(at * to + x) * d + i]
        result[(prefix + y * to + x) * d + i] = sum
      }
    }
  }
  return result
}
