/** Many descendants of a grid in one pass: a grid of 18 models is computed by each block once. */
import * as tf from '@tensorflow/tfjs'
import { block, clsBlock, embed, head, type Params } from '../model/vit.js'
import { gridSchedule, type Operation, type Source } from './grid-schedule.js'
import { stitchTokens, type Grid, type Segment } from './stitched-vit.js'

/**
 * Streams `[S·B, T, d]` of what the rounds before computed, in the order of `sources`, S of them; with `clsOnly` the first token of
 * each, `[S·B, 1, d]`.
 */
const gather = (
  results: readonly tf.Tensor3D[],
  sources: readonly Source[],
  batch: number,
  clsOnly: boolean,
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
    const tokens = clsOnly ? 1 : length
    if (rows * batch === height && tokens === length) return all
    return tf.slice(all, [row * batch, 0, 0], [rows * batch, tokens, width])
  })
  return parts.length === 1 ? parts[0] : tf.concat(parts, 0)
}

/** Pixels `[B, h, w, c]` → logits `[B, classes]` of every path, in their order. */
export const gridVit = (
  models: readonly Params[],
  stitches: Params,
  grid: Grid,
  paths: readonly (readonly Segment[])[],
  pixels: tf.Tensor4D,
): readonly tf.Tensor2D[] => {
  const [batch] = pixels.shape
  const { rounds, logits } = gridSchedule(paths, grid)
  const apply = (operation: Operation, tokens: tf.Tensor3D | undefined): tf.Tensor3D => {
    if (operation.kind === 'stitch') return stitchTokens(stitches, operation.name, tokens!)
    const run = [models[operation.model], grid.configs[operation.model]] as const
    switch (operation.kind) {
      case 'embed':
        return embed(...run, pixels)
      case 'block':
        return block(...run, operation.index, tokens!).map
      case 'clsBlock':
        return clsBlock(...run, operation.index, tokens!)
      case 'head': {
        const logits = head(...run, tokens!, operation.norm)
        return tf.reshape(logits, [logits.shape[0], 1, logits.shape[1]])
      }
    }
  }
  const results: tf.Tensor3D[] = []
  for (const { operation, sources } of rounds) {
    // Some streams of a model reach its head by the cls token alone, others with all tokens, because a stitch reads those.
    const forHead = operation.kind === 'head'
    results.push(apply(operation, sources.length === 0 ? undefined : gather(results, sources, batch, forHead)))
  }
  return logits.map((source) => {
    const own = gather(results, [source], batch, true)
    return tf.reshape(own, [batch, own.shape[2]])
  })
}
