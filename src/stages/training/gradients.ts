/** The parts of a step's loss and the gradients of their weighted sum. */
import * as tf from '@tensorflow/tfjs'
import { byModel, type StepDefinition } from './step-definition.js'

/** `parts` `[number of weights]`; one gradient for every tensor of the trained components, in the order of their slots. */
export interface PartsAndGradients {
  readonly parts: tf.Tensor1D
  readonly gradients: readonly tf.Tensor[]
}

/** `trained` and `frozen` are the components' tensors in the order of their slots. */
export const partsAndGradients = (
  definition: StepDefinition,
  trained: readonly tf.Tensor[],
  frozen: readonly tf.Tensor[],
  batch: Readonly<Record<string, tf.Tensor>>,
): PartsAndGradients => {
  const { weights, loss } = definition
  const components = [...definition.trained, ...definition.frozen]
  const parts = (...tensors: tf.Tensor[]): tf.Tensor1D => {
    const values = loss(byModel(components, [...tensors, ...frozen]), batch)
    return tf.stack(Object.keys(weights).map((part) => values[part])) as tf.Tensor1D
  }
  // The weights as the gradient of the parts make the gradient of their weighted sum.
  const { value, grads } = tf.valueAndGrads(parts)([...trained], tf.tensor1d(Object.values(weights)))
  return { parts: value, gradients: grads }
}
