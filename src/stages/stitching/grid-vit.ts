/**
 * Every descendant of a grid in one pass. Descendants that begin alike share that beginning, and those that run the same
 * block on different tokens run it as one batch: a grid of 18 models is computed by each block once.
 */
import * as tf from '@tensorflow/tfjs'
import type { Grid, Segment } from './stitched-vit.js'
import { runsFinalNorm, stitchTokens } from './stitched-vit.js'
import { block, clsBlock, embed, head, type Params } from '../model/vit.js'

/** Tokens on their way through one model; those with the same history are the same stream. */
interface Stream {
  readonly key: string
  /** The block before which it comes into this model. */
  readonly first: number
  readonly layer: number | null
  /** Where it comes from, unless it begins with the image. */
  readonly from: { readonly key: string; readonly segment: Segment } | null
}

const keyOf = (segments: readonly Segment[]): string =>
  segments
    .map(
      ({ model, first, layer }, index) => `${index === 0 ? '' : segments[index - 1].last}>${layer}>${model}.${first}`,
    )
    .join('|')

/** The streams of every model, by key. */
const streamsOf = (paths: readonly (readonly Segment[])[], models: number): readonly ReadonlyMap<string, Stream>[] => {
  const streams = Array.from({ length: models }, () => new Map<string, Stream>())
  for (const path of paths) {
    for (const [index, { model, first, layer }] of path.entries()) {
      const key = keyOf(path.slice(0, index + 1))
      const from = index === 0 ? null : { key: keyOf(path.slice(0, index)), segment: path[index - 1] }
      streams[model].set(key, { key, first, layer, from })
    }
  }
  return streams
}

/** Pixels `[B, h, w, c]` → logits `[B, classes]` of every path, in their order. Paths go from lower to higher models. */
export const gridVit = (
  models: readonly Params[],
  stitches: Params,
  grid: Grid,
  paths: readonly (readonly Segment[])[],
  pixels: tf.Tensor4D,
): readonly tf.Tensor2D[] => {
  const batch = pixels.shape[0]
  /** Tokens `[S·B, T or 1, d]` after every block of every model, S streams in the order in which they came in. */
  const outputs: tf.Tensor3D[][] = grid.configs.map(() => [])
  const rows: Map<string, number>[] = grid.configs.map(() => new Map<string, number>())
  const tokensOf = (key: string, { model, last }: Segment): tf.Tensor3D => {
    const all = outputs[model][last]
    const row = rows[model].get(key) ?? 0
    return tf.slice(all, [row * batch, 0, 0], [batch, all.shape[1], all.shape[2]])
  }

  streamsOf(paths, models.length).forEach((streams, model) => {
    const config = grid.configs[model]
    const last = Math.max(
      ...paths.flatMap((path) => path.filter((part) => part.model === model).map((part) => part.last)),
    )
    // A stitch reads every token of the block that it leaves, a head only the cls token.
    const clsOnly = !paths.some((path) => path.slice(0, -1).some((part) => part.model === model && part.last === last))
    let tokens: tf.Tensor3D | undefined
    for (let index = 0; index <= last; index++) {
      const entering = [...streams.values()].filter(({ first }) => first === index)
      const entered = entering.map(({ key, from, layer }) => {
        rows[model].set(key, rows[model].size)
        return from === null || layer === null
          ? embed(models[model], config, pixels)
          : stitchTokens(stitches, layer, tokensOf(from.key, from.segment))
      })
      const parts = tokens === undefined ? entered : [tokens, ...entered]
      if (parts.length === 0) continue
      const joined = parts.length === 1 ? parts[0] : tf.concat(parts, 0)
      tokens =
        clsOnly && index === last
          ? clsBlock(models[model], config, index, joined)
          : block(models[model], config, index, joined).map
      outputs[model][index] = tokens
    }
  })
  return paths.map((path) => {
    const end = path[path.length - 1]
    const tokens = tokensOf(keyOf(path), end)
    return head(models[end.model], grid.configs[end.model], tokens, runsFinalNorm(path, grid))
  })
}
