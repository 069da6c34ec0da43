/** Trains a tiny model in a process of its own and prints, in one line, what is held after so many steps. */
import * as tf from '@tensorflow/tfjs-core'
import type { EngineOptions } from '../../src/engine/request.js'
import { openEngine } from '../../src/engine/choice/open.js'
import { trainer } from './parity-models.js'

export interface LeakTask {
  readonly request: EngineOptions
  /** Measured after each of these many steps. */
  readonly steps: readonly number[]
}

export interface LeakAnswer {
  readonly tensors: readonly number[]
  /** MiB. */
  readonly resident: readonly number[]
  readonly loss: number
  readonly seconds: number
}

const { request, steps } = JSON.parse(process.argv[2]) as LeakTask
const engine = await openEngine(request)
const { step } = await trainer(engine, {
  imageSize: 8,
  patchSize: 4,
  channels: 1,
  numClasses: 3,
  embedDim: 8,
  depth: 1,
  numHeads: 2,
  mlpRatio: 2,
  layerNormEps: 1e-6,
})
const tensors: number[] = []
const resident: number[] = []
let [done, loss] = [0, NaN]
const start = performance.now()
for (const count of steps) {
  for (; done < count; done++) loss = await step(done)
  // Arrays that nothing refers to any more are no leak.
  for (let round = 0; round < 3; round++) {
    globalThis.gc!()
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  tensors.push(tf.memory().numTensors)
  resident.push(Math.round(process.memoryUsage.rss() / 2 ** 20))
}
const seconds = (performance.now() - start) / 1_000
await engine.release()
process.stdout.write(`${JSON.stringify({ tensors, resident, loss, seconds } satisfies LeakAnswer)}\n`)
