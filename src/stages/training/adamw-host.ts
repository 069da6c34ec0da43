/** AdamW on plain arrays, in place: the update of `adamw.ts`, computed in double precision and rounded when it is stored. */
import type { AdamwParams, AdamwScalars } from './adamw.js'

/** A stretch of one component's flat vectors. */
export interface AdamwStretch {
  readonly theta: Float32Array
  readonly m: Float32Array
  readonly v: Float32Array
  /** Gradients of equal parts of the batch; the batch's is their mean. */
  readonly gradients: readonly Float32Array[]
  readonly from: number
  readonly to: number
  /** Decay applies to the values before this index. */
  readonly decayed: number
  readonly scalars: AdamwScalars<number>
}

type Moments = Pick<AdamwParams, 'beta1' | 'beta2' | 'eps'>

/** Adds the gradients of the further parts to the first one's. */
const addUp = ({ gradients, from, to }: AdamwStretch): Float32Array => {
  const [sum, ...others] = gradients as readonly [Float32Array, ...Float32Array[]]
  for (const other of others) for (let index = from; index < to; index++) sum[index] += other[index]
  return sum
}

const update = (
  { theta, m, v, gradients, scalars: { stepSize, rootCorrection } }: AdamwStretch,
  { beta1, beta2, eps }: Moments,
  gradient: Float32Array,
  from: number,
  to: number,
  keep: number,
): void => {
  const share = 1 / gradients.length
  const correction = 1 / rootCorrection
  for (let index = from; index < to; index++) {
    const g = gradient[index] * share
    const mean = beta1 * m[index] + (1 - beta1) * g
    const square = beta2 * v[index] + (1 - beta2) * g * g
    m[index] = mean
    v[index] = square
    theta[index] = theta[index] * keep - (stepSize * mean) / (Math.sqrt(square) * correction + eps)
  }
}

/** One update of every stretch. The first of the gradients is overwritten. */
export const adamwInPlace = (params: Moments, stretches: readonly AdamwStretch[]): void => {
  for (const stretch of stretches) {
    const gradient = addUp(stretch)
    const border = Math.min(Math.max(stretch.decayed, stretch.from), stretch.to)
    update(stretch, params, gradient, stretch.from, border, stretch.scalars.keep)
    update(stretch, params, gradient, border, stretch.to, 1)
  }
}
