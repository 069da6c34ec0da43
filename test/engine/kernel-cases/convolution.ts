/** Convolutions. */
import * as tf from '@tensorflow/tfjs-core'
import { floats, type KernelCase } from '../cases.js'
import { one } from './building.js'

const plane = (x: tf.Tensor | undefined): tf.Tensor4D => x as tf.Tensor4D
const volume = (x: tf.Tensor | undefined): tf.Tensor5D => x as tf.Tensor5D

const around: tf.backend_util.ExplicitPadding = [
  [0, 0],
  [2, 0],
  [1, 3],
  [0, 0],
]

/** Differentiable in every float input. */
export const smooth: readonly KernelCase[] = [
  ...(['valid', 'same'] as const).flatMap((padding) =>
    [1, 2].map((stride) =>
      one(
        `conv2d, ${padding}, stride ${stride}`,
        { x: floats([2, 7, 6, 3]), filter: floats([3, 2, 3, 4]) },
        ({ x, filter }) => tf.conv2d(x as tf.Tensor4D, filter as tf.Tensor4D, stride, padding),
      ),
    ),
  ),
  one('conv2d of patches', { x: floats([2, 8, 8, 1]), filter: floats([4, 4, 1, 5]) }, ({ x, filter }) =>
    tf.conv2d(x as tf.Tensor4D, filter as tf.Tensor4D, 4, 'valid'),
  ),
  ...(['valid', 'same', 1] as const).flatMap((padding) =>
    [1, 2, 4].map((stride) =>
      one(
        `conv2d of many channels, ${padding}, stride ${stride}`,
        { x: floats([2, 7, 6, 5]), filter: floats([3, 3, 5, 4]) },
        ({ x, filter }) => tf.conv2d(plane(x), plane(filter), stride, padding),
      ),
    ),
  ),
  one('conv2d of single elements', { x: floats([2, 3, 4, 5]), filter: floats([1, 1, 5, 2]) }, ({ x, filter }) =>
    tf.conv2d(plane(x), plane(filter), 1, 'valid'),
  ),
  one('conv3d of many channels', { x: floats([2, 3, 4, 5, 4]), filter: floats([2, 2, 2, 4, 3]) }, ({ x, filter }) =>
    tf.conv3d(volume(x), volume(filter), 1, 'same'),
  ),
  one('conv2d with explicit padding', { x: floats([2, 7, 6, 3]), filter: floats([3, 2, 3, 4]) }, ({ x, filter }) =>
    tf.conv2d(plane(x), plane(filter), [2, 3], around),
  ),
  one(
    'conv2d with a stride longer than its filter',
    { x: floats([2, 8, 8, 2]), filter: floats([1, 2, 2, 3]) },
    (given) => tf.conv2d(plane(given['x']), plane(given['filter']), 3, 'same'),
  ),
  ...(['valid', 'same'] as const).map((padding) =>
    one(`conv2d with channels first, ${padding}`, { x: floats([2, 3, 7, 6]), filter: floats([3, 2, 3, 4]) }, (given) =>
      tf.conv2d(plane(given['x']), plane(given['filter']), 2, padding, 'NCHW'),
    ),
  ),
  one('conv1d', { x: floats([2, 9, 3]), filter: floats([4, 3, 5]) }, ({ x, filter }) =>
    tf.conv1d(x as tf.Tensor3D, filter as tf.Tensor3D, 2, 'same'),
  ),
  one('conv2dTranspose', { x: floats([2, 3, 4, 3]), filter: floats([3, 3, 2, 3]) }, ({ x, filter }) =>
    tf.conv2dTranspose(plane(x), plane(filter), [2, 6, 8, 2], 2, 'same'),
  ),
  ...(['valid', 'same', 1] as const).flatMap((padding) =>
    [1, 2].map((stride) =>
      one(
        `depthwiseConv2d, ${padding}, stride ${stride}`,
        { x: floats([2, 7, 6, 3]), filter: floats([3, 2, 3, 2]) },
        ({ x, filter }) => tf.depthwiseConv2d(plane(x), plane(filter), stride, padding),
      ),
    ),
  ),
  one('depthwiseConv2d of one channel', { x: floats([1, 5, 5, 1]), filter: floats([2, 2, 1, 1]) }, ({ x, filter }) =>
    tf.depthwiseConv2d(plane(x), plane(filter), 1, around),
  ),
  one(
    'separableConv2d',
    { x: floats([2, 6, 6, 2]), depthwise: floats([3, 3, 2, 2]), pointwise: floats([1, 1, 4, 3]) },
    ({ x, depthwise, pointwise }) => tf.separableConv2d(plane(x), plane(depthwise), plane(pointwise), 2, 'same'),
  ),
  ...(['valid', 'same'] as const).map((padding) =>
    one(`conv3d, ${padding}`, { x: floats([2, 5, 4, 6, 2]), filter: floats([2, 3, 2, 2, 3]) }, ({ x, filter }) =>
      tf.conv3d(volume(x), volume(filter), [2, 1, 2], padding),
    ),
  ),
  one(
    'fused conv2d',
    { x: floats([2, 5, 5, 2]), filter: floats([3, 3, 2, 4]), bias: floats([4]) },
    ({ x, filter, bias }) =>
      tf.fused.conv2d({
        x: plane(x),
        filter: plane(filter),
        strides: 2,
        pad: 'same',
        bias,
        activation: 'relu',
      }),
  ),
]

/** Without a gradient worth comparing. */
export const discrete: readonly KernelCase[] = [
  one('conv2d rounded up', { x: floats([1, 7, 6, 2]), filter: floats([3, 2, 2, 3]) }, ({ x, filter }) =>
    tf.conv2d(plane(x), plane(filter), [3, 2], 1, 'NHWC', 1, 'ceil'),
  ),
  one('conv2d with dilations', { x: floats([2, 9, 8, 2]), filter: floats([3, 2, 2, 3]) }, ({ x, filter }) =>
    tf.conv2d(plane(x), plane(filter), 1, 'same', 'NHWC', [2, 3]),
  ),
  one('depthwiseConv2d with dilations', { x: floats([2, 9, 8, 2]), filter: floats([3, 2, 2, 2]) }, ({ x, filter }) =>
    tf.depthwiseConv2d(plane(x), plane(filter), 1, 'valid', 'NHWC', [2, 3]),
  ),
  one('conv3dTranspose', { x: floats([1, 2, 3, 2, 3]), filter: floats([2, 2, 2, 2, 3]) }, ({ x, filter }) =>
    tf.conv3dTranspose(volume(x), volume(filter), [1, 4, 6, 4, 2], 2, 'same'),
  ),
  ...(['linear', 'relu6', 'elu', 'sigmoid', 'leakyrelu'] as const).map((activation) =>
    one(
      `fused conv2d with ${activation}`,
      { x: floats([2, 5, 5, 2]), filter: floats([3, 3, 2, 4]), bias: floats([4]) },
      ({ x, filter, bias }) =>
        tf.fused.conv2d({
          x: plane(x),
          filter: plane(filter),
          strides: 1,
          pad: 'same',
          bias,
          activation,
          leakyreluAlpha: 0.3,
        }),
    ),
  ),
  one(
    'fused conv2d with prelu and no bias',
    { x: floats([2, 5, 5, 2]), filter: floats([3, 3, 2, 4]), slopes: floats([4]) },
    ({ x, filter, slopes }) =>
      tf.fused.conv2d({
        x: plane(x),
        filter: plane(filter),
        strides: 1,
        pad: 'valid',
        activation: 'prelu',
        preluActivationWeights: slopes,
      }),
  ),
  one(
    'fused conv2d with channels first',
    { x: floats([2, 2, 5, 5]), filter: floats([3, 3, 2, 4]), bias: floats([4]) },
    ({ x, filter, bias }) =>
      tf.fused.conv2d({
        x: plane(x),
        filter: plane(filter),
        strides: 1,
        pad: 'same',
        dataFormat: 'NCHW',
        bias,
        activation: 'relu',
      }),
  ),
  one(
    'fused depthwiseConv2d with a bias of one element',
    { x: floats([2, 5, 5, 2]), filter: floats([3, 3, 2, 2]), bias: floats([1]) },
    ({ x, filter, bias }) =>
      tf.fused.depthwiseConv2d({
        x: plane(x),
        filter: plane(filter),
        strides: 2,
        pad: 'same',
        bias,
        activation: 'relu6',
      }),
  ),
]
