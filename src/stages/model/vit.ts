/**
 * The vision transformer of DeiT and timm (docs/method.md, section 1): its tensors, then its forward pass piece by
 * piece, in order, because stitched models are made of the same pieces. Shapes: B images, N patches, T = N + 1 tokens,
 * width d.
 */
import * as tf from '@tensorflow/tfjs-core'
import { numTokens, type VitConfig } from '../../dsl/vit-config.js'
import { attention, layerNorm, linear, mlp } from '../../engine/operations.js'
import {
  defineTensor,
  linearTensors,
  normTensors,
  type NamedTensors,
  type TensorDefinition,
} from '../tensors/named-tensors.js'

/** A part of a model that stitching takes or leaves as a whole. */
export type VitPart = 'embed' | `blocks.${number}` | 'norm' | 'head'

/** Width of the hidden layer of a block's MLP. */
export const hiddenWidth = (config: VitConfig): number => Math.round(config.embedDim * config.mlpRatio)

const blockTensors = (config: VitConfig, index: number): readonly TensorDefinition[] => {
  const d = config.embedDim
  const at = `blocks.${index}`
  return [
    ...normTensors(`${at}.norm1`, d),
    ...linearTensors(`${at}.attn.qkv`, 3 * d, d),
    ...linearTensors(`${at}.attn.proj`, d, d),
    ...normTensors(`${at}.norm2`, d),
    ...linearTensors(`${at}.mlp.fc1`, hiddenWidth(config), d),
    ...linearTensors(`${at}.mlp.fc2`, d, hiddenWidth(config)),
  ]
}

/** Every tensor of the model: timm's names, in the order of its `named_parameters`. */
export const vitTensors = (config: VitConfig): readonly TensorDefinition[] => {
  const { embedDim: d, patchSize, channels, depth, numClasses } = config
  return [
    defineTensor('clsToken', 'cls_token', 1, 1, d),
    defineTensor('positions', 'pos_embed', 1, numTokens(config), d),
    defineTensor('matrices', 'patch_embed.proj.weight', d, channels, patchSize, patchSize),
    defineTensor('biases', 'patch_embed.proj.bias', d),
    ...Array.from({ length: depth }, (_, index) => blockTensors(config, index)).flat(),
    ...normTensors('norm', d),
    ...linearTensors('head', numClasses, d),
  ]
}

/** The parts of a model in forward order. */
export const vitParts = (config: VitConfig): readonly VitPart[] => [
  'embed',
  ...Array.from({ length: config.depth }, (_, index) => `blocks.${index}` as const),
  'norm',
  'head',
]

/** The part that a tensor of `vitTensors` belongs to. */
export const partOfTensor = (tensor: string): VitPart => {
  const [first, second] = tensor.split('.')
  if (first === 'blocks') return `blocks.${Number(second)}`
  return first === 'norm' || first === 'head' ? first : 'embed'
}

/** What a block computes; both are `[B, T, d]`. */
export interface BlockOutput {
  /** The attention's output after its projection, before anything is dropped and the residual is added. */
  readonly att: tf.Tensor3D
  /** The block's output. */
  readonly map: tf.Tensor3D
}

/**
 * Stochastic depth: the factors by which each image's residual branches are multiplied before they are added, `[B,
 * 2·depth]`; column 2l is for block l's attention, 2l + 1 for its MLP. Undefined leaves all branches as they are.
 */
export type Keep = tf.Tensor2D | undefined

/** Patch embedding, cls token and positions: pixels `[B, h, w, c]` → tokens `[B, T, d]`. */
export const embed = (params: NamedTensors, config: VitConfig, pixels: tf.Tensor4D): tf.Tensor3D => {
  const { imageSize, patchSize: p, channels, embedDim: d } = config
  const grid = imageSize / p
  const batch = pixels.shape[0]
  // A patch's row is p·c neighbours in memory and moves as one run; the small weight is transposed to that order
  // instead.
  const rows = tf.reshape(pixels, [batch, grid, p, grid, p * channels]) // [B, rows of patches, p, patches a row, p·c]
  // [B, N, p·p·c]
  const patches = tf.reshape(tf.transpose(rows, [0, 1, 3, 2, 4]), [batch, grid * grid, p * p * channels])
  const filters = tf.transpose(params['patch_embed.proj.weight'], [0, 2, 3, 1]) // [d, p, p, c]
  const weight = tf.reshape(filters, [d, p * p * channels])
  const embedded = linear(patches, weight, params['patch_embed.proj.bias']) as tf.Tensor3D // [B, N, d]
  // The cls token is padded to all tokens and not tiled over the batch: its gradient is then one sum.
  const start = tf.add(
    tf.pad(params['cls_token'] as tf.Tensor3D, [
      [0, 0],
      [0, grid * grid],
      [0, 0],
    ]),
    params['pos_embed'],
  )
  return tf.add(
    tf.pad(embedded, [
      [0, 0],
      [1, 0],
      [0, 0],
    ]),
    start,
  )
}

/** Multi-head self-attention with its projection: queries from `[B, Q, d]`, keys and values from x → `[B, Q, d]`. */
const selfAttention = (params: NamedTensors, at: string, config: VitConfig, queries: tf.Tensor3D, x: tf.Tensor3D) => {
  const d = config.embedDim
  const width = d / config.numHeads
  const weight = params[`${at}.qkv.weight`] as tf.Tensor2D // [3d, d]
  const bias = params[`${at}.qkv.bias`] as tf.Tensor1D
  /** `count` of q, k, v from number `first` on, for every token of y; each [B, heads, tokens, width]. */
  const project = (y: tf.Tensor3D, first: number, count: number): tf.Tensor4D[] => {
    const [batch, tokens] = y.shape
    const projected =
      count === 3
        ? linear(y, weight, bias)
        : linear(y, tf.slice(weight, [first * d, 0], [count * d, d]), tf.slice(bias, first * d, count * d))
    const heads = tf.reshape(projected, [batch, tokens, count, config.numHeads, width])
    const turned = tf.transpose(heads, [2, 0, 3, 1, 4]) // [count, B, heads, tokens, width]
    // TensorFlow.js has no gradient for unstacking a single tensor.
    if (count === 1) return [tf.reshape(turned, [batch, config.numHeads, tokens, width])]
    return tf.unstack(turned) as tf.Tensor4D[]
  }
  const [q, k, v] = queries === x ? project(x, 0, 3) : [...project(queries, 0, 1), ...project(x, 1, 2)]
  const joined = attention(q, k, v) // [B, Q, d]
  return linear(joined, params[`${at}.proj.weight`], params[`${at}.proj.bias`]) as tf.Tensor3D
}

/** The first token, `[B, 1, d]`. */
const clsToken = (x: tf.Tensor3D): tf.Tensor3D => tf.slice(x, [0, 0, 0], [x.shape[0], 1, x.shape[2]])

/** A residual branch `[B, T, d]` times each image's factor from this column of `keep`. */
const kept = (branch: tf.Tensor3D, keep: Keep, column: number): tf.Tensor3D => {
  if (keep === undefined) return branch
  const [batch] = keep.shape
  return tf.mul(branch, tf.reshape(tf.slice(keep, [0, column], [batch, 1]), [batch, 1, 1]))
}

/** Pre-norm block number `index` on tokens x; with `clsOnly` what it makes of the cls token alone, `[B, 1, d]` each. */
const runBlock = (
  params: NamedTensors,
  config: VitConfig,
  index: number,
  x: tf.Tensor3D,
  keep: Keep,
  clsOnly: boolean,
): BlockOutput => {
  const at = `blocks.${index}`
  const norm = (name: string, y: tf.Tensor3D) =>
    layerNorm(y, params[`${at}.${name}.weight`], params[`${at}.${name}.bias`], config.layerNormEps)
  const normed = norm('norm1', x)
  const att = selfAttention(params, `${at}.attn`, config, clsOnly ? clsToken(normed) : normed, normed)
  const middle = tf.add(clsOnly ? clsToken(x) : x, kept(att, keep, 2 * index)) as tf.Tensor3D
  const dense = (name: string) => ({
    weight: params[`${at}.mlp.${name}.weight`],
    bias: params[`${at}.mlp.${name}.bias`],
  })
  const out = mlp(norm('norm2', middle), dense('fc1'), dense('fc2')) as tf.Tensor3D
  return { att, map: tf.add(middle, kept(out, keep, 2 * index + 1)) }
}

/** Block number `index`: tokens `[B, T, d]` → its attention's output and its own. */
export const block = (
  params: NamedTensors,
  config: VitConfig,
  index: number,
  x: tf.Tensor3D,
  keep?: Keep,
): BlockOutput => runBlock(params, config, index, x, keep, false)

/**
 * The same block, of which only the cls token is computed, `[B, T, d]` → `[B, 1, d]`: the head reads no more of the
 * last block.
 */
export const clsBlock = (
  params: NamedTensors,
  config: VitConfig,
  index: number,
  x: tf.Tensor3D,
  keep?: Keep,
): tf.Tensor3D => runBlock(params, config, index, x, keep, true).map

/**
 * Tokens `[B, T, d]`, of which the cls token alone is read → logits `[B, classes]`; `finalNorm` says whether the last
 * LayerNorm runs.
 */
export const head = (params: NamedTensors, config: VitConfig, x: tf.Tensor3D, finalNorm = true): tf.Tensor2D => {
  const cls = tf.reshape(clsToken(x), [x.shape[0], config.embedDim]) as tf.Tensor2D
  const normed = finalNorm ? layerNorm(cls, params['norm.weight'], params['norm.bias'], config.layerNormEps) : cls
  return linear(normed, params['head.weight'], params['head.bias']) as tf.Tensor2D
}

/** The whole model: pixels `[B, h, w, c]` → every intermediate result and the logits `[B, classes]`. */
export const vitForward = (params: NamedTensors, config: VitConfig, pixels: tf.Tensor4D, keep?: Keep) => {
  const embedded = embed(params, config, pixels)
  const blocks: BlockOutput[] = []
  let tokens = embedded
  for (let index = 0; index < config.depth; index++) {
    const output = block(params, config, index, tokens, keep)
    blocks.push(output)
    tokens = output.map
  }
  return { embedded, blocks, logits: head(params, config, tokens) }
}

/** The logits of `vitForward`, without the values that nothing else needs. */
export const vitLogits = (params: NamedTensors, config: VitConfig, pixels: tf.Tensor4D, keep?: Keep): tf.Tensor2D => {
  const last = config.depth - 1
  let tokens = embed(params, config, pixels)
  for (let index = 0; index < last; index++) tokens = block(params, config, index, tokens, keep).map
  return head(params, config, clsBlock(params, config, last, tokens, keep))
}
