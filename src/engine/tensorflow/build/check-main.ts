/**
 * The process of a check: loads a new build and trains a small network for a few steps, whose losses plain JavaScript
 * has to agree with.
 */
import * as tf from '@tensorflow/tfjs-core'
import { answer, inChild } from '../../../base/own-program.js'
import { openEager } from '../../eager-engine.js'
import { type Engine, EngineError, type HostArray, type TensorFunction, type TensorSpecs } from '../../engine.js'
import type { LocatedTensorflow } from '../../installed.js'
import { gelu, layerNorm, linear, softmaxCrossEntropy } from '../../operations.js'
import { loadAddon } from '../addon.js'
import { openTensorflow } from '../tensorflow-engine.js'
import type { CheckAnswer } from './build.js'

const [batch, inner, hidden, classes] = [8, 6, 16, 4]

const steps = 5

const rate = 0.5

const tolerance = 1e-3

const specs: TensorSpecs = {
  first: { shape: [hidden, inner], dtype: 'float32' },
  second: { shape: [classes, hidden], dtype: 'float32' },
  x: { shape: [batch, inner], dtype: 'float32' },
  labels: { shape: [batch], dtype: 'int32' },
}

const loss = (first: tf.Tensor, second: tf.Tensor, x: tf.Tensor, labels: tf.Tensor): tf.Scalar => {
  const normal = layerNorm(linear(x, first, tf.zeros([hidden])), tf.ones([hidden]), tf.zeros([hidden]), 1e-6)
  const logits = linear(gelu(normal), second, tf.zeros([classes])) as tf.Tensor2D
  return tf.mean(softmaxCrossEntropy(logits, tf.cast(tf.oneHot(labels, classes), 'float32') as tf.Tensor2D))
}

/** Plain gradient descent: weights and a batch → their next values and the loss before. */
const step: TensorFunction = ({ first, second, x, labels }) => {
  const { value, grads } = tf.valueAndGrads((a, b) => loss(a, b, x, labels))([first, second])
  const next = (weight: tf.Tensor, gradient: tf.Tensor): tf.Tensor => tf.sub(weight, tf.mul(gradient, rate))
  return { loss: value, first: next(first, grads[0]), second: next(second, grads[1]) }
}

const wave = (length: number, factor: number): Float32Array =>
  Float32Array.from({ length }, (_, at) => Math.sin((at + 1) * factor))

const lossesOn = async (engine: Engine): Promise<readonly number[]> => {
  const compiled = await engine.compile('the check', step, specs)
  const labels = Int32Array.from({ length: batch }, (_, at) => at % classes)
  let values: Record<string, HostArray> = {
    first: wave(hidden * inner, 1.7),
    second: wave(classes * hidden, 2.3),
    x: wave(batch * inner, 3.1),
    labels,
  }
  const losses: number[] = []
  for (let at = 0; at < steps; at++) {
    const results = await compiled.run(values)
    losses.push(results['loss'][0])
    values = { ...values, first: results['first'], second: results['second'] }
  }
  await compiled.release()
  return losses
}

/** Throws an EngineError where the engine's losses are not those of plain JavaScript. */
const checkTraining = async (engine: Engine): Promise<void> => {
  const reference = openEager({ engine: 'cpu', device: 'cpu', backend: 'cpu', versions: {} })
  const [losses, wanted] = [await lossesOn(engine), await lossesOn(reference)]
  await reference.release()
  const wrong = wanted.findIndex((value, at) => !(Math.abs(losses[at] - value) <= tolerance * Math.abs(value)))
  if (wrong >= 0) {
    throw new EngineError(
      `step ${wrong + 1} of its training has the loss ${losses[wrong]} where ${wanted[wrong]} is right`,
    )
  }
}

await inChild(async (argument) => {
  const located = argument as LocatedTensorflow
  const engine = await openTensorflow({ engine: 'tensorflow', device: 'cpu', threads: 1 }, {}, located)
  await checkTraining(engine)
  await engine.release()
  answer({ type: 'works', libtensorflow: loadAddon(located).TF_Version } satisfies CheckAnswer)
})
