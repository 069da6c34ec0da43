/** Descendants: models that run blocks of one student, a stitch layer, then blocks of a wider one (docs/method.md, section 3). */
import type * as tf from '@tensorflow/tfjs'
import type { Descendant } from '../../dsl/descendants.js'
import type { FinalNorm } from '../../dsl/nodes.js'
import type { VitConfig } from '../../dsl/vit-config.js'
import { linear } from '../../engine/operations.js'
import { linearTensors, type TensorDefinition } from '../model/vit-params.js'
import { block, clsBlock, embed, head, type Params } from '../model/vit.js'

/** A run of blocks of one model. */
export interface Segment {
  /** Index of the model in its grid. */
  readonly model: number
  readonly first: number
  readonly last: number
  /** The stitch layer through which tokens come in; null where the model embeds the image itself. */
  readonly layer: number | null
}

/** What the models of a grid have in common. */
export interface Grid {
  readonly configs: readonly VitConfig[]
  readonly finalNorm: FinalNorm
}

/** What a descendant runs, in order. */
export const segmentsOf = ({ models, positions, layers }: Descendant, { configs }: Grid): readonly Segment[] =>
  models.map((model, index) => ({
    model,
    first: index === 0 ? 0 : positions[index - 1][1],
    last: index < positions.length ? positions[index][0] : configs[model].depth - 1,
    layer: index === 0 ? null : layers[index - 1],
  }))

/** Whether the last LayerNorm runs before the head. */
export const runsFinalNorm = (segments: readonly Segment[], { finalNorm }: Grid): boolean =>
  finalNorm === 'all' || (finalNorm === 'anchorsOnly' && segments.length === 1)

/** Weight `[d_end, d_front]` and bias `[d_end]` of stitch layer `layer`. */
export const stitchTensors = (layer: number, front: VitConfig, end: VitConfig): readonly TensorDefinition[] =>
  linearTensors(`stitch.${layer}`, end.embedDim, front.embedDim)

/** A stitch layer on every token: `[B, T, d_front]` → `[B, T, d_end]`. */
export const stitchTokens = (stitches: Params, layer: number, tokens: tf.Tensor3D): tf.Tensor3D =>
  linear(tokens, stitches[`stitch.${layer}.weight`], stitches[`stitch.${layer}.bias`]) as tf.Tensor3D

/** One descendant: pixels `[B, h, w, c]` → logits `[B, classes]`. `models` holds each model's tensors by its index. */
export const stitchedVit = (
  models: readonly Params[],
  stitches: Params,
  grid: Grid,
  segments: readonly Segment[],
  pixels: tf.Tensor4D,
): tf.Tensor2D => {
  const { configs } = grid
  const end = segments[segments.length - 1]
  let tokens = embed(models[segments[0].model], configs[segments[0].model], pixels)
  for (const segment of segments) {
    const { model, first, last, layer } = segment
    if (layer !== null) tokens = stitchTokens(stitches, layer, tokens)
    for (let index = first; index < last; index++) tokens = block(models[model], configs[model], index, tokens).map
    tokens =
      segment === end
        ? clsBlock(models[model], configs[model], last, tokens)
        : block(models[model], configs[model], last, tokens).map
  }
  return head(models[end.model], configs[end.model], tokens, runsFinalNorm(segments, grid))
}
