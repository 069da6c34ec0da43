/**
 * The composite operations of a transformer, on every engine. Their gradients are written out where that takes fewer
 * passes over the data than differentiating the composition; such an operation can be differentiated once, not twice.
 */
import * as tf from '@tensorflow/tfjs-core'
import { EngineError } from './engine.js'

/**
 * An operation as the selected backend's one kernel of this name, where it has one: a graph that others read is made of
 * such (src/engine/onnx/export.ts). It has no gradient.
 */
const whole = <T extends tf.Tensor>(name: string, inputs: tf.NamedTensorMap, attributes = {}): T | undefined =>
  hasWhole(name) ? (tf.engine().runKernel(name, inputs, attributes) as T) : undefined

const hasWhole = (name: string): boolean => tf.getKernel(name, tf.getBackend()) !== undefined

/** Layer normalisation over the last axis: `(x − mean) / sqrt(variance + eps) · scale + shift`, both of shape `[d]`. */
export const layerNorm = <T extends tf.Tensor>(x: T, scale: tf.Tensor, shift: tf.Tensor, eps: number): T => {
  const operation = tf.customGrad((...given) => {
    const [input, factor, offset, save] = given as [tf.Tensor, tf.Tensor, tf.Tensor, tf.GradSaveFunc]
    const centred = tf.sub(input, tf.mean(input, -1, true))
    const inverse = tf.rsqrt(tf.add(tf.mean(tf.square(centred), -1, true), eps))
    const normal = tf.mul(centred, inverse)
    save([normal, inverse, factor])
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor[] => {
      const [n, inv, weight] = saved
      const rows = Array.from({ length: dy.rank - 1 }, (_, axis) => axis)
      const dNormal = tf.mul(dy, weight)
      // What is left of the gradient once its parts along 1 and along the normalised x are taken away, row by row.
      const along = tf.mul(n, tf.mean(tf.mul(dNormal, n), -1, true))
      const dx = tf.mul(tf.sub(tf.sub(dNormal, tf.mean(dNormal, -1, true)), along), inv)
      return [dx, tf.sum(tf.mul(dy, n), rows), tf.sum(dy, rows)]
    }
    return { value: tf.add(tf.mul(normal, factor), offset), gradFunc }
  })
  return whole<T>('LayerNormalization', { x, scale, shift }, { epsilon: eps }) ?? (operation(x, scale, shift) as T)
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
      const [v, phi] = saved
      const density = tf.mul(tf.div(v, tf.exp(tf.mul(v, v))), 1 / Math.sqrt(Math.PI))
      return tf.mul(dy, tf.add(phi, density))
    }
    return { value: tf.mul(input, distribution), gradFunc }
  })
  return whole<T>('Gelu', { x }) ?? (operation(x) as T)
}

/** `x · weightᵀ + bias` on the last axis of x of any rank ≥ 1; weight `[out, in]`, bias `[out]`, where there is one. */
export const linear = (x: tf.Tensor, weight: tf.Tensor, bias?: tf.Tensor): tf.Tensor => {
  const [out, inner] = weight.shape as [number, number]
  const rows: tf.Tensor2D = tf.reshape(x, [-1, inner])
  const product = tf.fused.matMul({ a: rows, b: weight as tf.Tensor2D, transposeB: true, ...(bias && { bias }) })
  return tf.reshape(product, [...x.shape.slice(0, -1), out])
}

/**
 * Multi-head attention `softmax(q·kᵀ / √width)·v` with its heads joined: q `[B, heads, Q, width]`, k and v
 * `[B, heads, T, width]` → `[B, Q, heads·width]`. The gradient of the scores S is `P∘(dP − rowsum(dP∘P))`, and that
 * row's sum is taken as the one of `dO∘O`, which is shorter by T / width (Dao et al., "FlashAttention", 2022,
 * appendix B.2).
 */
export const attention = (q: tf.Tensor4D, k: tf.Tensor4D, v: tf.Tensor4D): tf.Tensor3D => {
  const [batch, heads, rows, width] = q.shape
  const scale = 1 / Math.sqrt(width)
  const join = (x: tf.Tensor) => tf.reshape(tf.transpose(x, [0, 2, 1, 3]), [batch, rows, heads * width])
  const part = (x: tf.Tensor) => tf.reshape(x, [batch, rows, heads, width])
  const operation = tf.customGrad((...given) => {
    const [queries, keys, values, save] = given as [tf.Tensor, tf.Tensor, tf.Tensor, tf.GradSaveFunc]
    // A scaled factor costs a product nothing, and has fewer elements than the scores.
    const weights = tf.softmax(tf.matMul(tf.mul(queries, scale), keys, false, true)) // [B, heads, Q, T]
    const value = join(tf.matMul(weights, values))
    save([queries, keys, values, weights, value])
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor[] => {
      const [oldQ, oldK, oldV, p, y] = saved
      const dO = tf.transpose(part(dy), [0, 2, 1, 3])
      const along = tf.transpose(tf.sum(part(tf.mul(dy, y)), -1, true), [0, 2, 1, 3]) // [B, heads, Q, 1]
      const dScores = tf.mul(tf.sub(tf.matMul(dO, oldV, false, true), along), p)
      return [
        tf.matMul(dScores, tf.mul(oldK, scale)),
        tf.matMul(dScores, tf.mul(oldQ, scale), true, false),
        tf.matMul(p, dO, true, false),
      ]
    }
    return { value, gradFunc }
  })
  return operation(q, k, v) as tf.Tensor3D
}

interface Dense {
  /** `[out, in]` */
  readonly weight: tf.Tensor
  /** `[out]` */
  readonly bias: tf.Tensor
}

/**
 * The perceptron of a transformer's block, `linear(gelu(linear(x, up)), down)` on the last axis. It keeps two tensors
 * of the inner width for the gradient instead of three: the third is their product.
 */
export const mlp = (x: tf.Tensor, up: Dense, down: Dense): tf.Tensor => {
  const [inner, width] = up.weight.shape as [number, number]
  const outer = down.weight.shape[0]
  const operation = tf.customGrad((...given) => {
    const [input, w1, b1, w2, b2, save] = given as [...tf.Tensor[], tf.GradSaveFunc] as [
      tf.Tensor,
      tf.Tensor2D,
      tf.Tensor1D,
      tf.Tensor2D,
      tf.Tensor1D,
      tf.GradSaveFunc,
    ]
    const rows: tf.Tensor2D = tf.reshape(input, [-1, width])
    // With u = x/√2: gelu(x) = u·(1 + erf u)/√2. Both factors 1/√2 are taken into the products.
    const scaled: tf.Tensor2D = tf.mul(rows, Math.SQRT1_2)
    const u = tf.fused.matMul({ a: scaled, b: w1, transposeB: true, bias: tf.mul(b1, Math.SQRT1_2) })
    const s = tf.add(tf.erf(u), 1)
    const hidden: tf.Tensor2D = tf.mul(tf.mul(u, s), Math.SQRT1_2)
    const value = tf.reshape(tf.fused.matMul({ a: hidden, b: w2, transposeB: true, bias: b2 }), [
      ...x.shape.slice(0, -1),
      outer,
    ])
    save([rows, w1, w2, u, s])
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor[] => {
      const [before, upWeight, downWeight, v, t] = saved as [
        tf.Tensor2D,
        tf.Tensor2D,
        tf.Tensor2D,
        tf.Tensor2D,
        tf.Tensor2D,
      ]
      const d: tf.Tensor2D = tf.reshape(dy, [-1, outer])
      // d(u·s)/du = 1 + erf u + 2u·exp(−u²)/√π; the exponential is divided by, so that it may overflow.
      const slope = tf.add(t, tf.mul(tf.div(v, tf.exp(tf.mul(v, v))), 2 / Math.sqrt(Math.PI)))
      const dInner: tf.Tensor2D = tf.mul(tf.matMul(d, tf.mul(downWeight, 0.5) as tf.Tensor2D), slope)
      // In another order than above: a trace would find the same product, and keep it instead of making it anew.
      const again: tf.Tensor2D = tf.mul(tf.mul(t, v), Math.SQRT1_2)
      return [
        tf.reshape(tf.matMul(dInner, upWeight), x.shape),
        tf.matMul(dInner, before, true, false),
        tf.sum(dInner, 0),
        tf.matMul(d, again, true, false),
        tf.sum(d, 0),
      ]
    }
    return { value, gradFunc }
  })
  if (inner !== down.weight.shape[1])
    throw new EngineError(`an mlp cannot join [${up.weight.shape}] and [${down.weight.shape}]`)
  if (hasWhole('Gelu')) return linear(gelu(linear(x, up.weight, up.bias)), down.weight, down.bias)
  return operation(x, up.weight, up.bias, down.weight, down.bias)
}

/** Cross-entropy `−Σ_c p_c · log softmax(logits)_c` of each row: `[batch, classes]` twice → `[batch]`. */
export const softmaxCrossEntropy = (logits: tf.Tensor2D, targetProbabilities: tf.Tensor2D): tf.Tensor1D =>
  tf.neg(tf.sum(tf.mul(targetProbabilities, tf.logSoftmax(logits)), -1))

/** The same values; no gradient passes. */
export const withoutGradient = (x: tf.Tensor): tf.Tensor =>
  tf.customGrad((input) => ({
    value: tf.clone(input as tf.Tensor),
    gradFunc: (dy: tf.Tensor) => tf.zerosLike(dy),
  }))(x)
