/** Images, blocks and normalisation. */
import * as tf from '@tensorflow/tfjs-core'
import { floats, integers, type KernelCase } from '../cases.js'
import { one, positive } from './building.js'

const image = (x: tf.Tensor | undefined): tf.Tensor4D => x as tf.Tensor4D

// Square, and one sample for the nearest: TensorFlow.js's own gradients are wrong for others.
const sizes: readonly [number, number][] = [
  [7, 7],
  [3, 8],
  [1, 5],
  [5, 1],
]

/** Differentiable in every float input. */
export const smooth: readonly KernelCase[] = [
  ...sizes.flatMap((size) =>
    [false, true].flatMap((corners) => [
      one(`resizeBilinear to ${size}${corners ? ', corners aligned' : ''}`, { x: floats([2, 5, 5, 3]) }, ({ x }) =>
        tf.image.resizeBilinear(image(x), size, corners),
      ),
      one(
        `resizeNearestNeighbor to ${size}${corners ? ', corners aligned' : ''}`,
        { x: floats([1, 5, 5, 3]) },
        ({ x }) => tf.image.resizeNearestNeighbor(image(x), size, corners),
      ),
    ]),
  ),
  one('mirrorPad, reflecting', { x: floats([3, 4]) }, ({ x }) =>
    tf.mirrorPad(
      x,
      [
        [2, 1],
        [0, 3],
      ],
      'reflect',
    ),
  ),
  one('mirrorPad, symmetric', { x: floats([3, 1, 4]) }, ({ x }) =>
    tf.mirrorPad(
      x,
      [
        [3, 1],
        [1, 0],
        [0, 4],
      ],
      'symmetric',
    ),
  ),
  one('spaceToBatchND', { x: floats([2, 3, 6, 2]) }, ({ x }) =>
    tf.spaceToBatchND(
      x,
      [2, 3],
      [
        [1, 0],
        [2, 1],
      ],
    ),
  ),
  one('batchToSpaceND', { x: floats([12, 2, 3, 2]) }, ({ x }) =>
    tf.batchToSpaceND(
      x,
      [2, 3],
      [
        [1, 0],
        [2, 1],
      ],
    ),
  ),
  one(
    'batchNorm',
    { x: floats([2, 3, 4, 5]), mean: floats([5]), variance: positive([5]), scale: floats([5]), offset: floats([5]) },
    ({ x, mean, variance, scale, offset }) =>
      tf.batchNorm(image(x), mean as tf.Tensor1D, variance as tf.Tensor1D, offset as tf.Tensor1D, scale as tf.Tensor1D),
  ),
  one('localResponseNormalization', { x: floats([2, 2, 3, 7]) }, ({ x }) =>
    tf.localResponseNormalization(image(x), 2, 1.5, 0.3, 0.75),
  ),
  one('localResponseNormalization wider than the channels', { x: floats([2, 1, 3]) }, ({ x }) =>
    tf.localResponseNormalization(x as tf.Tensor3D, 5, 1, 1, 0.5),
  ),
]

/** Without a gradient worth comparing. */
export const discrete: readonly KernelCase[] = [
  one('resizeBilinear with half-pixel centres', { x: floats([2, 4, 6, 3]) }, ({ x }) =>
    tf.image.resizeBilinear(image(x), [9, 4], false, true),
  ),
  one('resizeBilinear of integers', { x: integers([2, 4, 6, 3]) }, ({ x }) =>
    tf.image.resizeBilinear(image(x), [2, 9]),
  ),
  one('resizeNearestNeighbor with half-pixel centres', { x: floats([2, 4, 6, 3]) }, ({ x }) =>
    tf.image.resizeNearestNeighbor(image(x), [9, 4], false, true),
  ),
  one('flipLeftRight', { x: floats([2, 3, 4, 2]) }, ({ x }) => tf.image.flipLeftRight(image(x))),
  one('flipLeftRight of one column', { x: floats([2, 3, 1, 2]) }, ({ x }) => tf.image.flipLeftRight(image(x))),
  one('rotateWithOffset', { x: floats([2, 5, 6, 3]) }, ({ x }) =>
    tf.image.rotateWithOffset(image(x), 0.7, [1, 2, 3], [0.4, 0.6]),
  ),
  one('rotateWithOffset by a half turn', { x: floats([1, 5, 5, 1]) }, ({ x }) =>
    tf.image.rotateWithOffset(image(x), Math.PI, 9),
  ),
  ...(['bilinear', 'nearest'] as const).flatMap((method) => [
    one(
      `cropAndResize, ${method}`,
      { x: floats([2, 5, 6, 3]), boxes: floats([4, 4], -0.2, 1.2), of: integers([4], 0, 2) },
      ({ x, boxes, of }) =>
        tf.image.cropAndResize(image(x), boxes as tf.Tensor2D, of as tf.Tensor1D, [3, 4], method, 0.5),
    ),
    one(`cropAndResize to one element, ${method}`, { x: floats([1, 4, 4, 2]), boxes: floats([2, 4], 0, 1) }, (given) =>
      tf.image.cropAndResize(
        image(given['x']),
        given['boxes'] as tf.Tensor2D,
        tf.tensor1d([0, 0], 'int32'),
        [1, 1],
        method,
      ),
    ),
    ...(['constant', 'reflect', 'wrap', 'nearest'] as const).map((mode) =>
      one(`transform, ${method}, ${mode}`, { x: floats([1, 5, 6, 2]), t: floats([1, 8], -0.9, 1.4) }, ({ x, t }) =>
        tf.image.transform(
          image(x),
          tf.mul(t, [1, 1, 4, 1, 1, 4, 0.05, 0.05]) as tf.Tensor2D,
          method,
          mode,
          0.25,
          [4, 7],
        ),
      ),
    ),
  ]),
  one('grayscaleToRGB', { x: floats([2, 3, 4, 1]) }, ({ x }) => tf.image.grayscaleToRGB(image(x))),
  one('depthToSpace', { x: floats([2, 2, 3, 12]) }, ({ x }) => tf.depthToSpace(image(x), 2)),
  one(
    'batchNorm of rank 2 without scale and offset',
    { x: floats([3, 4]), mean: floats([4]), variance: positive([4]) },
    ({ x, mean, variance }) => tf.batchNorm(x, mean as tf.Tensor1D, variance as tf.Tensor1D),
  ),
  one('batchNorm with statistics of every element', { x: floats([1, 2, 2, 3]) }, ({ x }) =>
    tf.batchNorm(image(x), tf.mul(image(x), 0.5), tf.add(tf.square(image(x)), 1) as tf.Tensor4D),
  ),
]
