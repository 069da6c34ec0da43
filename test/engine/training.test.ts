import * as tf from '@tensorflow/tfjs-core'
import { expect } from 'chai'
import type { HostArray, TensorFunction, TensorSpec } from '../../src/engine/engine.js'
import type { EngineOptions } from '../../src/engine/request.js'
import { openEngine } from '../../src/engine/choice/open.js'
import { gelu, layerNorm, linear, softmaxCrossEntropy } from '../../src/engine/operations.js'
import { seededNumbers } from './cases.js'

const [batch, tokens, width, heads, classes, layers] = [8, 5, 16, 2, 3, 2]

const layerShapes = (layer: number): readonly (readonly [string, readonly number[]])[] => [
  [`${layer}.norm1.scale`, [width]],
  [`${layer}.norm1.shift`, [width]],
  [`${layer}.qkv.weight`, [3 * width, width]],
  [`${layer}.qkv.bias`, [3 * width]],
  [`${layer}.norm2.scale`, [width]],
  [`${layer}.norm2.shift`, [width]],
  [`${layer}.up.weight`, [2 * width, width]],
  [`${layer}.up.bias`, [2 * width]],
  [`${layer}.down.weight`, [width, 2 * width]],
  [`${layer}.down.bias`, [width]],
]
const shapes = [
  ...Array.from({ length: layers }, (_, layer) => layerShapes(layer)).flat(),
  ['head.weight', [classes, width]],
  ['head.bias', [classes]],
] as const satisfies readonly (readonly [string, readonly number[]])[]
const sizeOf = (shape: readonly number[]): number => shape.reduce((product, extent) => product * extent, 1)
const size = shapes.reduce((sum, [, shape]) => sum + sizeOf(shape), 0)

type Parameters = Readonly<Record<string, tf.Tensor>>

const attention = (p: Parameters, layer: number, x: tf.Tensor): tf.Tensor => {
  const qkv = linear(x, p[`${layer}.qkv.weight`], p[`${layer}.qkv.bias`])
  const split = tf.transpose(tf.reshape(qkv, [batch, tokens, 3, heads, width / heads]), [2, 0, 3, 1, 4])
  const [q, k, v] = tf.unstack(split)
  const scores = tf.softmax(tf.div(tf.matMul(q, k, false, true), Math.sqrt(width / heads)))
  return tf.reshape(tf.transpose(tf.matMul(scores, v), [0, 2, 1, 3]), [batch, tokens, width])
}

const logits = (p: Parameters, input: tf.Tensor): tf.Tensor2D => {
  let x = input
  for (let layer = 0; layer < layers; layer++) {
    const norm = (which: string) => layerNorm(x, p[`${layer}.${which}.scale`], p[`${layer}.${which}.shift`], 1e-6)
    x = tf.add(x, attention(p, layer, norm('norm1')))
    const hidden = gelu(linear(norm('norm2'), p[`${layer}.up.weight`], p[`${layer}.up.bias`]))
    x = tf.add(x, linear(hidden, p[`${layer}.down.weight`], p[`${layer}.down.bias`]))
  }
  return linear(tf.mean(x, 1), p['head.weight'], p['head.bias']) as tf.Tensor2D
}

/** One step of Adam on the flat parameters. */
const step: TensorFunction = ({ theta, m, v, x, labels, rate }) => {
  const loss = (flat: tf.Tensor): tf.Scalar => {
    let start = 0
    const parameters: Record<string, tf.Tensor> = {}
    for (const [name, shape] of shapes) {
      parameters[name] = tf.reshape(tf.slice(flat, [start], [sizeOf(shape)]), [...shape])
      start += sizeOf(shape)
    }
    const targets = tf.oneHot(labels as tf.Tensor1D, classes, 1, 0, 'float32') as tf.Tensor2D
    return tf.mean(softmaxCrossEntropy(logits(parameters, x), targets))
  }
  const { value, grad } = tf.valueAndGrad(loss)(theta)
  const mean = tf.add(tf.mul(m, 0.9), tf.mul(grad, 0.1))
  const square = tf.add(tf.mul(v, 0.99), tf.mul(tf.square(grad), 0.01))
  const change = tf.mul(rate, tf.div(mean, tf.add(tf.sqrt(square), 1e-6)))
  return { loss: value, theta: tf.sub(theta, change), m: mean, v: square }
}

const float = (...shape: number[]): TensorSpec => ({ shape, dtype: 'float32' })
const specs: Readonly<Record<string, TensorSpec>> = {
  theta: float(size),
  m: float(size),
  v: float(size),
  x: float(batch, tokens, width),
  labels: { shape: [batch], dtype: 'int32' },
  rate: float(),
}

const train = async (request: Partial<EngineOptions>) => {
  const engine = await openEngine({ engine: 'onnxruntime', device: 'cpu', threads: 1, ...request })
  const compiled = await engine.compile('a training step', step, specs)
  const next = seededNumbers(1)
  const centred = () => next() - 0.5
  let state: Record<string, HostArray> = {
    theta: Float32Array.from({ length: size }, centred),
    m: new Float32Array(size),
    v: new Float32Array(size),
  }
  const x = Float32Array.from({ length: batch * tokens * width }, centred)
  const labels = Int32Array.from({ length: batch }, (_, index) => index % classes)
  const losses: number[] = []
  for (let index = 0; index < 20; index++) {
    const { loss, ...updated } = await compiled.run({ ...state, x, labels, rate: Float32Array.of(3e-3) })
    losses.push(loss[0])
    state = updated
  }
  await engine.release()
  return { losses, theta: Buffer.from(state['theta'].buffer) }
}

describe('training on an engine', () => {
  it('gives the same losses compiled as in the reference', async () => {
    const { losses } = await train({})
    const { losses: expected } = await train({ engine: 'cpu' })
    expect(losses.at(-1)).to.be.below(losses[0] / 2)
    losses.forEach((loss, index) => expect(loss, `step ${index}`).to.be.closeTo(expected[index], 1e-3))
  })

  it('gives the same bytes with one thread, with two, and in another session', async () => {
    const first = await train({ threads: 1 })
    for (const again of [await train({ threads: 2 }), await train({ threads: 1 })]) {
      expect(again.theta.equals(first.theta)).to.equal(true)
      expect(again.losses).to.deep.equal(first.losses)
    }
  })
})
