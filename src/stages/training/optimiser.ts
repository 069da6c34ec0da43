/**
 * The optimiser: the learning rate's schedule and AdamW, on tensors. On plain arrays the same update is in
 * host-kernels.ts.
 */
import * as tf from '@tensorflow/tfjs-core'
import type { TrainParams } from '../../dsl/nodes.js'

/**
 * Learning rate at `epoch` (0 ≤ epoch < epochs; a fraction within an epoch): linear warm-up from `warmupLr` to `lr`,
 * then `lr`, or a cosine down to `minLr` (docs/method.md, section 2). As published, the cosine runs over all epochs,
 * warm-up included, so the rate steps down a little where the warm-up ends. `scheduleBy: 'epoch'` holds the rate for a
 * whole epoch. The rate depends on `epochs` only where a longer training cannot go on from this one
 * (src/dsl/extendable.ts).
 */
export const learningRate = (train: TrainParams, epoch: number): number => {
  const { epochs, lr, minLr, warmupLr, warmupEpochs, schedule, scheduleEpochs } = train
  const e = train.scheduleBy === 'epoch' ? Math.floor(epoch) : epoch
  if (e < warmupEpochs) return warmupLr + (e * (lr - warmupLr)) / warmupEpochs
  if (schedule === 'constant') return lr
  return minLr + 0.5 * (lr - minLr) * (1 + Math.cos((Math.PI * e) / (scheduleEpochs ?? epochs)))
}

export type AdamwParams = Pick<TrainParams, 'beta1' | 'beta2' | 'eps' | 'weightDecay'>

/** What an update depends on; without the optional parameters it is AdamW's, by the batch's own gradient. */
export type UpdateParams = AdamwParams & Partial<Pick<TrainParams, 'accumulate' | 'clipNorm' | 'emaDecay'>>

/** What of an update changes from step to step; each is one number. */
export interface AdamwScalars<Scalar> {
  /** `1 − lr·λ` */
  readonly keep: Scalar
  /** `lr / (1 − β₁ᵗ)` */
  readonly stepSize: Scalar
  /** `√(1 − β₂ᵗ)` */
  readonly rootCorrection: Scalar
}

/** The scalars of a parameter's update number t ≥ 1; updates of other parameters do not count. */
export const adamwScalars = (params: AdamwParams, lr: number, t: number): AdamwScalars<number> => ({
  keep: 1 - lr * params.weightDecay,
  stepSize: lr / (1 - params.beta1 ** t),
  rootCorrection: Math.sqrt(1 - params.beta2 ** t),
})

/** Parameters, and the running mean and mean square of their gradients; flat tensors `[size]`. */
interface AdamwState {
  readonly theta: tf.Tensor1D
  readonly m: tf.Tensor1D
  readonly v: tf.Tensor1D
}

/**
 * One update of AdamW as PyTorch computes it (Loshchilov and Hutter, "Decoupled weight decay regularization", 2019):
 * decay `θ ← (1 − lr·λ) θ` of the first `decayed` values, then `θ ← θ − lr/(1 − β₁ᵗ) · m / (√v / √(1 − β₂ᵗ) + ε)`.
 */
export const adamw = (
  params: AdamwParams,
  { theta, m, v }: AdamwState,
  gradient: tf.Tensor1D,
  decayed: number,
  { keep, stepSize, rootCorrection }: AdamwScalars<tf.Tensor>,
): AdamwState => {
  const { beta1, beta2, eps } = params
  const size = theta.shape[0]
  const newM: tf.Tensor1D = tf.add(tf.mul(m, beta1), tf.mul(gradient, 1 - beta1))
  const newV: tf.Tensor1D = tf.add(tf.mul(v, beta2), tf.mul(tf.square(gradient), 1 - beta2))
  const kept: tf.Tensor1D[] = []
  if (decayed > 0) kept.push(tf.mul(tf.slice(theta, 0, decayed), keep))
  if (decayed < size) kept.push(tf.slice(theta, decayed, size - decayed))
  const denominator = tf.add(tf.div(tf.sqrt(newV), rootCorrection), eps)
  const change = tf.mul(tf.div(newM, denominator), stepSize)
  return { theta: tf.sub(tf.concat1d(kept), change), m: newM, v: newV }
}
