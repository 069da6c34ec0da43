/** The stage `evaluate`: every descendant of a stitched pool, measured on a whole split (docs/method.md, section 5). */
import { join } from 'node:path'
import * as Effect from 'effect/Effect'
import type { EvaluateParams } from '../dsl/nodes.js'
import type { Engine } from '../engine/engine.js'
import { attempt, type StageError } from '../runtime/errors.js'
import type { StageContext, StageFunction, StageSummary } from '../runtime/stage-contract.js'
import { checkImages, openDataset } from './data/dataset.js'
import { withEngine } from './model/engine-scope.js'
import { writeLines } from './model/model-files.js'
import { normalisationOf } from './model/normalisation.js'
import { type DescendantScores, describeDescendants, measureGrid } from './stitching/descendant-scores.js'
import { openStitchedPool } from './stitching/stitched-pool.js'

const meanTop1 = (lines: readonly DescendantScores[]): number =>
  lines.reduce((sum, { top1 }) => sum + top1, 0) / lines.length

/**
 * `stitchedMeanTop1` is the mean without the single students. Of equally good or small descendants the first is named.
 */
const summarise = (lines: readonly DescendantScores[]): StageSummary => {
  const best = lines.reduce((a, b) => (b.top1 > a.top1 ? b : a))
  const smallest = lines.reduce((a, b) => (b.params < a.params ? b : a))
  const stitched = lines.filter(({ models }) => models.length > 1)
  return {
    models: lines.length,
    best: best.name,
    bestTop1: best.top1,
    meanTop1: meanTop1(lines),
    stitchedMeanTop1: stitched.length === 0 ? null : meanTop1(stitched),
    worstTop1: Math.min(...lines.map(({ top1 }) => top1)),
    smallest: smallest.name,
    smallestParams: smallest.params,
    smallestTop1: smallest.top1,
  }
}

const evaluatePool = Effect.fnUntraced(function* (
  context: StageContext<EvaluateParams>,
  engine: Engine,
): Effect.fn.Return<StageSummary, StageError> {
  const { params, inputs, outDir, progress } = context
  const pool = yield* attempt(() => openStitchedPool(inputs['stitch']))
  const dataset = yield* attempt(() => openDataset(inputs['data'], normalisationOf(pool.described)))
  const split = yield* attempt(() => {
    checkImages(pool.grid.configs[0], dataset)
    return dataset.split(params.split)
  })
  const scores = yield* measureGrid(engine, pool, split, progress)
  return yield* attempt(() => {
    const lines = describeDescendants(pool.names, pool.grid, scores)
    writeLines(join(outDir, 'descendants.jsonl'), lines)
    return summarise(lines)
  })
})

/** The stage `evaluate`. Leaves `descendants.jsonl`: one DescendantScores a line, by id. */
export const evaluate: StageFunction<EvaluateParams> = (context) =>
  withEngine(context.engine, (engine) => evaluatePool(context, engine))
