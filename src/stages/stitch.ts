/**
 * The stage `stitch`: students and the stitch layers between them, tuned together (docs/method.md, sections 3 to 5).
 */
import * as Effect from 'effect/Effect'
import type { StitchParams } from '../dsl/nodes.js'
import type { Engine } from '../engine/engine.js'
import { sizeOfShape } from '../engine/host-values.js'
import { attempt, type StageError } from '../runtime/errors.js'
import type { StageContext, StageFunction, StageSummary } from '../runtime/stage-contract.js'
import { checkImages, openDataset } from './data/dataset.js'
import { withEngine } from './model/engine-scope.js'
import { openModel } from './model/model-files.js'
import { normalisationOf } from './model/normalisation.js'
import type { TensorDefinition } from './tensors/named-tensors.js'
import { vitTensors } from './model/vit.js'
import { descendantDraws, modelKey, poolComponents, STITCHES, tuningBatches, tuningStep } from './stitching/tuning.js'
import { descendantName, gridStitchTensors, poolGrid, type PoolGrid } from './stitching/grid.js'
import { startStitches } from './stitching/stitch-start.js'
import { writeStitchedPool } from './stitching/stitched-pool.js'
import { validatePool } from './stitching/validate-pool.js'
import { valuesOf } from './training/component.js'
import { type LeaveResult, trainAndLeave, type Training } from './training/training.js'
import { validationSplit } from './training/validation.js'

/** Values of all of these tensors. */
const sizesOf = (tensors: readonly TensorDefinition[]): number =>
  tensors.reduce((sum, { shape }) => sum + sizeOfShape(shape), 0)

const summarise = (grid: PoolGrid, params: StitchParams, finalLoss: number | null): StageSummary => {
  const { configs, stitches, descendants } = grid
  return {
    descendants: descendants.length,
    layers: stitches.reduce((sum, { layers }) => sum + layers, 0),
    init: params.init,
    instances: configs.reduce((sum, { depth }) => sum + depth, 0),
    storedParams: configs.reduce((sum, config) => sum + sizesOf(vitTensors(config)), sizesOf(gridStitchTensors(grid))),
    finalLoss,
  }
}

const stitchPool = Effect.fnUntraced(function* (
  context: StageContext<StitchParams>,
  engine: Engine,
): Effect.fn.Return<StageSummary, StageError> {
  const { params, inputs, sources, progress } = context
  const { train, seed } = params
  const { data, pool, teacher: taught } = inputs
  const names = params.models
  const teacher = yield* attempt(() => (taught === undefined ? null : openModel(taught, 'teacher')))
  const models = yield* attempt(() => names.map((name) => openModel(pool, 'pool', `students/${name}/`)))
  const dataset = yield* attempt(() =>
    openDataset(data, normalisationOf(teacher === null ? models : [teacher, ...models]), {
      decoder: sources['decoder'],
    }),
  )
  const configs = models.map(({ config }) => config)
  const [split, validation] = yield* attempt(() => {
    for (const { config } of teacher === null ? models : [teacher, ...models]) checkImages(config, dataset)
    return [dataset.split('train'), validationSplit(dataset, train)] as const
  })
  const grid = yield* attempt(() => poolGrid(configs, params.grid))
  const teacherWidth = teacher?.config.embedDim ?? null
  const start = yield* startStitches(params, { engine, grid, models, pool, teacherWidth, split, progress })
  const components = poolComponents(
    models.map(({ values }) => values),
    grid,
    start,
    train,
  )
  const { drawn, groups } = descendantDraws(grid, params)
  const training: Training = {
    phase: 'tune',
    train,
    seed,
    images: split.count,
    components,
    steps: drawn
      .map((index) => grid.paths[index])
      .map((path) => tuningStep(`tune ${descendantName(names, path)}`, components, grid, path, params)),
    ...(groups && { groups }),
    batch: yield* tuningBatches({ engine, teacher, configs, split, params, progress }),
    validate: validation && validatePool(engine, components, grid, drawn, names, validation),
  }
  const leave: LeaveResult = (outDir, history) =>
    attempt(() => {
      writeStitchedPool(outDir, {
        names,
        params: params.grid,
        grid,
        descendant: null,
        models: models.map((_, index) => valuesOf(components, modelKey(index))),
        stitches: valuesOf(components, STITCHES),
        metadata: models.map(({ metadata }) => metadata),
      })
      return summarise(grid, params, history.at(-1)?.loss ?? null)
    })
  return yield* trainAndLeave(context, engine, training, leave)
})

/**
 * The stage `stitch`. Leaves all students as they are tuned (`students/<name>/model.safetensors`, `config.json`),
 * `stitches.safetensors` (`stitch.<pair>.<layer>.weight` `[d_end, d_front]` and `.bias`, the pair by its number among
 * the grid's ordered pairs), `grid.json` (a GridFile) and what `trainAndLeave` adds; without epochs, everything as it
 * starts. In its summary `instances` are the blocks of these students, and `storedParams` all parameters that are kept
 * on the disk.
 */
export const stitch: StageFunction<StitchParams> = (context) =>
  withEngine(context.engine, (engine) => stitchPool(context, engine))
