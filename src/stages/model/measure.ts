/** Measures models on a whole split. */
import * as Effect from 'effect/Effect'
import { numTokens, type VitConfig } from '../../dsl/vit-config.js'
import type { Engine } from '../../engine/engine.js'
import type { StageError } from '../../runtime/errors.js'
import type { Progress } from '../../runtime/stage-contract.js'
import { attemptAsync } from '../attempt-async.js'
import type { Dataset, Split } from '../data/dataset.js'
import { compileForward, overSplit, type Forward } from './forward.js'
import { layoutOf, pack, slices } from './layout.js'
import { ScoreSum, type Scores } from './metrics.js'
import { vitTensors, type Values } from './vit-params.js'
import { vitLogits } from './vit.js'

/** Tokens a call when a single model is measured: 250 digits of 17 tokens, 21 images of 197. */
const TOKENS = 4_250

/** Scores of every output of a forward pass, `[batch, classes]` logits each, over the whole split, by the output's name. */
export const measureOutputs = Effect.fnUntraced(function* (
  forward: Forward,
  classes: number,
  split: Split,
  progress: (progress: Progress) => void,
): Effect.fn.Return<Readonly<Record<string, Scores>>, StageError> {
  const sums = new Map(Object.keys(forward.outputs).map((name) => [name, new ScoreSum()]))
  const steps = Math.ceil(split.count / forward.batch)
  yield* overSplit(forward, split, split.count, (outputs, from, rows) => {
    const labels = split.labels.subarray(from, from + rows)
    for (const [name, sum] of sums) sum.add(outputs[name] as Float32Array, labels, rows, classes)
    progress({ phase: 'evaluate', step: from / forward.batch + 1, steps, images: from + rows })
  })
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
  const layout = layoutOf(vitTensors(config))
  const forward = yield* attemptAsync(() =>
    compileForward(engine, {
      label: 'evaluate',
      config,
      batch: Math.min(Math.max(1, Math.floor(TOKENS / numTokens(config))), split.count),
      fixed: { theta: pack(layout, values) },
      fn: (pixels, { theta }) => ({ logits: vitLogits(slices(layout, theta), config, pixels) }),
    }),
  )
  const { logits } = yield* measureOutputs(forward, config.numClasses, split, progress)
  yield* attemptAsync(() => forward.release())
  return logits
})
