/**
 * Memory of a training step, one JSON line a figure:
 *   npm run bench:memory -- [--model all|d64-L6,…] [--engine onnxruntime] [--device cpu] [--threads 2] [--steps 200]
 *                           [--torch PYTHON] [--recompute] [--batch 32]
 * `peakMiB` is the peak resident memory of a process that does nothing but these steps; `grownMiB` what it grew from
 * the 20th step to the last; `tensors` the live tensors of TensorFlow.js after the first step and after the last;
 * `fastestMs` the shortest step. `--torch` does not know `--batch` and `--recompute`.
 */
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import * as tf from '@tensorflow/tfjs-core'
import { openEngine } from '../src/engine/choice/open.js'
import { engineOptions, requestOf } from './engine-setup.js'
import { workerEnvironment } from '../src/runtime/execute/worker-memory.js'
import { modelsNamed } from './models.js'
import { trainingStep } from '../src/doctor/training-step.js'
import { report } from './turns.js'

const { values: flags } = parseArgs({
  options: {
    ...engineOptions,
    steps: { type: 'string' },
    /** Images a step instead of the model's. */
    batch: { type: 'string' },
    /** Blocks are computed again for their gradients. */
    recompute: { type: 'boolean', default: false },
    /** Set in the processes that are measured. */
    measured: { type: 'boolean', default: false },
  },
})
const threads = Number(flags.threads)
const settling = 20
const models = modelsNamed(flags.model).map((model) => ({ ...model, batch: Number(flags.batch ?? model.batch) }))

const measure = async (): Promise<void> => {
  const [model] = models
  const engine = await openEngine(requestOf(flags))
  const step = await trainingStep(engine, model, { recompute: flags.recompute })
  const tensors = [0, 0]
  let settled = 0
  let fastestMs = Infinity
  const steps = Number(flags.steps)
  for (let at = 1; at <= steps; at++) {
    const began = performance.now()
    await step()
    if (at > 1) fastestMs = Math.min(fastestMs, performance.now() - began)
    if (at === 1) tensors[0] = tf.memory().numTensors
    if (at === Math.min(settling, steps)) settled = process.memoryUsage.rss()
  }
  tensors[1] = tf.memory().numTensors
  const grownMiB = (process.memoryUsage.rss() - settled) / 2 ** 20
  console.log(JSON.stringify({ peakMiB: process.resourceUsage().maxRSS / 1024, grownMiB, fastestMs, tensors }))
  process.exit(0)
}

if (flags.measured) await measure()
for (const model of models) {
  const steps = flags.steps ?? String(Math.max(10 * model.steps, 30))
  const words = ['--model', model.name, '--threads', String(threads), '--steps', steps]
  const about = {
    bench: 'memory',
    model: model.name,
    batch: model.batch,
    device: flags.device,
    ...(flags.recompute && { recompute: true }),
    threads,
    steps: Number(steps),
  }
  const script = fileURLToPath(import.meta.url)
  const more = ['--batch', String(model.batch), ...(flags.recompute ? ['--recompute'] : [])]
  const engine = ['--engine', flags.engine, '--device', flags.device]
  const own = [...process.execArgv, script, ...words, ...engine, ...more, '--measured']
  const ours = JSON.parse(
    execFileSync(process.execPath, own, {
      env: workerEnvironment(),
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    }),
  ) as {
    peakMiB: number
  }
  report({ ...about, runtime: flags.engine, ...ours })
  if (flags.torch === undefined) continue
  const theirs = fileURLToPath(new URL('../../bench/step-torch.py', import.meta.url))
  const torchMiB = Number(execFileSync(flags.torch, [theirs, ...words, '--memory'], { encoding: 'utf8' }))
  report({ ...about, runtime: 'pytorch', peakMiB: torchMiB })
  report({ ...about, figure: 'our peak / torch peak', ratio: ours.peakMiB / torchMiB })
}
