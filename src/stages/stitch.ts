/** The stitched pool: two students, the stitch layers between them, tuned together (docs/method.md, sections 3 to 5). */
import { join } from 'node:path'
import * as Effect from 'effect/Effect'
import type { StitchParams } from '../dsl/nodes.js'
import type { Engine } from '../engine/engine.js'
import type { StageError } from '../runtime/errors.js'
import type { StageContext, StageFunction, StageSummary } from '../runtime/stage-contract.js'
import { attempt } from './attempt.js'
import { checkImages, labelledBatches } from './data/batches.js'
import { openDataset, type Split } from './data/dataset.js'
import { withEngine } from './model/engine-scope.js'
import {
  ModelFileError,
  openModel,
  readTensors,
  writeJson,
  writeLines,
  writeModel,
  writeTensors,
} from './model/model-files.js'
import type { StoredModel } from './model/model-files.js'
import { descendantName, poolGrid, type GridFile, type PoolGrid } from './stitching/pool-grid.js'
import { Generator } from './data/random.js'
import { stitchFeatures } from './stitching/stitch-features.js'
import { learnedStart, leastSquaresStart, type LearnedMaps } from './stitching/stitch-start.js'
import { stitchTensors } from './stitching/stitched-vit.js'
import { teacherOutputs, type Teacher, type TeacherOutputs } from './training/teacher-outputs.js'
import { valuesOf } from './training/train-state.js'
import { runTraining } from './training/training.js'
import { transformTensors } from './training/transforms.js'
import { hardLabels, MODELS, poolComponents, tuningStep } from './training/tuning.js'
import type { Values } from './model/vit-params.js'
import { startLinears } from './model/weight-start.js'

type Context = StageContext<StitchParams>
type Pair = readonly [StoredModel, StoredModel]

const openPair = ({ params, inputs }: Context): Pair => {
  const [from, to] = params.models.map((name) => openModel(inputs['pool'], 'pool', `students/${name}/`))
  return [from, to]
}

/** A pooled student's learned map matrices. */
const openMaps = (input: Context['inputs'][string], name: string, model: StoredModel, teacherWidth: number) => {
  const path = input.files[`students/${name}/transforms.safetensors`]
  const positions = model.metadata['positions']
  if (path === undefined || !Array.isArray(positions)) {
    throw new ModelFileError(`the pool's student ${name} has no learned matrices, so no stitch can start from them`)
  }
  const { embedDim: width } = model.config
  const tensors = (['att', 'map'] as const).flatMap((feature) =>
    transformTensors(feature, positions.length, width, teacherWidth),
  )
  return { values: readTensors(path, tensors, `the student ${name}`), count: positions.length, width }
}

/** The stitch layers before tuning. */
const startStitches = Effect.fnUntraced(function* (
  context: Context,
  engine: Engine,
  pair: Pair,
  grid: PoolGrid,
  split: Split,
  teacherWidth: number,
): Effect.fn.Return<Values, StageError> {
  const {
    init,
    samples,
    seed,
    models: [from, to],
  } = context.params
  const [front, end] = pair
  if (init === 'learned') {
    return yield* attempt(() => {
      const [frontMaps, endMaps]: LearnedMaps[] = [from, to].map((name, index) =>
        openMaps(context.inputs['pool'], name, pair[index], teacherWidth),
      )
      return learnedStart(frontMaps, endMaps, teacherWidth, grid.layers)
    })
  }
  if (init === 'random') {
    const tensors = Array.from({ length: grid.layers }, (_, i) => stitchTensors(i, front.config, end.config)).flat()
    return startLinears(tensors, seed, 'stitch')
  }
  const indices = Generator.from(seed, 'samples').sample(split.count, Math.min(samples, split.count))
  const features = yield* stitchFeatures(engine, front, end, split, indices)
  return yield* leastSquaresStart(features, grid.positions, front.config, end.config, context.progress)
})

const noTeacher: TeacherOutputs = () => Promise.resolve({})

const stitchPool = Effect.fnUntraced(function* (
  context: Context,
  engine: Engine,
): Effect.fn.Return<StageSummary, StageError> {
  const { params, inputs, outDir } = context
  const { train, seed, loss } = params
  const [fromName, toName] = params.models
  const names = [fromName!, toName!] as const
  const dataset = yield* attempt(() => openDataset(inputs['data']))
  const teacher: Teacher = yield* attempt(() => openModel(inputs['teacher'], 'teacher'))
  const pair = yield* attempt(() => openPair(context))
  const split = yield* attempt(() => {
    for (const { config } of [teacher, ...pair]) checkImages(config, dataset)
    return dataset.split('train')
  })
  const [from, to] = pair
  const grid = yield* attempt(() => poolGrid([from.config, to.config], params.grid))
  const start = yield* startStitches(context, engine, pair, grid, split, teacher.config.embedDim)
  const components = poolComponents(pair, grid.layers, start)

  const asked = loss !== 'none' && train.epochs > 0
  const taught = asked
    ? yield* teacherOutputs(engine, teacher, { att: [], map: [] }, split, train, context.progress)
    : noTeacher
  const labelled = labelledBatches(split, to.config, train.batchSize)
  const history = yield* runTraining(context, engine, {
    phase: 'tune',
    train,
    seed,
    images: split.count,
    components,
    steps: grid.paths.map((path) =>
      tuningStep(`tune ${descendantName(names, path)}`, components, grid, path, loss, train.batchSize),
    ),
    batch: async (indices) => {
      const answers = await taught(indices)
      const extra =
        loss === 'hard' ? hardLabels(answers['teacher.logits'] as Float32Array, to.config.numClasses) : answers
      return { ...labelled(indices), ...extra }
    },
  })

  return yield* attempt(() => {
    pair.forEach(({ config, metadata }, index) => {
      writeModel(join(outDir, 'students', names[index]), config, valuesOf(components, MODELS[index]), metadata)
    })
    const stitches = Array.from({ length: grid.layers }, (_, i) => stitchTensors(i, from.config, to.config)).flat()
    writeTensors(join(outDir, 'stitches.safetensors'), stitches, valuesOf(components, 'stitch'))
    const { kernel, stride, finalNorm } = params.grid
    const file: GridFile = { models: names, kernel, stride, finalNorm, layers: grid.layers, positions: grid.positions }
    writeJson(join(outDir, 'grid.json'), file)
    writeLines(join(outDir, 'history.jsonl'), history)
    return {
      descendants: grid.descendants.length,
      layers: grid.layers,
      init: params.init,
      finalLoss: history.at(-1)?.loss ?? null,
    }
  })
})

/**
 * The stage `stitch`. Leaves both students as they are tuned (`students/<name>/model.safetensors`, `config.json`),
 * `stitches.safetensors` (`stitch.<i>.weight` `[d_end, d_front]` and `stitch.<i>.bias`), `grid.json` (a GridFile) and
 * `history.jsonl`, one line an epoch; with no epochs, everything as it starts.
 */
export const stitch: StageFunction<StitchParams> = (context) =>
  withEngine(context.engine, (engine) => stitchPool(context, engine))
