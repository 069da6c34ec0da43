/** Shapes, slices, joins, selection by index. */
import * as tf from '@tensorflow/tfjs-core'
import { floats, integers, type KernelCase } from '../cases.js'
import { few, one } from './building.js'

/** Differentiable in every float input. */
export const smooth: readonly KernelCase[] = [
  one('reshape', { x: floats([3, 4]) }, ({ x }) => tf.reshape(tf.reshape(x, [2, 6]), [-1, 3])),
  one('expandDims and squeeze', { x: floats([3, 1]) }, ({ x }) => tf.squeeze(tf.expandDims(x, 0), [2])),
  one('transpose', { x: floats([2, 3, 4, 5]) }, ({ x }) => tf.transpose(x, [0, 2, 1, 3])),
  one('transpose twice', { x: floats([2, 3, 4]) }, ({ x }) => tf.transpose(tf.transpose(x, [2, 0, 1]), [0, 2, 1])),
  one('transpose of axes of one element', { x: floats([3, 1, 4]) }, ({ x }) => tf.transpose(x, [1, 0, 2])),
  one('slice', { x: floats([3, 5]) }, ({ x }) => tf.slice(x, [1, 2], [2, -1])),
  one('slices of one tensor added', { x: floats([2, 7]) }, ({ x }) =>
    tf.add(tf.mul(tf.slice(x, [0, 0], [2, 3]), 2), tf.square(tf.slice(x, [0, 4], [2, 3]))),
  ),
  one('overlapping slices of one tensor', { x: floats([7]) }, ({ x }) =>
    tf.mul(tf.slice(x, [0], [4]), tf.slice(x, [2], [4])),
  ),
  one('concat', { a: floats([2, 3]), b: floats([2, 1]) }, ({ a, b }) => tf.concat([a, b, a], 1)),
  one('stack', { a: floats([3]), b: floats([3]) }, ({ a, b }) => tf.stack([a, b], 1)),
  one('unstack', { x: floats([2, 3]) }, ({ x }) => {
    const [first, second] = tf.unstack(x, 0)
    return tf.mul(first, second)
  }),
  one('split', { x: floats([3, 7]) }, ({ x }) => {
    const [first, second] = tf.split(x, [2, 5], 1)
    return tf.concat([second, tf.square(first)], 1)
  }),
  one('tile', { x: floats([2, 3]) }, ({ x }) => tf.tile(x, [2, 3])),
  one('pad', { x: floats([2, 3]) }, ({ x }) =>
    tf.pad(
      x,
      [
        [1, 0],
        [2, 1],
      ],
      0.5,
    ),
  ),
  one('reverse', { x: floats([3, 4]) }, ({ x }) => tf.reverse(x, [0, 1])),
  one('broadcastTo', { x: floats([3, 1]) }, ({ x }) => tf.broadcastTo(x, [2, 3, 4])),
  one('gather', { x: floats([5, 3]), i: few([4]) }, ({ x, i }) => tf.gather(x, i as tf.Tensor1D)),
  one('gather along the last axis', { x: floats([2, 3]), i: few([4]) }, ({ x, i }) =>
    tf.gather(x, i as tf.Tensor1D, 1),
  ),
  one('unsortedSegmentSum', { x: floats([5, 3]), i: few([5]) }, ({ x, i }) =>
    tf.unsortedSegmentSum(x, i as tf.Tensor1D, 4),
  ),
]

/** Without a gradient worth comparing. */
export const discrete: readonly KernelCase[] = [
  one('topk values', { x: floats([3, 7]) }, ({ x }) => tf.topk(x, 3).values),
  one('topk indices', { x: floats([3, 7]) }, ({ x }) => tf.topk(x, 3).indices),
  one('oneHot', { i: integers([2, 3], 0, 5) }, ({ i }) => tf.oneHot(i as tf.Tensor2D, 5)),
  one('oneHot with out-of-range indices', { i: integers([7], -2, 8) }, ({ i }) =>
    tf.oneHot(i as tf.Tensor1D, 5, 0.9, 0.1, 'float32'),
  ),
  one('gather of integers with indices of rank 2', { x: integers([5]), i: few([2, 2]) }, ({ x, i }) =>
    tf.gather(x, i as tf.Tensor2D),
  ),
  one('gather with a batch axis', { x: floats([2, 4, 3]), i: few([2, 2]) }, ({ x, i }) =>
    tf.gather(x, i as tf.Tensor2D, 1, 1),
  ),
  one('gatherND', { x: floats([3, 3, 2]), i: few([4, 2]) }, ({ x, i }) => tf.gatherND(x, i)),
  one('stridedSlice', { x: floats([5, 7]) }, ({ x }) => tf.stridedSlice(x, [0, 1], [5, 7], [2, 3])),
  one('stridedSlice backwards', { x: floats([5, 4]) }, ({ x }) => tf.stridedSlice(x, [4, 0], [0, 4], [-2, 1])),
  one('stridedSlice backwards to the front', { x: floats([5]) }, ({ x }) => tf.stridedSlice(x, [4], [0], [-1], 0, 1)),
  one('stridedSlice that drops an axis', { x: floats([5, 4]) }, ({ x }) =>
    tf.stridedSlice(x, [2, 0], [3, 4], [1, 1], 0, 0, 0, 0, 1),
  ),
  one('pad of integers', { x: integers([3]) }, ({ x }) => tf.pad(x, [[1, 2]])),
  one('tile of integers', { x: integers([2, 1]) }, ({ x }) => tf.tile(x, [1, 3])),
  one('range, fill and linspace', { x: floats([4]) }, ({ x }) =>
    tf.addN([x, tf.range(0, 8, 2), tf.fill(x.shape, 0.5), tf.linspace(0, 1, 4), tf.zeros([4]), tf.sum(tf.eye(4), 0)]),
  ),
]
