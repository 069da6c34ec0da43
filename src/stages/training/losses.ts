/** The losses of docs/method.md, sections 2 and 5, each a scalar. Logits are `[B, C]`: B images, C classes. */
import * as tf from '@tensorflow/tfjs-core'
import type { SoftReduction } from '../../dsl/nodes.js'
import { softmaxCrossEntropy } from '../../engine/operations.js'

/** `ce`: mean over the batch of the cross-entropy with labels `[B, C]` that sum to one in each row. */
export const crossEntropy = (logits: tf.Tensor2D, labels: tf.Tensor2D): tf.Scalar =>
  tf.mean(softmaxCrossEntropy(logits, labels))

/**
 * `soft`: cross-entropy of the student against the teacher, both at `temperature` and without the factor τ².
 * `elementMean` divides by B·C as the published code does, `batchMean` by B.
 */
export const softCrossEntropy = (
  student: tf.Tensor2D,
  teacher: tf.Tensor2D,
  temperature: number,
  reduction: SoftReduction,
): tf.Scalar => {
  const targets = tf.softmax(tf.div(teacher, temperature) as tf.Tensor2D)
  const mean = crossEntropy(tf.div(student, temperature), targets)
  return reduction === 'batchMean' ? mean : tf.div(mean, student.shape[1])
}

/** Mean over all elements of the squared difference. */
export const meanSquaredError = (x: tf.Tensor, y: tf.Tensor): tf.Scalar => tf.mean(tf.square(tf.sub(x, y)))

/** `KL(student, teacher)` in torch's order of arguments: mean over the batch of `Σ_c t_c (log t_c − log s_c)`. */
export const klDivergence = (student: tf.Tensor2D, teacher: tf.Tensor2D): tf.Scalar => {
  const difference = tf.sub(tf.logSoftmax(teacher), tf.logSoftmax(student))
  return tf.mean(tf.sum(tf.mul(tf.softmax(teacher), difference), -1))
}

/** Mean square of each image's features, `[B]`. */
const perImage = (x: tf.Tensor): tf.Tensor => tf.mean(tf.square(x), [1, 2])

/**
 * Mean over the images of each image's mean squared error divided by its target's mean square, so that blocks with
 * large features weigh no more than others. Where a target is all zero there is no such unit, and the image's error
 * counts as it is. Features are `[B, T, D]`.
 */
export const relativeSquaredError = (target: tf.Tensor, found: tf.Tensor): tf.Scalar => {
  const unit = perImage(target)
  return tf.mean(tf.div(perImage(tf.sub(target, found)), tf.where(tf.greater(unit, 0), unit, tf.onesLike(unit))))
}
