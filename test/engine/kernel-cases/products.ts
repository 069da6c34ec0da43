/** Matrix products. */
import * as tf from '@tensorflow/tfjs-core'
import { floats, type KernelCase } from '../cases.js'
import { one } from './building.js'

/** Differentiable in every float input. */
export const smooth: readonly KernelCase[] = [
  ...[
    [false, false],
    [false, true],
    [true, false],
    [true, true],
  ].flatMap(([first, second]) =>
    [[], [3], [2, 3]].map((batch) =>
      one(
        `matMul of batch [${batch}]${first ? ', first transposed' : ''}${second ? ', second transposed' : ''}`,
        {
          a: floats([...batch, ...(first ? [5, 4] : [4, 5])]),
          b: floats([...batch, ...(second ? [7, 5] : [5, 7])]),
        },
        ({ a, b }) => tf.matMul(a, b, first, second),
      ),
    ),
  ),
  one('matMul of one row and one column', { a: floats([1, 3]), b: floats([3, 1]) }, ({ a, b }) => tf.matMul(a, b)),
  one('matMul after swapped axes', { a: floats([2, 3, 4]), b: floats([2, 3, 5]) }, ({ a, b }) =>
    tf.matMul(tf.transpose(a, [0, 2, 1]), b),
  ),
  one('fused matMul', { a: floats([4, 3]), b: floats([5, 3]), c: floats([5]) }, ({ a, b, c }) =>
    tf.fused.matMul({ a: a as tf.Tensor2D, b: b as tf.Tensor2D, transposeB: true, bias: c }),
  ),
]

/** Without a gradient worth comparing. */
export const discrete: readonly KernelCase[] = [
  ...(['relu6', 'leakyrelu', 'prelu'] as const).map((activation) =>
    one(
      `fused matMul with ${activation}`,
      { a: floats([4, 3]), b: floats([3, 5]), slopes: floats([5]) },
      ({ a, b, slopes }) =>
        tf.fused.matMul({
          a: a as tf.Tensor2D,
          b: b as tf.Tensor2D,
          activation,
          leakyreluAlpha: 0.3,
          ...(activation === 'prelu' ? { preluActivationWeights: slopes } : {}),
        }),
    ),
  ),
  one('einsum of batched matrices', { a: floats([2, 3, 4]), b: floats([4, 5]) }, ({ a, b }) =>
    tf.einsum('bij, jk -> bki', a, b),
  ),
  one('einsum of one tensor', { a: floats([3, 4]) }, ({ a }) => tf.einsum('ij->j', a)),
  one('matMul with a shared second factor', { a: floats([3, 4, 5]), b: floats([5, 2]) }, ({ a, b }) => tf.matMul(a, b)),
  one('fused matMul with relu', { a: floats([4, 3]), b: floats([3, 5]), c: floats([5]) }, ({ a, b, c }) =>
    tf.fused.matMul({ a: a as tf.Tensor2D, b: b as tf.Tensor2D, bias: c, activation: 'relu' }),
  ),
]
