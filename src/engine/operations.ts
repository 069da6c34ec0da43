/**
 * The composite operations of a transformer, on every engine. Their gradients are written out where that takes fewer
 * passes over the data than differentiating the composition; such an operation can be differentiated once, not twice.
 */
import * as tf from '@tensorflow/tfjs'

/** Layer normalisation over the last axis: `(x − mean) / sqrt(variance + eps) · scale + shift`; scale and shift `[d]`. */
export const layerNorm = <T extends tf.Tensor>(x: T, scale: tf.Tensor, shift: tf.Tensor, eps: number): T => {
  const operation = tf.customGrad((...given) => {
    const [input, factor, offset, save] = given as [tf.Tensor, tf.Tensor, tf.Tensor, tf.GradSaveFunc]
    const centred = tf.sub(input, tf.mean(input, -1, true))
    const inverse = tf.rsqrt(tf.add(tf.mean(tf.square(centred), -1, true), eps))
    const normal = tf.mul(centred, inverse)
    save([normal, inverse, factor])
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor[] => {
      const [n, inv, weight] = saved as [tf.Tensor, tf.Tensor, tf.Tensor]
      const rows = Array.from({ length: dy.rank - 1 }, (_, axis) => axis)
      const dNormal = tf.mul(dy, weight)
      // What is left of the gradient once its parts along 1 and along the normalised x are taken away, row by row.
      const along = tf.mul(n, tf.mean(tf.mul(dNormal, n), -1, true))
      const dx = tf.mul(tf.sub(tf.sub(dNormal, tf.mean(dNormal, -1, true)), along), inv)
      return [dx, tf.sum(tf.mul(dy, n), rows), tf.sum(dy, rows)]
    }
    return { value: tf.add(tf.mul(normal, factor), offset), gradFunc }
  })
  return operation(x, scale, shift) as T
}

/** Exact GELU, `x · Φ(x)` with the normal distribution function by erf. */
export const gelu = <T extends tf.Tensor>(x: T): T => {
  const operation = tf.customGrad((...given) => {
    const [input, save] = given as [tf.Tensor, tf.GradSaveFunc]
    const u = tf.mul(input, Math.SQRT1_2)
    const distribution = tf.add(tf.mul(tf.erf(u), 0.5), 0.5)
    save([u, distribution])
    // Φ(x) + x·φ(x), and x·φ(x) = u·exp(−u²)/√π.
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor => {
      const [v, phi] = saved as [tf.Tensor, tf.Tensor]
      const density = tf.mul(tf.div(v, tf.exp(tf.mul(v, v))), 1 / Math.sqrt(Math.PI))
      return tf.mul(dy, tf.add(phi, density))
    }
    return { value: tf.mul(input, distribution), gradFunc }
  })
  return operation(x) as T
}

/** `x · weightᵀ + bias` on the last axis of x of any rank ≥ 1; weight `[out, in]`, bias `[out]`. */
export const linear = (x: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor): tf.Tensor => {
  const [out, inner] = weight.shape as [number, number]
  const rows: tf.Tensor2D = tf.reshape(x, [-1, inner])
  const product = tf.fused.matMul({ a: rows, b: weight as tf.Tensor2D, transposeB: true, bias })
  return tf.reshape(product, [...x.shape.slice(0, -1), out])
}

/** Cross-entropy `−Σ_c p_c · log softmax(logits)_c` of each row: `[batch, classes]` twice → `[batch]`. */
export const softmaxCrossEntropy = (logits: tf.Tensor2D, targetProbabilities: tf.Tensor2D): tf.Tensor1D =>
  tf.neg(tf.sum(tf.mul(targetProbabilities, tf.logSoftmax(logits)), -1))
