import * as tf from '@tensorflow/tfjs-core'
import { expect } from 'chai'
import type { TensorFunction, TensorSpec } from '../../../src/engine/engine.js'
import { openEngine } from '../../../src/engine/choice/open.js'
import { locateTensorflow } from '../../../src/engine/installed.js'
import type { NodeBackend } from '../../../src/engine/tensorflow/addon.js'

const width = 128
const steps = process.env['GENEPOOL_LONG'] === '1' ? 10_000 : 300
/** Before this many steps TensorFlow still fills its caches. */
const warmUp = 50

const specs: Readonly<Record<string, TensorSpec>> = {
  weight: { shape: [width, width], dtype: 'float32' },
  x: { shape: [width, width], dtype: 'float32' },
}
const step: TensorFunction = ({ weight, x }) => {
  const { value, grads } = tf.valueAndGrads((w) => tf.mean(tf.square(tf.sub(tf.matMul(x, w as tf.Tensor2D), x))))([
    weight,
  ])
  return { loss: value, weight: tf.sub(weight, tf.mul(grads[0], 0.1)) }
}
/** The same, and nothing that can be recorded. */
const eagerStep: TensorFunction = (inputs) => {
  const results = step(inputs)
  results['loss'].dataSync()
  return results
}

/** Memory that garbage may take meanwhile: the test run offers no collector that could be called. */
const slackBytes = 60e6

if (locateTensorflow() !== undefined) {
  for (const [name, fn] of [
    ['as a graph', step],
    ['eagerly', eagerStep],
  ] as const) {
    describe(`${steps} steps of the engine tensorflow ${name}`, () => {
      it('hold no more tensors and no more memory than the first ones', async () => {
        const engine = await openEngine({ engine: 'tensorflow', device: 'cpu', threads: 1 })
        const { run } = await engine.compile('step', fn, specs)
        const held = () => [
          tf.memory().numTensors,
          (tf.findBackend('tensorflow') as NodeBackend).binding.getNumOfTensors(),
        ]
        let weight = Float32Array.from({ length: width * width }, (_, at) => Math.sin(at))
        const x = Float32Array.from({ length: width * width }, (_, at) => Math.cos(at))
        const advance = async (count: number): Promise<void> => {
          for (let at = 0; at < count; at++) weight = (await run({ weight, x }))['weight'] as Float32Array<ArrayBuffer>
        }
        await advance(warmUp)
        const [tensors, memory] = [held(), process.memoryUsage.rss()]
        await advance(steps)
        expect(held()).to.deep.equal(tensors)
        expect(process.memoryUsage.rss() - memory).to.be.below(slackBytes)
        await engine.release()
      })
    })
  }
}
