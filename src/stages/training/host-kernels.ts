/**
 * What threads do to a training's plain arrays, in place: gradients summed over batches, their norms, AdamW's update.
 * Computed in double precision and rounded when stored. Threads import this module, so it must stay free of tensors.
 */
import type { AdamwScalars, UpdateParams } from './optimiser.js'

/** A stretch of one component's gradient: the mean of those of one or two parts of a batch. */
export interface GradientStretch {
  readonly gradients: readonly Float32Array[]
  /** Where it is added. */
  readonly sum: Float32Array
  readonly from: number
  readonly to: number
}

/** Adds the gradients to their sums, or starts the sums with them. */
export const gatherInPlace = (stretches: readonly GradientStretch[], begins: boolean): void => {
  for (const { gradients, sum, from, to } of stretches) {
    const [one, other = one] = gradients
    if (begins) for (let index = from; index < to; index++) sum[index] = (one[index] + other[index]) * 0.5
    else for (let index = from; index < to; index++) sum[index] += (one[index] + other[index]) * 0.5
  }
}

/** One tensor's gradient among those of its component. */
export interface TensorGradient {
  readonly gradients: readonly Float32Array[]
  readonly offset: number
  readonly size: number
  /** Index of the tensor's sum in the result. */
  readonly place: number
}

/** The sum of squares of every tensor's gradient, each added up from its first value to its last. */
export const squareSums = (tensors: readonly TensorGradient[], into: Float64Array): void => {
  for (const { gradients, offset, size, place } of tensors) {
    const [one, other = one] = gradients
    let sum = 0
    for (let index = offset; index < offset + size; index++) {
      const g = (one[index] + other[index]) * 0.5
      sum += g * g
    }
    into[place] = sum
  }
}

/** A stretch of one component's flat vectors. */
export interface AdamwStretch {
  readonly theta: Float32Array
  readonly m: Float32Array
  readonly v: Float32Array
  /** Running mean of theta, where `emaDecay` keeps one. */
  readonly mean: Float32Array | undefined
  /** Gradients of the batch's two halves, whose mean is the batch's, or the batch's own. */
  readonly gradients: readonly Float32Array[]
  readonly from: number
  readonly to: number
  /** Decay applies to the values before this index. */
  readonly decayed: number
  readonly scalars: AdamwScalars<number>
}

type Moments = Pick<UpdateParams, 'beta1' | 'beta2' | 'eps' | 'emaDecay'>

/**
 * Updates values `from` to `to` by the gradient `(one + other) · share`. In one loop, so that every array is read once.
 */
const update = (
  { theta, m, v, scalars: { stepSize, rootCorrection } }: AdamwStretch,
  { beta1, beta2, eps }: Moments,
  one: Float32Array,
  other: Float32Array,
  share: number,
  from: number,
  to: number,
  keep: number,
): void => {
  const [rest1, rest2, correction] = [1 - beta1, 1 - beta2, 1 / rootCorrection]
  for (let index = from; index < to; index++) {
    const g = (one[index] + other[index]) * share
    const mean = beta1 * m[index] + rest1 * g
    const square = beta2 * v[index] + rest2 * g * g
    m[index] = mean
    v[index] = square
    theta[index] = theta[index] * keep - (stepSize * mean) / (Math.sqrt(square) * correction + eps)
  }
}

/** Moves the running mean of theta on. */
const average = (mean: Float32Array, theta: Float32Array, decay: number, from: number, to: number): void => {
  const rest = 1 - decay
  for (let index = from; index < to; index++) mean[index] = decay * mean[index] + rest * theta[index]
}

/** One update of every stretch by the mean of its one or two gradients times `scale`. */
export const adamwInPlace = (params: Moments, stretches: readonly AdamwStretch[], scale: number): void => {
  for (const stretch of stretches) {
    const { theta, mean, gradients, from, to, decayed, scalars } = stretch
    // A single gradient is passed as both halves: half of its double is exact, and the loop stays the same.
    const [one, other = one] = gradients
    const border = Math.min(Math.max(decayed, from), to)
    update(stretch, params, one, other, 0.5 * scale, from, border, scalars.keep)
    update(stretch, params, one, other, 0.5 * scale, border, to, 1)
    if (mean !== undefined && typeof params.emaDecay === 'number') average(mean, theta, params.emaDecay, from, to)
  }
}
