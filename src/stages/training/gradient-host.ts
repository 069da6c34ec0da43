/** What is done to gradients on plain arrays before an update: their sum over batches, and their norm. */

/** A stretch of one component's gradient, as it came from one or two parts of a batch whose mean it is. */
export interface GradientStretch {
  readonly gradients: readonly Float32Array[]
  /** What it is added to. */
  readonly sum: Float32Array
  readonly from: number
  readonly to: number
}

/** Adds the gradients to their sums, or begins sums with them. */
export const gatherInPlace = (stretches: readonly GradientStretch[], begins: boolean): void => {
  for (const { gradients, sum, from, to } of stretches) {
    const [one, other = one] = gradients as readonly [Float32Array, Float32Array?]
    if (begins) for (let index = from; index < to; index++) sum[index] = (one[index] + other[index]) * 0.5
    else for (let index = from; index < to; index++) sum[index] += (one[index] + other[index]) * 0.5
  }
}

/** One tensor's gradient among those of its component. */
export interface TensorGradient {
  readonly gradients: readonly Float32Array[]
  readonly offset: number
  readonly size: number
  /** Where the result goes. */
  readonly place: number
}

/** The sum of squares of every tensor's gradient, in double precision, one tensor after the other from its first value to its last. */
export const squareSums = (tensors: readonly TensorGradient[], into: Float64Array): void => {
  for (const { gradients, offset, size, place } of tensors) {
    const [one, other = one] = gradients as readonly [Float32Array, Float32Array?]
    let sum = 0
    for (let index = offset; index < offset + size; index++) {
      const g = (one[index] + other[index]) * 0.5
      sum += g * g
    }
    into[place] = sum
  }
}
