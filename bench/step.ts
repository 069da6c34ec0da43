/**
 * One training step (forward, backward, AdamW) of vision transformers, one JSON line a figure:
 *   npm run bench:step -- [--model all|d64-L6,…] [--engine onnxruntime] [--device cpu] [--threads 2] [--rounds 7]
 *                         [--torch PYTHON] [--all-tokens]
 * With --torch the same step in PyTorch runs in turn with ours, and the ratio of the medians is printed: above 1, ours
 * is the faster one. `share` is that of the machine's matmul rate, measured in turn with the step (medians of both).
 */
import { parseArgs } from 'node:util'
import * as tf from '@tensorflow/tfjs-core'
import { trainingStep } from '../src/doctor/training-step.js'
import { openEngine } from '../src/engine/choice/open.js'
import type { Engine } from '../src/engine/engine.js'
import { engineOptions, enterWorkerEnvironment, requestOf } from './engine-setup.js'
import { modelsNamed, productMacs } from './models.js'
import { type Contestant, contestant, report, takeTurns, torchContestant } from './turns.js'

/** Side of the matrices whose product measures the peak rate of an engine on this machine. */
const SIZE = 1024

/** Products in one turn: a single one is too short to be timed beside a training step of seconds. */
const TIMES = 8

/** Products of two 1024 × 1024 matrices; `gflops` of milliseconds. */
const matmulContestant = async (
  engine: Engine,
): Promise<{ readonly contestant: Contestant; readonly gflops: (ms: number) => number }> => {
  const spec = { shape: [SIZE, SIZE], dtype: 'float32' } as const
  // Only a sum comes back, so that copying the product from the device does not count.
  const compiled = await engine.compile(
    'matmul',
    ({ a, b }) => ({ sum: tf.sum(tf.matMul(a as tf.Tensor2D, b as tf.Tensor2D)) }),
    { a: spec, b: spec },
  )
  const values = () => Float32Array.from({ length: SIZE ** 2 }, (_, index) => Math.sin(index))
  const inputs = { a: values(), b: values() }
  return {
    contestant: contestant('matmul', async () => {
      for (let time = 0; time < TIMES; time++) await compiled.run(inputs)
    }),
    gflops: (ms) => (TIMES * 2 * SIZE ** 3) / ms / 1e6,
  }
}

enterWorkerEnvironment()
const { values: flags } = parseArgs({
  options: {
    ...engineOptions,
    rounds: { type: 'string', default: '7' },
    'all-tokens': { type: 'boolean', default: false },
  },
})
const threads = Number(flags.threads)
const allTokens = flags['all-tokens']

for (const model of modelsNamed(flags.model)) {
  const engine = await openEngine(requestOf(flags))
  const peak = await matmulContestant(engine)
  const contestants = [contestant(flags.engine, await trainingStep(engine, model, { allTokens })), peak.contestant]
  if (flags.torch !== undefined) {
    contestants.push(await torchContestant(flags.torch, ['--model', model.name, '--threads', String(threads)]))
  }
  const [ours, matmul, torch] = await takeTurns(contestants, Number(flags.rounds), model.steps)
  // Forward once, backward twice but for the gradient of the pixels, which nobody asks for.
  const { channels, imageSize, embedDim } = model.config
  const macs = 3 * productMacs(model.config, allTokens) - imageSize ** 2 * channels * embedDim
  const gflops = (ms: number) => (2 * macs * model.batch) / ms / 1e6
  const about = {
    bench: 'step',
    model: model.name,
    batch: model.batch,
    device: flags.device,
    threads,
    ...(allTokens && { allTokens }),
  }
  const peakGflops = peak.gflops(matmul.ms)
  for (const timing of [ours, ...(torch === undefined ? [] : [torch])]) {
    const { name, ...ms } = timing
    const imagesPerSecond = (1_000 * model.batch) / ms.ms
    const share = timing === ours ? { gflops: gflops(ms.ms), peakGflops, share: gflops(ms.ms) / peakGflops } : {}
    report({ ...about, runtime: name, ...ms, imagesPerSecond, ...share })
  }
  if (torch !== undefined) report({ ...about, figure: 'torch ms / our ms', ratio: torch.ms / ours.ms })
  for (const { stop } of contestants) stop()
  await engine.release()
}

process.exit(0)
