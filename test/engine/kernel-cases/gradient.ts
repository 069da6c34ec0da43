/** How the gradient of a case is compared. */
import * as tf from '@tensorflow/tfjs-core'
import type { TensorFunction } from '../../../src/engine/engine.js'
import { type KernelCase, seededNumbers } from '../cases.js'

/** The gradient of a weighted sum of the result in every float input; the weights are constants. */
export const gradientsOf = ({ fn, inputs }: KernelCase): TensorFunction => {
  const names = Object.keys(inputs).filter((name) => inputs[name].dtype === 'float32')
  return (given) => {
    const weighted = (...parameters: tf.Tensor[]): tf.Scalar => {
      const all = { ...given, ...Object.fromEntries(names.map((name, index) => [name, parameters[index]])) }
      const { result } = fn(all) as { result: tf.Tensor }
      const next = seededNumbers(11)
      const weights = tf.tensor(Float32Array.from({ length: result.size }, next), result.shape)
      return tf.sum(tf.mul(result, weights))
    }
    const gradients = tf.grads(weighted)(names.map((name) => given[name]))
    return Object.fromEntries(names.map((name, index) => [name, gradients[index]]))
  }
}
