/** Selection and writing by index. */
import * as tf from '@tensorflow/tfjs-core'
import { floats, integers, type KernelCase } from '../cases.js'
import { few, one } from './building.js'

/** Differentiable in every float input. */
export const smooth: readonly KernelCase[] = [
  one('a choice by oneHot', { x: floats([3, 4]) }, ({ x }) =>
    tf.sum(tf.mul(x, tf.oneHot(tf.cast(tf.sum(tf.abs(x), 1), 'int32'), 4, 2, -1)), 1),
  ),
  one('gather along a middle axis with indices of rank 2', { x: floats([2, 5, 3]), i: few([2, 2]) }, ({ x, i }) =>
    tf.gather(x, i as tf.Tensor2D, 1),
  ),
  one('gather along a negative axis', { x: floats([2, 3, 4]), i: few([3]) }, ({ x, i }) =>
    tf.gather(x, i as tf.Tensor1D, -2),
  ),
  one('gather along an axis of one element', { x: floats([1, 4]), i: integers([3], 0, 1) }, ({ x, i }) =>
    tf.gather(x, i as tf.Tensor1D),
  ),
  one('gather with a batch axis', { x: floats([2, 4, 3]), i: few([2, 2]) }, ({ x, i }) =>
    tf.gather(x, i as tf.Tensor2D, 1, 1),
  ),
]

/** Without a gradient worth comparing. */
export const discrete: readonly KernelCase[] = [
  one('gather with a batch axis along a later axis', { x: floats([2, 3, 4, 2]), i: few([2, 5]) }, ({ x, i }) =>
    tf.gather(x, i as tf.Tensor2D, 2, 1),
  ),
  one('gather with two batch axes', { x: floats([2, 3, 4]), i: few([2, 3, 2]) }, ({ x, i }) =>
    tf.gather(x, i as tf.Tensor3D, 2, 2),
  ),
  one('gatherND of depth 1', { x: floats([3, 3, 2]), i: few([2, 2, 1]) }, ({ x, i }) => tf.gatherND(x, i)),
  one('unsortedSegmentSum of rows without a segment', { x: floats([9, 2]), i: integers([9], -2, 7) }, ({ x, i }) =>
    tf.unsortedSegmentSum(x, i as tf.Tensor1D, 4),
  ),
  one('scatterND, equal indices added up', { i: few([5, 1]), u: floats([5, 2]) }, ({ i, u }) =>
    tf.scatterND(i, u, [4, 2]),
  ),
  one('scatterND of elements', { i: few([4, 3]), u: integers([4]) }, ({ i, u }) => tf.scatterND(i, u, [3, 4, 3])),
  one('tensorScatterUpdate', { x: floats([4, 3]), i: few([1, 2]), u: floats([1]) }, ({ x, i, u }) =>
    tf.tensorScatterUpdate(x, i, u),
  ),
  one('tensorScatterUpdate of rows, the last of equal indices', { x: floats([4, 3]), u: floats([3, 3]) }, ({ x, u }) =>
    tf.tensorScatterUpdate(x, tf.tensor2d([[1], [3], [1]], [3, 1], 'int32'), u),
  ),
  one('sparseToDense', { v: floats([3]), d: floats([]) }, ({ v, d }) =>
    tf.sparseToDense(
      tf.tensor2d(
        [
          [0, 1],
          [2, 3],
          [1, 0],
        ],
        [3, 2],
        'int32',
      ),
      v,
      [3, 4],
      d as tf.Scalar,
    ),
  ),
  one('sparseToDense of one value at many places', { v: integers([]) }, ({ v }) =>
    tf.sparseToDense(tf.tensor1d([0, 3], 'int32'), v, [5]),
  ),
  one('bincount', { x: few([9]) }, ({ x }) => tf.bincount(x as tf.Tensor1D, tf.tensor1d([]), 5)),
  one('weighted bincount that leaves some out', { x: integers([9], 0, 7), w: floats([9]) }, ({ x, w }) =>
    tf.bincount(x as tf.Tensor1D, w as tf.Tensor1D, 4),
  ),
  one('denseBincount of rows', { x: few([3, 5]), w: floats([3, 5]) }, ({ x, w }) =>
    tf.denseBincount(x as tf.Tensor2D, w as tf.Tensor2D, 3),
  ),
  one('denseBincount of presence', { x: few([3, 5]) }, ({ x }) =>
    tf.denseBincount(x as tf.Tensor2D, tf.zeros([3, 5]) as tf.Tensor2D, 4, true),
  ),
  one('diag', { x: floats([4]) }, ({ x }) => tf.diag(x)),
  one('diag of rank 2', { x: integers([2, 3]) }, ({ x }) => tf.diag(x)),
  one('lowerBound', { v: few([2, 6]) }, ({ v }) =>
    tf.lowerBound(
      tf.tensor2d(
        [
          [0, 1, 1, 2],
          [1, 1, 2, 4],
        ],
        [2, 4],
        'int32',
      ),
      v,
    ),
  ),
  one('upperBound', { v: floats([5]) }, ({ v }) => tf.upperBound(tf.tensor1d([-1, 0, 0.5]), v)),
  one('topk unsorted', { x: floats([2, 5]) }, ({ x }) => tf.sum(tf.topk(x, 2, false).values, -1)),
  one('a stack of many', { x: floats([2, 25]) }, ({ x }) => tf.stack(tf.unstack(x, 1).map((column) => tf.neg(column)))),
]
