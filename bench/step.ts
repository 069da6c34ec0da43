/**
 * One training step (forward, backward, AdamW) of a vision transformer, one JSON line a figure:
 *   npm run bench:step -- [--model d64-L6] [--engine onnxruntime] [--threads 2] [--rounds 7] [--steps 20] [--torch PYTHON]
 * With --torch the same step in PyTorch (`step-torch.py`) runs in turn with ours, and the ratio of the medians is printed:
 * above 1, ours is the faster one.
 */
import * as os from 'node:os'
import { spawn } from 'node:child_process'
import * as readline from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type * as tf from '@tensorflow/tfjs'
import type { EngineName } from '../src/engine/engine.js'
import { openEngine } from '../src/engine/open.js'
import { labelledSpecs } from '../src/stages/data/batches.js'
import { crossEntropy } from '../src/stages/training/losses.js'
import { Generator } from '../src/stages/data/random.js'
import { compileStep, type StepDefinition } from '../src/stages/training/train-step.js'
import { newComponent } from '../src/stages/training/train-state.js'
import { vitLogits } from '../src/stages/model/vit.js'
import { vitTensors } from '../src/stages/model/vit-params.js'
import { startVit } from '../src/stages/model/weight-start.js'
import { stepModels, type StepModel } from './step-models.js'

/** Times `steps` steps; milliseconds a step. */
type TimeSteps = (steps: number) => Promise<number>

const optimiser = { beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0.05 }
const learningRate = 1e-3

const oursOf = async ({ config, batch }: StepModel, engine: EngineName, threads: number): Promise<TimeSteps> => {
  const opened = await openEngine({ engine, device: 'cpu', threads })
  const component = newComponent(
    'model',
    'model',
    vitTensors(config),
    startVit(config, { type: 'xavierUniform', gain: 1 }, 1, 'bench'),
  )
  const definition: StepDefinition = {
    label: 'step',
    trained: [component],
    frozen: [],
    inputs: labelledSpecs(config, batch),
    weights: { ce: 1 },
    loss: ({ model }, { pixels, labels }) => ({
      ce: crossEntropy(vitLogits(model, config, pixels as tf.Tensor4D), labels as tf.Tensor2D),
    }),
  }
  const step = await compileStep(opened, definition, optimiser)
  const generator = Generator.from(1, 'bench')
  const pixels = Float32Array.from({ length: batch * config.imageSize ** 2 * config.channels }, () =>
    generator.normal(),
  )
  const labels = new Float32Array(batch * config.numClasses)
  for (let row = 0; row < batch; row++) labels[row * config.numClasses + generator.integer(config.numClasses)] = 1
  return async (steps) => {
    const start = performance.now()
    for (let at = 0; at < steps; at++) (await step.run(learningRate, { pixels, labels })).commit()
    return (performance.now() - start) / steps
  }
}

/** The PyTorch process waits between its turns: a line with a number of steps in, a line with milliseconds a step out. */
const torchOf = (
  python: string,
  model: string,
  threads: number,
): { time: TimeSteps; version: Promise<string>; stop: () => void } => {
  const script = fileURLToPath(new URL('./step-torch.py', import.meta.url))
  const child = spawn(python, [script, '--model', model, '--threads', String(threads)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const lines = readline.createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const next = async (): Promise<string> => {
    const { value, done } = await lines.next()
    if (done === true) throw new Error(`${python} ${script} ended before it answered`)
    return value
  }
  const version = next()
  return {
    version,
    time: async (steps) => {
      await version
      child.stdin.write(`${steps}\n`)
      return Number(await next())
    },
    stop: () => child.stdin.end(),
  }
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!

const { values: flags } = parseArgs({
  options: {
    model: { type: 'string', default: 'd64-L6' },
    engine: { type: 'string', default: 'onnxruntime' },
    threads: { type: 'string', default: String(os.availableParallelism()) },
    rounds: { type: 'string', default: '7' },
    steps: { type: 'string', default: '20' },
    torch: { type: 'string' },
  },
})
const model = stepModels.find(({ name }) => name === flags.model)
if (model === undefined) throw new Error(`--model is one of ${stepModels.map(({ name }) => name).join(', ')}`)
const [threads, rounds, steps] = [flags.threads, flags.rounds, flags.steps].map(Number) as [number, number, number]

const ours = await oursOf(model, flags.engine as EngineName, threads)
const torch = flags.torch === undefined ? undefined : torchOf(flags.torch, model.name, threads)
await ours(steps)
await torch?.time(steps)
const [oursMs, torchMs]: [number[], number[]] = [[], []]
for (let round = 0; round < rounds; round++) {
  oursMs.push(await ours(steps))
  if (torch !== undefined) torchMs.push(await torch.time(steps))
}
const line = (runtime: string, ms: readonly number[]): void => {
  const figures = {
    ms: median(ms),
    minMs: Math.min(...ms),
    maxMs: Math.max(...ms),
    imagesPerSecond: (1_000 * model.batch) / median(ms),
  }
  console.log(
    JSON.stringify({
      bench: 'step',
      model: model.name,
      batch: model.batch,
      threads,
      runtime,
      rounds,
      steps,
      ...figures,
    }),
  )
}
line(flags.engine, oursMs)
if (torch !== undefined) {
  line(await torch.version, torchMs)
  const ratio = median(torchMs) / median(oursMs)
  console.log(
    JSON.stringify({
      bench: 'step',
      model: model.name,
      batch: model.batch,
      threads,
      figure: 'torch ms / our ms',
      ratio,
    }),
  )
  torch.stop()
}
process.exit(0)
