/** Measures models on a whole split. */
import type * as tf from '@tensorflow/tfjs'
import * as Effect from 'effect/Effect'
import type { VitConfig } from '../../dsl/vit-config.js'
import type { CompiledFunction, Engine } from '../../engine/engine.js'
import type { StageError } from '../../runtime/errors.js'
import type { Progress } from '../../runtime/stage-contract.js'
import { attemptAsync } from '../attempt-async.js'
import { pixelSpec, stretches } from '../data/batches.js'
import type { Dataset, Split } from '../data/dataset.js'
import { layoutOf, pack, slices } from './layout.js'
import { ScoreSum, type Scores } from './metrics.js'
import type { Arrays } from '../training/train-step.js'
import { vitTensors, type Values } from './vit-params.js'
import { vitLogits } from './vit.js'

/** Images a call when a single model is measured. */
const BATCH = 250

export interface Measurement {
  /** Takes `pixels` besides `fixed`; every output is logits `[batch, classes]`. */
  readonly compiled: CompiledFunction
  readonly fixed: Arrays
  readonly config: VitConfig
  readonly batch: number
  readonly split: Split
  readonly progress: (progress: Progress) => void
}

/** Scores of every output of the compiled function over the whole split, by the output's name. */
export const measureOutputs = Effect.fnUntraced(function* (
  measurement: Measurement,
): Effect.fn.Return<Readonly<Record<string, Scores>>, StageError> {
  const { compiled, fixed, config, batch, split, progress } = measurement
  const sums = new Map(Object.keys(compiled.outputs).map((name) => [name, new ScoreSum()]))
  const pixels = new Float32Array(batch * config.imageSize ** 2 * config.channels)
  const labels = new Int32Array(batch)
  const parts = stretches(split.count, batch)
  let images = 0
  for (const [index, { indices, rows }] of parts.entries()) {
    split.gather(indices, pixels, labels)
    const outputs = yield* attemptAsync(() => compiled.run({ ...fixed, pixels }))
    for (const [name, sum] of sums) sum.add(outputs[name] as Float32Array, labels, rows, config.numClasses)
    images += rows
    progress({ phase: 'evaluate', step: index + 1, steps: parts.length, images })
    yield* Effect.yieldNow
  }
  return Object.fromEntries([...sums].map(([name, sum]) => [name, sum.scores()]))
})

/** Scores of one model on the test split. */
export const measureModel = Effect.fnUntraced(function* (
  engine: Engine,
  config: VitConfig,
  values: Values,
  dataset: Dataset,
  progress: (progress: Progress) => void,
): Effect.fn.Return<Scores, StageError> {
  const split = dataset.split('test')
  const batch = Math.min(BATCH, split.count)
  const layout = layoutOf(vitTensors(config))
  const compiled = yield* attemptAsync(() =>
    engine.compile(
      'evaluate',
      ({ theta, pixels }) => ({
        logits: vitLogits(slices(layout, theta as tf.Tensor1D), config, pixels as tf.Tensor4D),
      }),
      { theta: { shape: [layout.size], dtype: 'float32' }, pixels: pixelSpec(config, batch) },
    ),
  )
  const fixed = { theta: pack(layout, values) }
  const { logits } = yield* measureOutputs({ compiled, fixed, config, batch, split, progress })
  return logits
})
