import * as tf from '@tensorflow/tfjs-core'
import { expect } from 'chai'
import type { Engine } from '../../src/engine/engine.js'
import { openEngine } from '../../src/engine/choice/open.js'
import { drawInputs, floats } from './cases.js'

interface LinearCase {
  readonly title: string
  readonly shape: readonly number[]
  readonly fn: (x: tf.Tensor4D) => tf.Tensor
}

const filter = (shape: [number, number, number, number]): tf.Tensor4D =>
  tf.reshape(tf.sin(tf.range(0, tf.util.sizeFromShape(shape))), shape)

/** Linear functions whose gradient TensorFlow.js's own cpu backend gets wrong. */
const linearCases: readonly LinearCase[] = [
  { title: 'avgPool with windows over the edge', shape: [2, 7, 6, 3], fn: (x) => tf.avgPool(x, 3, 2, 'same') },
  { title: 'avgPool with padding', shape: [2, 7, 6, 3], fn: (x) => tf.avgPool(x, [3, 2], 2, 1) },
  { title: 'avgPool rounded up', shape: [1, 8, 6, 2], fn: (x) => tf.avgPool(x, 3, 2, 0, 'ceil') },
  {
    title: 'avgPool3d with windows over the edge',
    shape: [2, 5, 4, 6],
    fn: (x) => tf.avgPool3d(tf.reshape(x, [2, 5, 4, 6, 1]) as tf.Tensor5D, 3, 2, 'same'),
  },
  {
    title: 'resizeBilinear of what is no square',
    shape: [2, 4, 6, 3],
    fn: (x) => tf.image.resizeBilinear(x, [9, 4]),
  },
  {
    title: 'resizeBilinear with half-pixel centres',
    shape: [2, 4, 6, 3],
    fn: (x) => tf.image.resizeBilinear(x, [9, 4], false, true),
  },
  {
    title: 'resizeNearestNeighbor of several samples, with half-pixel centres',
    shape: [3, 4, 6, 2],
    fn: (x) => tf.image.resizeNearestNeighbor(x, [9, 4], false, true),
  },
  {
    title: 'conv2d rounded up',
    shape: [1, 7, 6, 2],
    fn: (x) => tf.conv2d(x, filter([3, 2, 2, 3]), [3, 2], 1, 'NHWC', 1, 'ceil'),
  },
]

describe('the traced gradient', () => {
  let engine: Engine
  before(async () => {
    engine = await openEngine({ engine: 'onnxruntime', device: 'cpu', threads: 1 })
  })
  after(() => engine.release())

  // f(x) · w = x · ∇(f(x) · w) holds for linear f and nothing else that depends on w alike.
  for (const { title, shape, fn } of linearCases) {
    it(`of ${title} is the transposed function`, async () => {
      const inputs = { x: floats(shape) }
      const compiled = await engine.compile(
        title,
        ({ x }) => {
          const image = x as tf.Tensor4D
          const weighted = (given: tf.Tensor): tf.Tensor => {
            const result = fn(given as tf.Tensor4D)
            return tf.sum(tf.mul(result, tf.cos(tf.reshape(tf.range(0, result.size), result.shape))))
          }
          const gradient = tf.grad(weighted)(image)
          return { forward: weighted(image), backward: tf.sum(tf.mul(image, gradient)) }
        },
        inputs,
      )
      const { forward, backward } = await compiled.run(drawInputs(inputs, 3))
      expect(Math.abs(forward[0])).to.be.above(0.1)
      expect(backward[0]).to.be.closeTo(forward[0], 1e-4)
    })
  }
})
