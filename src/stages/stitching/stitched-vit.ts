/**
 * The forward pass of descendants, which run blocks of one student, a stitch layer, then blocks of another
 * (docs/method.md, section 3): of one descendant, and of many at once, so that 18 models cost each block one call.
 */
import * as tf from '@tensorflow/tfjs-core'
import { linear } from '../../engine/operations.js'
import { block, embed, head, type BlockMode, lastBlock, tokensForHead } from '../model/vit.js'
import type { NamedTensors } from '../tensors/named-tensors.js'
import { gridSchedule, type StreamOperation, type StreamPlace } from './grid-schedule.js'
import { type Grid, type DescendantPath, runsFinalNorm } from './grid.js'

/** A stitch layer on every token: `[B, T, d_front]` → `[B, T, d_end]`. */
const stitchTokens = (stitches: NamedTensors, name: string, tokens: tf.Tensor3D): tf.Tensor3D =>
  linear(tokens, stitches[`${name}.weight`], stitches[`${name}.bias`]) as tf.Tensor3D

/**
 * One descendant: pixels `[B, h, w, c]` → logits `[B, classes]`. By the model's index, `models` holds its tensors and
 * `modes` how its blocks run.
 */
export const stitchedVit = (
  models: readonly NamedTensors[],
  stitches: NamedTensors,
  grid: Grid,
  path: DescendantPath,
  pixels: tf.Tensor4D,
  modes: readonly BlockMode[] = [],
): tf.Tensor2D => {
  const { configs } = grid
  const end = path[path.length - 1]
  let tokens = embed(models[path[0].model], configs[path[0].model], pixels)
  for (const segment of path) {
    const { model, first, last, stitch } = segment
    const run = [models[model], configs[model]] as const
    if (stitch !== null) tokens = stitchTokens(stitches, stitch, tokens)
    for (let index = first; index < last; index++) tokens = block(...run, index, tokens, modes[model]).map
    const runLast = segment === end ? lastBlock : (...given: Parameters<typeof block>) => block(...given).map
    tokens = runLast(...run, last, tokens, modes[model])
  }
  return head(models[end.model], configs[end.model], tokens, runsFinalNorm(path, grid))
}

/**
 * The tokens of S streams that earlier rounds computed, `[S·B, T, d]`, in the order of `sources`; or the first
 * `count` tokens of each.
 */
const gather = (
  results: readonly tf.Tensor3D[],
  sources: readonly StreamPlace[],
  batch: number,
  count: number | 'all',
): tf.Tensor3D => {
  const runs: { readonly round: number; readonly row: number; rows: number }[] = []
  for (const { round, row } of sources) {
    const last = runs.at(-1)
    if (last !== undefined && last.round === round && last.row + last.rows === row) last.rows++
    else runs.push({ round, row, rows: 1 })
  }
  const parts = runs.map(({ round, row, rows }) => {
    const all = results[round]
    const [height, length, width] = all.shape
    const tokens = count === 'all' ? length : Math.min(count, length)
    if (rows * batch === height && tokens === length) return all
    return tf.slice(all, [row * batch, 0, 0], [rows * batch, tokens, width])
  })
  return parts.length === 1 ? parts[0] : tf.concat(parts, 0)
}

/**
 * One operation: an embedding on pixels `[B, h, w, c]`, all others on tokens `[B, T, d]` → tokens, or logits `[B,
 * classes]`.
 */
export const runOperation = (
  models: readonly NamedTensors[],
  stitches: NamedTensors,
  configs: Grid['configs'],
  operation: StreamOperation,
  input: tf.Tensor,
): tf.Tensor => {
  const tokens = input as tf.Tensor3D
  if (operation.kind === 'stitch') return stitchTokens(stitches, operation.name, tokens)
  const run = [models[operation.model], configs[operation.model]] as const
  switch (operation.kind) {
    case 'embed':
      return embed(...run, input as tf.Tensor4D)
    case 'block':
      return block(...run, operation.index, tokens).map
    case 'lastBlock':
      return lastBlock(...run, operation.index, tokens)
    case 'head':
      return head(...run, tokens, operation.norm)
  }
}

/** Many descendants: pixels `[B, h, w, c]` → logits `[B, classes]` of every path, in the paths' order. */
export const gridVit = (
  models: readonly NamedTensors[],
  stitches: NamedTensors,
  grid: Grid,
  paths: readonly DescendantPath[],
  pixels: tf.Tensor4D,
): readonly tf.Tensor2D[] => {
  const [batch] = pixels.shape
  const { rounds, logits } = gridSchedule(paths, grid)
  const apply = (operation: StreamOperation, tokens: tf.Tensor3D | undefined): tf.Tensor3D => {
    const made = runOperation(models, stitches, grid.configs, operation, tokens ?? pixels)
    if (operation.kind !== 'head') return made as tf.Tensor3D
    return tf.reshape(made, [made.shape[0], 1, made.shape[1]!])
  }
  const results: tf.Tensor3D[] = []
  for (const { operation, sources } of rounds) {
    // A stream reaches its head as the tokens that this reads, or with all of them where a stitch layer reads them too.
    const count = operation.kind === 'head' ? tokensForHead(grid.configs[operation.model]) : 'all'
    results.push(apply(operation, sources.length === 0 ? undefined : gather(results, sources, batch, count)))
  }
  return logits.map((source) => {
    const own = gather(results, [source], batch, 1)
    return tf.reshape(own, [batch, own.shape[2]])
  })
}
