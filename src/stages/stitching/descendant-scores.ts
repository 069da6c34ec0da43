/**
 * Scores of a pool's descendants on a split: computed together, as far as their tokens fit into memory, and as they are
 * written down.
 */
import * as Effect from 'effect/Effect'
import { numTokens } from '../../dsl/vit-config.js'
import type { Engine } from '../../engine/engine.js'
import { attemptAsync, type StageError } from '../../runtime/errors.js'
import type { Progress } from '../../runtime/stage-contract.js'
import type { Split } from '../data/dataset.js'
import { compileForward, type Forward } from '../model/forward.js'
import { measureOutputs, type Scores } from '../model/measure.js'
import { hiddenWidth } from '../model/vit.js'
import { layoutOf, pack, slices } from '../tensors/named-tensors.js'
import { chunkPaths, type StreamOperation } from './grid-schedule.js'
import { descendantName, type PoolGrid } from './grid.js'
import type { StitchedPool } from './stitched-pool.js'
import { gridVit } from './stitched-vit.js'

/** One line of `descendants.jsonl`. */
export interface DescendantScores extends Scores {
  /** Its number in its grid. */
  readonly id: number
  /** `tiny`, or `tiny[0..2]→base[3..5]`. */
  readonly name: string
  /** Students in the order in which they run. */
  readonly models: readonly string[]
  /** For every stitch the last block of the one student and the first of the next, both 0-based. */
  readonly positions: readonly (readonly [number, number])[]
  /** Blocks that it runs. */
  readonly depth: number
  /** Parameters by SN-Net's rule (docs/method.md, section 6). */
  readonly params: number
  /** Parameters that are needed to run it. */
  readonly paramsStored: number
  /** Multiply-accumulates of one image. */
  readonly macs: number
}

/** Lines of the grid's descendants, in its order, from their scores by id. */
export const describeDescendants = (
  names: readonly string[],
  grid: PoolGrid,
  scores: Readonly<Record<string, Scores>>,
): readonly DescendantScores[] =>
  grid.descendants.map(({ id, models, positions, params, paramsStored, macs }, index) => {
    const path = grid.paths[index]
    return {
      id,
      name: descendantName(names, path),
      models: models.map((model) => names[model]),
      positions,
      depth: path.reduce((blocks, { first, last }) => blocks + last - first + 1, 0),
      params,
      paramsStored,
      macs,
      ...scores[id],
    }
  })

/**
 * Tokens a call: 25 digits of 17 tokens. Every stitched model multiplies them, so only few tokens stay in the
 * processor's cache.
 */
const TOKENS = 425

/** Values that one operation computes at most on all streams, 128 MiB. A pass holds several such results at a time. */
const LIMIT = 2 ** 25

/** Images a call. */
const batchFor = ({ configs }: PoolGrid, images: number): number =>
  Math.min(25, Math.max(1, Math.floor(TOKENS / numTokens(configs[0]))), images)

/**
 * Values of the largest intermediate result of an operation on one stream: a block's hidden layer, qkv or attention
 * weights.
 */
const streamSize = ({ configs }: PoolGrid, batch: number, operation: StreamOperation): number => {
  if (operation.kind === 'stitch') return 0
  const config = configs[operation.model]
  const tokens = numTokens(config)
  return batch * tokens * Math.max(hiddenWidth(config), 3 * config.embedDim, config.numHeads * tokens)
}

/** One function for some descendants: pixels → `<id>`, logits `[batch, classes]`. */
const compileGrid = (
  engine: Engine,
  { grid, groups }: Pick<StitchedPool, 'grid' | 'groups'>,
  chosen: readonly number[],
  batch: number,
): Promise<Forward> => {
  const layouts = groups.map(({ tensors }) => layoutOf(tensors))
  return compileForward(engine, {
    label: 'evaluate descendants',
    config: grid.configs[0],
    batch,
    fixed: Object.fromEntries(groups.map(({ values }, i) => [`theta.${i}`, pack(layouts[i], values)])),
    fn: (pixels, thetas) => {
      const params = layouts.map((layout, i) => slices(layout, thetas[`theta.${i}`]))
      const paths = chosen.map((index) => grid.paths[index])
      const logits = gridVit(params.slice(0, -1), params.at(-1)!, grid, paths, pixels)
      return Object.fromEntries(chosen.map((index, at) => [String(grid.descendants[index].id), logits[at]]))
    },
  })
}

/** Scores of every descendant of the pool's grid on the whole split, by id. `limit` is for one operation, in values. */
export const measureGrid = Effect.fnUntraced(function* (
  engine: Engine,
  pool: Omit<StitchedPool, 'described'>,
  split: Split,
  progress: (progress: Progress) => void,
  limit = LIMIT,
): Effect.fn.Return<Readonly<Record<string, Scores>>, StageError> {
  const { grid } = pool
  const batch = batchFor(grid, split.count)
  const chunks = chunkPaths(grid.paths, grid, (operation) => streamSize(grid, batch, operation), limit)
  const scores: Record<string, Scores> = {}
  for (const [index, chunk] of chunks.entries()) {
    const forward = yield* attemptAsync(() => compileGrid(engine, pool, chunk, batch))
    const measured = yield* measureOutputs(forward, grid.configs[0].numClasses, split, (report) =>
      progress({ ...report, step: index * report.steps + report.step, steps: chunks.length * report.steps }),
    )
    yield* attemptAsync(() => forward.release())
    Object.assign(scores, measured)
  }
  return scores
})

/** Logits `[images × classes]` of the grid's descendants, by id, for pixels `[images, h, w, c]`. */
export const gridLogits = async (
  engine: Engine,
  pool: Omit<StitchedPool, 'described'>,
  pixels: Float32Array,
  images: number,
): Promise<Readonly<Record<string, Float32Array>>> => {
  const { grid } = pool
  const found: Record<string, Float32Array> = {}
  for (const chunk of chunkPaths(grid.paths, grid, (operation) => streamSize(grid, images, operation), LIMIT)) {
    const forward = await compileGrid(engine, pool, chunk, images)
    const logits = await forward.runOn(0, pixels)
    for (const [id, values] of Object.entries(logits)) found[id] = Float32Array.from(values)
    await forward.release()
  }
  return found
}
