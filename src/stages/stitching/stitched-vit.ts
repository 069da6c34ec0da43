/** Descendants: models that run blocks of one student, a stitch layer, then blocks of another (docs/method.md, section 3). */
import type * as tf from '@tensorflow/tfjs'
import type { Descendant } from '../../dsl/descendants.js'
import type { ModelPair } from '../../dsl/model-pairs.js'
import type { FinalNorm } from '../../dsl/nodes.js'
import type { VitConfig } from '../../dsl/vit-config.js'
import { linear } from '../../engine/operations.js'
import { linearTensors, type TensorDefinition } from '../model/vit-params.js'
import { block, clsBlock, embed, head, type Keep, type Params } from '../model/vit.js'

/** A run of blocks of one model. */
export interface Segment {
  /** Index of the model in its grid. */
  readonly model: number
  readonly first: number
  readonly last: number
  /** Name of the stitch layer through which tokens come in; null where the model embeds the image itself. */
  readonly stitch: string | null
}

/** What the models of a grid have in common. */
export interface Grid {
  readonly configs: readonly VitConfig[]
  /** Ordered pairs of models that have stitch layers: layer 0 of pair 2 is `stitch.2.0`. */
  readonly pairs: readonly ModelPair[]
  readonly finalNorm: FinalNorm
}

/** Name of stitch layer `layer` of ordered pair `pair`. */
export const stitchName = (pair: number, layer: number): string => `stitch.${pair}.${layer}`

/** What a descendant runs, in order. */
export const segmentsOf = ({ models, positions, layers }: Descendant, { configs, pairs }: Grid): readonly Segment[] => {
  const pairOf = (front: number, end: number): number => pairs.findIndex(([a, b]) => a === front && b === end)
  return models.map((model, index) => ({
    model,
    first: index === 0 ? 0 : positions[index - 1][1],
    last: index < positions.length ? positions[index][0] : configs[model].depth - 1,
    stitch: index === 0 ? null : stitchName(pairOf(models[index - 1], model), layers[index - 1]),
  }))
}

/** Whether the last LayerNorm runs before the head. */
export const runsFinalNorm = (segments: readonly Segment[], { finalNorm }: Pick<Grid, 'finalNorm'>): boolean =>
  finalNorm === 'all' || (finalNorm === 'anchorsOnly' && segments.length === 1)

/** Weight `[d_end, d_front]` and bias `[d_end]` of a stitch layer. */
export const stitchTensors = (name: string, front: VitConfig, end: VitConfig): readonly TensorDefinition[] =>
  linearTensors(name, end.embedDim, front.embedDim, 'stitches')

/** A stitch layer on every token: `[B, T, d_front]` → `[B, T, d_end]`. */
export const stitchTokens = (stitches: Params, name: string, tokens: tf.Tensor3D): tf.Tensor3D =>
  linear(tokens, stitches[`${name}.weight`], stitches[`${name}.bias`]) as tf.Tensor3D

/**
 * One descendant: pixels `[B, h, w, c]` → logits `[B, classes]`. `models` holds each model's tensors by its index, `keeps` what
 * stochastic depth leaves of its blocks' branches.
 */
export const stitchedVit = (
  models: readonly Params[],
  stitches: Params,
  grid: Grid,
  segments: readonly Segment[],
  pixels: tf.Tensor4D,
  keeps: readonly Keep[] = [],
): tf.Tensor2D => {
  const { configs } = grid
  const end = segments[segments.length - 1]
  let tokens = embed(models[segments[0].model], configs[segments[0].model], pixels)
  for (const segment of segments) {
    const { model, first, last, stitch } = segment
    const run = [models[model], configs[model]] as const
    if (stitch !== null) tokens = stitchTokens(stitches, stitch, tokens)
    for (let index = first; index < last; index++) tokens = block(...run, index, tokens, keeps[model]).map
    const runLast = segment === end ? clsBlock : (...given: Parameters<typeof block>) => block(...given).map
    tokens = runLast(...run, last, tokens, keeps[model])
  }
  return head(models[end.model], configs[end.model], tokens, runsFinalNorm(segments, grid))
}
