/** The composite operations of a transformer, on every engine. */
import * as tf from '@tensorflow/tfjs'

/** Layer normalisation over the last axis: `(x − mean) / sqrt(variance + eps) · scale + shift`; scale and shift `[d]`. */
export const layerNorm = <T extends tf.Tensor>(x: T, scale: tf.Tensor, shift: tf.Tensor, eps: number): T => {
  const centred = tf.sub(x, tf.mean(x, -1, true))
  const variance = tf.mean(tf.square(centred), -1, true)
  return tf.add(tf.mul(tf.mul(centred, tf.rsqrt(tf.add(variance, eps))), scale), shift)
}

/** Exact GELU, `x · Φ(x)` with the normal distribution function by erf. */
export const gelu = <T extends tf.Tensor>(x: T): T => tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1))

/** `x · weightᵀ + bias` on the last axis of x of any rank ≥ 1; weight `[out, in]`, bias `[out]`. */
export const linear = (x: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor): tf.Tensor => {
  const [out, inner] = weight.shape as [number, number]
  const rows = tf.reshape(x, [-1, inner]) as tf.Tensor2D
  const result = tf.add(tf.matMul(rows, weight as tf.Tensor2D, false, true), bias)
  return tf.reshape(result, [...x.shape.slice(0, -1), out])
}

/** Cross-entropy `−Σ_c p_c · log softmax(logits)_c` of each row: `[batch, classes]` twice → `[batch]`. */
export const softmaxCrossEntropy = (logits: tf.Tensor2D, targetProbabilities: tf.Tensor2D): tf.Tensor1D =>
  tf.neg(tf.sum(tf.mul(targetProbabilities, tf.logSoftmax(logits)), -1))
