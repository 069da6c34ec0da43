/** The stage `single`: one descendant of a grid, trained by itself from random weights, as a baseline for stitching. */
import { join } from 'node:path'
import * as Effect from 'effect/Effect'
import type { SingleParams } from '../dsl/nodes.js'
import type { Engine } from '../engine/engine.js'
import { attempt, type StageError } from '../runtime/errors.js'
import type { StageContext, StageFunction, StageSummary } from '../runtime/stage-contract.js'
import { checkImages, openDataset } from './data/dataset.js'
import { withEngine } from './model/engine-scope.js'
import { openModel, writeLines } from './model/model-files.js'
import { normalisationOf } from './model/normalisation.js'
import { startLinears, startVit } from './model/weight-start.js'
import { describeDescendants, measureGrid } from './stitching/descendant-scores.js'
import { poolGrid, tensorsOnPaths } from './stitching/grid.js'
import { onlyDescendant, writeStitchedPool } from './stitching/stitched-pool.js'
import { componentsOnPath, modelKey, poolComponents, STITCHES, tuningBatches, tuningStep } from './stitching/tuning.js'
import { validatePool } from './stitching/validate-pool.js'
import { valuesOf } from './training/component.js'
import { type LeaveResult, trainAndLeave, type Training } from './training/training.js'
import { validationSplit } from './training/validation.js'

const trainSingle = Effect.fnUntraced(function* (
  context: StageContext<SingleParams>,
  engine: Engine,
): Effect.fn.Return<StageSummary, StageError> {
  const { params, inputs, sources, progress } = context
  const { names, models: configs, train, seed, weightStarts } = params
  const { data, teacher: taught } = inputs
  const teacher = yield* attempt(() => (taught === undefined ? null : openModel(taught, 'teacher')))
  const dataset = yield* attempt(() =>
    openDataset(data, normalisationOf(teacher === null ? [] : [teacher]), { decoder: sources['decoder'] }),
  )
  const [split, test, validation] = yield* attempt(() => {
    for (const config of teacher === null ? configs : [teacher.config, ...configs]) checkImages(config, dataset)
    return [dataset.split('train'), dataset.split('test'), validationSplit(dataset, train)] as const
  })
  const { whole, grid } = yield* attempt(() => {
    const all = poolGrid(configs, params.grid)
    return { whole: all, grid: onlyDescendant(all, params.descendant) }
  })
  const [path] = grid.paths
  const tensors = tensorsOnPaths([path], grid)
  const components = poolComponents(
    configs.map((config, index) =>
      tensors.models[index].length === 0 ? {} : startVit(config, weightStarts[index], seed, 'single'),
    ),
    grid,
    startLinears(tensors.stitches, seed, 'stitch'),
    train,
    componentsOnPath(path, grid, 'all').trained,
  )
  const training: Training = {
    phase: 'train',
    train,
    seed,
    images: split.count,
    components,
    steps: [tuningStep('train a descendant', components, grid, path, { ...params, tuned: 'all' })],
    batch: yield* tuningBatches({ engine, teacher, configs, split, params, progress }),
    validate: validation && validatePool(engine, components, grid, [0], names, validation),
  }
  const { mean, std } = dataset
  const leave: LeaveResult = Effect.fnUntraced(function* (outDir, history) {
    const values = configs.map((_, index) => valuesOf(components, modelKey(index)))
    const stitches = valuesOf(components, STITCHES)
    const groups = [
      ...tensors.models.map((own, index) => ({ tensors: own, values: values[index] })),
      { tensors: tensors.stitches, values: stitches },
    ]
    const scores = yield* measureGrid(engine, { names, grid, groups }, test, progress)
    return yield* attempt(() => {
      writeStitchedPool(outDir, {
        names,
        params: params.grid,
        grid: whole,
        descendant: params.descendant,
        models: values,
        stitches,
        metadata: configs.map(() => ({ role: 'single', mean, std })),
      })
      const lines = describeDescendants(names, grid, scores)
      writeLines(join(outDir, 'descendants.jsonl'), lines)
      const [{ name, params: counted, macs, top1, top5, loss }] = lines
      return { name, top1, top5, loss, params: counted, macs, finalLoss: history.at(-1)?.loss ?? null }
    })
  })
  return yield* trainAndLeave(context, engine, training, leave)
})

/**
 * The stage `single`. Leaves `descendants.jsonl` with its one line (a DescendantScores on the test images), what
 * `trainAndLeave` adds, and its weights in the form of the stage stitch (`grid.json`, `students/<name>/`,
 * `stitches.safetensors`), but only those that the descendant runs. `openStitchedPool` reads both.
 */
export const single: StageFunction<SingleParams> = (context) =>
  withEngine(context.engine, (engine) => trainSingle(context, engine))
