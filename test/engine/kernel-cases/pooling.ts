/** Pooling. */
import * as tf from '@tensorflow/tfjs-core'
import { floats, type KernelCase } from '../cases.js'
import { one } from './building.js'

type Padding = 'valid' | 'same' | number

const windows: readonly (readonly [filter: [number, number], stride: number, padding: Padding])[] = [
  [[2, 2], 2, 'valid'],
  [[3, 2], 1, 'valid'],
  [[3, 3], 2, 'same'],
  [[2, 3], 2, 1],
  [[1, 1], 2, 'valid'],
  [[1, 3], 4, 'valid'],
]

const image = { x: floats([2, 7, 6, 3]) }

const plane = (x: tf.Tensor | undefined): tf.Tensor4D => x as tf.Tensor4D
const volume = (x: tf.Tensor | undefined): tf.Tensor5D => x as tf.Tensor5D

/** Differentiable in every float input. TensorFlow.js's average gradient is wrong where windows reach over the edge. */
export const smooth: readonly KernelCase[] = [
  ...windows.map(([filter, stride, padding]) =>
    one(`maxPool of ${filter}, stride ${stride}, ${padding}`, image, ({ x }) =>
      tf.maxPool(plane(x), filter, stride, padding),
    ),
  ),
  ...windows.flatMap(([filter, stride, padding]) =>
    padding === 'valid'
      ? [one(`avgPool of ${filter}, stride ${stride}`, image, ({ x }) => tf.avgPool(plane(x), filter, stride, padding))]
      : [],
  ),
  one('maxPool of the whole image', image, ({ x }) => tf.maxPool(plane(x), [7, 6], 1, 'valid')),
  one('avgPool of the whole image', image, ({ x }) => tf.avgPool(plane(x), [7, 6], 1, 'valid')),
  one('maxPool of one sample and one channel', { x: floats([4, 4, 1]) }, ({ x }) =>
    tf.maxPool(x as tf.Tensor3D, 2, 2, 'same'),
  ),
  one('maxPool with padding of its own on each side, rounded up', image, ({ x }) =>
    tf.maxPool(
      plane(x),
      3,
      2,
      [
        [0, 0],
        [1, 0],
        [2, 1],
        [0, 0],
      ],
      'ceil',
    ),
  ),
  one('maxPool3d', { x: floats([2, 4, 5, 5, 2]) }, ({ x }) => tf.maxPool3d(volume(x), 2, 2, 'same')),
  one('overlapping maxPool3d', { x: floats([1, 4, 5, 3, 2]) }, ({ x }) => tf.maxPool3d(volume(x), 3, 1, 'valid')),
  one('avgPool3d', { x: floats([2, 4, 6, 5, 2]) }, ({ x }) => tf.avgPool3d(volume(x), [2, 3, 2], [2, 1, 1], 'valid')),
]

/** Without a gradient worth comparing. */
export const discrete: readonly KernelCase[] = [
  one('avgPool with windows over the edge', image, ({ x }) => tf.avgPool(plane(x), 3, 2, 'same')),
  one('avgPool with explicit padding', image, ({ x }) => tf.avgPool(plane(x), 3, 2, 1, 'floor')),
  one('dilated pooling', image, ({ x }) => tf.pool(plane(x), [2, 2], 'max', 'same', [2, 2], 1)),
  one('maxPoolWithArgmax values', image, ({ x }) => tf.maxPoolWithArgmax(plane(x), 3, 2, 'same').result),
  one('maxPoolWithArgmax indices', image, ({ x }) => tf.maxPoolWithArgmax(plane(x), 3, 2, 'same').indexes),
  one(
    'maxPoolWithArgmax indices over the batch',
    image,
    ({ x }) => tf.maxPoolWithArgmax(plane(x), 2, 2, 'valid', true).indexes,
  ),
  one('maxPool with equal values', { x: floats([1, 6, 6, 2]) }, ({ x }) => tf.maxPool(tf.relu(plane(x)), 3, 2, 'same')),
  one('the gradient of maxPool with equal values', { x: floats([1, 6, 6, 2], -3, 1) }, ({ x }) =>
    tf.grad((y: tf.Tensor) => tf.maxPool(plane(y), 3, 2, 'same'))(tf.relu(x)),
  ),
]
