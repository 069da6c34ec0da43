/**
 * Activation recomputation (Chen and others, "Training deep nets with sublinear memory cost", arXiv 1604.06174): what a
 * function computes on its way is not kept for its gradient, but computed again there.
 */
import * as tf from '@tensorflow/tfjs-core'

/**
 * x, to the last bit where the others are finite (of the two zeros it becomes the positive one), but in a traced graph
 * only once they are there. A graph's operations run in any order that their inputs allow, and equal ones are made one.
 */
const onceThere = <T extends tf.Tensor>(x: T, others: readonly tf.Tensor[]): T =>
  others.reduce<T>((later, other) => {
    const first = tf.slice(tf.reshape(other, [-1]), 0, 1)
    return tf.add(later, tf.reshape(tf.mul(first, 0), []))
  }, x)

/** The gradients of `run` at `inputs` while another gradient is being computed. */
const innerGradients = (
  run: (...inputs: tf.Tensor[]) => tf.Tensor,
  inputs: tf.Tensor[],
  dy: tf.Tensor,
): readonly tf.Tensor[] => {
  // TensorFlow.js has one tape, which an inner gradient replaces and then takes away from the outer one.
  const { state } = tf.engine()
  const { activeTape } = state
  try {
    return tf.grads(run)(inputs, dy)
  } finally {
    state.activeTape = activeTape
  }
}

/**
 * `run(x, params)`. For the gradient x and params alone are kept; it can be differentiated once, not twice. The
 * gradient of x is there only once those of params are, so that what they need is not kept until the end either.
 */
export const recomputed = <T extends tf.Tensor>(
  run: (x: T, params: Readonly<Record<string, tf.Tensor>>) => T,
  x: T,
  params: Readonly<Record<string, tf.Tensor>>,
): T => {
  const names = Object.keys(params)
  const runOn = (input: tf.Tensor, ...values: tf.Tensor[]): tf.Tensor =>
    run(input as T, Object.fromEntries(names.map((name, index) => [name, values[index]])))
  const operation = tf.customGrad((...given) => {
    const save = given[given.length - 1] as tf.GradSaveFunc
    const [input, ...values] = given.slice(0, -1) as tf.Tensor[]
    save([input, ...values])
    // TensorFlow.js disposes of what a custom gradient has made only once all gradients are there.
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor[] =>
      tf.tidy(() => {
        const [before, ...weights] = saved
        const [dx, ...gradients] = innerGradients(runOn, [onceThere(before, [dy]), ...weights], dy)
        return [onceThere(dx, gradients), ...gradients]
      })
    return { value: runOn(input, ...values), gradFunc }
  })
  return operation(x, ...Object.values(params)) as T
}
