/** Sums, extremes, softmax and running sums. */
import * as tf from '@tensorflow/tfjs-core'
import { floats, integers, type KernelCase } from '../cases.js'
import { asBool, few, one } from './building.js'

/** Differentiable in every float input. */
export const smooth: readonly KernelCase[] = [
  one('prod along axes', { x: floats([3, 4, 2]) }, ({ x }) => tf.prod(x, [0, 2])),
  one('prod of one element', { x: floats([1]) }, ({ x }) => tf.prod(x)),
  one('sum over everything', { x: floats([3, 4]) }, ({ x }) => tf.sum(x)),
  one('sum over the last axis, kept', { x: floats([3, 1, 5]) }, ({ x }) => tf.sum(x, -1, true)),
  one('sum over two axes', { x: floats([3, 4, 5]) }, ({ x }) => tf.sum(x, [0, 2])),
  one('sum over an axis of one element', { x: floats([3, 1, 5]) }, ({ x }) => tf.sum(x, 1)),
  one('mean over the first axis', { x: floats([7, 3]) }, ({ x }) => tf.mean(x, 0)),
  one('mean of a scalar', { x: floats([]) }, ({ x }) => tf.mean(x)),
  one('max over an axis', { x: floats([3, 7]) }, ({ x }) => tf.max(x, 1)),
  one('min over an axis', { x: floats([3, 7]) }, ({ x }) => tf.min(x, 0, true)),
  one('softmax', { x: floats([3, 1, 7]) }, ({ x }) => tf.softmax(x)),
  one('softmax of one class', { x: floats([3, 1]) }, ({ x }) => tf.softmax(x)),
  one('logSoftmax', { x: floats([3, 7]) }, ({ x }) => tf.logSoftmax(x)),
  one('cumsum', { x: floats([3, 4]) }, ({ x }) => tf.cumsum(x, 1)),
  one('what is at the extremes', { x: floats([3, 5]) }, ({ x }) =>
    tf.mul(x, tf.cast(tf.sub(tf.argMax(x, 0), tf.argMin(x, 0)), 'float32')),
  ),
]

/** Without a gradient worth comparing. */
export const discrete: readonly KernelCase[] = [
  ...[false, true].flatMap((exclusive) =>
    [false, true].map((reverse) =>
      one(`cumprod${exclusive ? ', exclusive' : ''}${reverse ? ', reversed' : ''}`, { x: floats([3, 7, 2]) }, ({ x }) =>
        tf.cumprod(x, 1, exclusive, reverse),
      ),
    ),
  ),
  one('cumprod of one element', { x: floats([3, 1]) }, ({ x }) => tf.cumprod(x, 1, true)),
  one('cumprod of integers', { x: integers([6]) }, ({ x }) => tf.cumprod(x)),
  one('sum of integers', { x: integers([3, 4]) }, ({ x }) => tf.sum(x, 1)),
  one('mean of integers', { x: integers([3, 4]) }, ({ x }) => tf.mean(x, 1)),
  one('max of integers', { x: integers([3, 4]) }, ({ x }) => tf.max(x, 0)),
  one('prod', { x: floats([3, 4]) }, ({ x }) => tf.prod(x, 1)),
  one('all', { x: few([3, 4]) }, ({ x }) => tf.all(asBool(x), 1)),
  one('any', { x: few([3, 4]) }, ({ x }) => tf.any(asBool(x), 0)),
  one('argMax', { x: floats([3, 7]) }, ({ x }) => tf.argMax(x, -1)),
  one('argMax with equal values', { x: few([3, 7]) }, ({ x }) => tf.argMax(x, 1)),
  one('argMin', { x: floats([3, 7]) }, ({ x }) => tf.argMin(x, 0)),
  one('exclusive reverse cumsum', { x: floats([3, 4]) }, ({ x }) => tf.cumsum(x, 0, true, true)),
  one('cumsum of integers', { x: integers([5]) }, ({ x }) => tf.cumsum(x, 0)),
]
