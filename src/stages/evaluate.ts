/** Every descendant of a stitched pool, measured on a whole split (docs/method.md, section 5). */
import { join } from 'node:path'
import * as Effect from 'effect/Effect'
import type { EvaluateParams } from '../dsl/nodes.js'
import type { Engine } from '../engine/engine.js'
import type { StageError } from '../runtime/errors.js'
import type { InputArtifact, StageContext, StageFunction, StageSummary } from '../runtime/stage-contract.js'
import { attempt } from './attempt.js'
import { attemptAsync } from './attempt-async.js'
import { checkImages } from './data/batches.js'
import { openDataset } from './data/dataset.js'
import { withEngine } from './model/engine-scope.js'
import { compileForward, type Forward } from './model/forward.js'
import { gridVit } from './stitching/grid-vit.js'
import { layoutOf, pack, slices } from './model/layout.js'
import { measureOutputs } from './model/measure.js'
import type { Scores } from './model/metrics.js'
import { ModelFileError, openModel, readTensors, writeLines } from './model/model-files.js'
import { descendantName, poolGrid, readGridFile, type PoolGrid } from './stitching/pool-grid.js'
import { stitchTensors } from './stitching/stitched-vit.js'
import { vitTensors, type TensorDefinition, type Values } from './model/vit-params.js'

/** Images a call. Every stitched model multiplies it, so a small one keeps the tokens of all of them in the cache. */
const BATCH = 25

/** One line of `descendants.jsonl`. */
export interface DescendantScores extends Scores {
  readonly id: number
  /** `tiny`, or `tiny[0..2]→base[3..5]`. */
  readonly name: string
  /** The student whose embedding it begins with. */
  readonly from: string
  /** The student that it ends in; null for a student alone, and so are `front` and `end`. */
  readonly to: string | null
  /** Last block of `from`. */
  readonly front: number | null
  /** First block of `to`. */
  readonly end: number | null
  /** Blocks that it runs. */
  readonly depth: number
  /** By SN-Net's rule, everything stored, and multiply-accumulates of one image (docs/method.md, section 6). */
  readonly params: number
  readonly paramsStored: number
  readonly macs: number
}

interface StitchedPool {
  readonly names: readonly [string, string]
  readonly grid: PoolGrid
  /** Tensors of both models and of the stitch layers. */
  readonly groups: readonly { readonly tensors: readonly TensorDefinition[]; readonly values: Values }[]
}

const openPool = (input: InputArtifact): StitchedPool => {
  const [gridPath, stitchPath] = ['grid.json', 'stitches.safetensors'].map((file) => {
    const path = input.files[file]
    if (path === undefined) throw new ModelFileError(`the input is not a stitched pool: it has no ${file}`)
    return path
  })
  const file = readGridFile(gridPath)
  const [from, to] = file.models.map((name) => openModel(input, 'stitch', `students/${name}/`))
  const grid = poolGrid([from.config, to.config], file)
  const stitches = Array.from({ length: grid.layers }, (_, i) => stitchTensors(i, from.config, to.config)).flat()
  return {
    names: file.models,
    grid,
    groups: [
      ...[from, to].map(({ config, values }) => ({ tensors: vitTensors(config), values })),
      { tensors: stitches, values: readTensors(stitchPath, stitches, 'the grid') },
    ],
  }
}

/** One function for all descendants: pixels → `<id>`, logits `[batch, classes]`. */
const compileGrid = (engine: Engine, { grid, groups }: StitchedPool, batch: number): Promise<Forward> => {
  const layouts = groups.map(({ tensors }) => layoutOf(tensors))
  return compileForward(engine, {
    label: 'evaluate every descendant',
    config: grid.configs[0],
    batch,
    fixed: Object.fromEntries(groups.map(({ values }, i) => [`theta.${i}`, pack(layouts[i], values)])),
    fn: (pixels, thetas) => {
      const [from, to, stitches] = layouts.map((layout, i) => slices(layout, thetas[`theta.${i}`]))
      const logits = gridVit([from, to], stitches, grid, grid.paths, pixels)
      return Object.fromEntries(grid.descendants.map(({ id }, index) => [String(id), logits[index]]))
    },
  })
}

const describe = ({ names, grid }: StitchedPool, scores: Readonly<Record<string, Scores>>): DescendantScores[] =>
  grid.descendants.map(({ id, models, positions, params, paramsStored, macs }, index) => {
    const path = grid.paths[index]
    const [front, end] = positions[0] ?? [null, null]
    return {
      id,
      name: descendantName(names, path),
      from: names[models[0]],
      to: models.length > 1 ? names[models[1]] : null,
      front,
      end,
      depth: path.reduce((blocks, { first, last }) => blocks + last - first + 1, 0),
      params,
      paramsStored,
      macs,
      ...scores[id],
    }
  })

const summarise = (lines: readonly DescendantScores[]): StageSummary => {
  const stitched = lines.filter(({ to }) => to !== null)
  const best = lines.reduce((a, b) => (b.top1 > a.top1 ? b : a))
  return {
    models: lines.length,
    best: best.name,
    bestTop1: best.top1,
    worstTop1: Math.min(...lines.map(({ top1 }) => top1)),
    stitchedMeanTop1: stitched.reduce((sum, { top1 }) => sum + top1, 0) / stitched.length,
  }
}

const evaluatePool = Effect.fnUntraced(function* (
  context: StageContext<EvaluateParams>,
  engine: Engine,
): Effect.fn.Return<StageSummary, StageError> {
  const { params, inputs, outDir, progress } = context
  const dataset = yield* attempt(() => openDataset(inputs['data']))
  const pool = yield* attempt(() => openPool(inputs['stitch']))
  const config = pool.grid.configs[0]
  const split = yield* attempt(() => {
    checkImages(config, dataset)
    return dataset.split(params.split)
  })
  const batch = Math.min(BATCH, split.count)
  const forward = yield* attemptAsync(() => compileGrid(engine, pool, batch))
  const scores = yield* measureOutputs(forward, config.numClasses, split, progress)
  return yield* attempt(() => {
    const lines = describe(pool, scores)
    writeLines(join(outDir, 'descendants.jsonl'), lines)
    return summarise(lines)
  })
})

/** The stage `evaluate`. Leaves `descendants.jsonl`: one DescendantScores a line, by id. */
export const evaluate: StageFunction<EvaluateParams> = (context) =>
  withEngine(context.engine, (engine) => evaluatePool(context, engine))
