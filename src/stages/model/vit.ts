/**
 * The vision transformer of DeiT and timm (docs/method.md, section 1): its tensors, then its forward pass piece by
 * piece, in order, because stitched models are made of the same pieces. Its variants are fields of the configuration,
 * and end here: whoever stitches, distils or counts asks for tokens, parts and pieces alone. Shapes: B images, N
 * patches, P tokens before them, T = N + P tokens, width d.
 */
import * as tf from '@tensorflow/tfjs-core'
import { numHeadLayers, numPositions, prefixTokens, type VitConfig } from '../../dsl/vit-config.js'
import { attention, layerNorm, linear, mlp } from '../../engine/operations.js'
import { recomputed } from '../../engine/recompute.js'
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
  const [qkv, ...qkvBias] = linearTensors(`${at}.attn.qkv`, 3 * d, d)
  const scale = (name: string) => (config.layerScale ? [defineTensor('norms', `${at}.${name}.gamma`, d)] : [])
  return [
    ...normTensors(`${at}.norm1`, d),
    qkv,
    ...(config.qkvBias === false ? [] : qkvBias),
    ...linearTensors(`${at}.attn.proj`, d, d),
    ...scale('ls1'),
    ...normTensors(`${at}.norm2`, d),
    ...linearTensors(`${at}.mlp.fc1`, hiddenWidth(config), d),
    ...linearTensors(`${at}.mlp.fc2`, d, hiddenWidth(config)),
    ...scale('ls2'),
  ]
}

/** The last LayerNorm, by timm's two names: of tokens, or of their mean. */
const finalNormName = ({ pooling }: VitConfig): string => (pooling === 'mean' ? 'fc_norm' : 'norm')

/** The linear layers to the logits, each of which reads one vector. */
const headNames = (config: VitConfig): readonly string[] => ['head', 'head_dist'].slice(0, numHeadLayers(config))

/** Every tensor of the model: timm's names, in the order of its `named_parameters`. */
export const vitTensors = (config: VitConfig): readonly TensorDefinition[] => {
  const { embedDim: d, patchSize, channels, depth, numClasses } = config
  return [
    defineTensor('clsToken', 'cls_token', 1, 1, d),
    defineTensor('positions', 'pos_embed', 1, numPositions(config), d),
    ...(config.distillation === undefined ? [] : [defineTensor('clsToken', 'dist_token', 1, 1, d)]),
    defineTensor('matrices', 'patch_embed.proj.weight', d, channels, patchSize, patchSize),
    defineTensor('biases', 'patch_embed.proj.bias', d),
    ...Array.from({ length: depth }, (_, index) => blockTensors(config, index)).flat(),
    ...normTensors(finalNormName(config), d),
    ...headNames(config).flatMap((name) => linearTensors(name, numClasses, d)),
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
  if (first === 'norm' || first === 'fc_norm') return 'norm'
  return first === 'head' || first === 'head_dist' ? 'head' : 'embed'
}

/** What a block computes; both are `[B, T, d]`. */
export interface BlockOutput {
  /** The attention's output after its projection (and scale), before anything is dropped and the residual is added. */
  readonly att: tf.Tensor3D
  /** The block's output. */
  readonly map: tf.Tensor3D
}

/**
 * Stochastic depth: the factors by which each image's residual branches are multiplied before they are added, `[B,
 * 2·depth]`; column 2l is for block l's attention, 2l + 1 for its MLP. Undefined leaves all branches as they are.
 */
export type Keep = tf.Tensor2D | undefined

/** How blocks run in training. */
export interface BlockMode {
  readonly keep?: Keep
  /** Whether what a block computes on its way is computed again for the gradient instead of being kept. */
  readonly recompute?: boolean
}

/**
 * The tokens of every image before its pixels are added, `[1, T, d]`: cls and distillation token where there are
 * patches' zeros, and positions.
 */
const startTokens = (params: NamedTensors, config: VitConfig, patches: number): tf.Tensor => {
  const cls = params['cls_token'] as tf.Tensor3D
  const first = config.distillation === undefined ? cls : tf.concat([cls, params['dist_token'] as tf.Tensor3D], 1)
  // Padded to all tokens and not tiled over the batch: its gradient is then one sum.
  const tokens = tf.pad(first, [
    [0, 0],
    [0, patches],
    [0, 0],
  ])
  const positions = params['pos_embed'] as tf.Tensor3D
  if (config.clsPosition !== false) return tf.add(tokens, positions)
  const shifted = tf.pad(positions, [
    [0, 0],
    [prefixTokens(config), 0],
    [0, 0],
  ])
  return tf.add(tokens, shifted)
}

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
  const shifted = tf.pad(embedded, [
    [0, 0],
    [prefixTokens(config), 0],
    [0, 0],
  ])
  return tf.add(shifted, startTokens(params, config, grid * grid))
}

/** Tokens that the head reads, counted from the first: the cls token, the distillation token too, or all of them. */
export const tokensForHead = (config: VitConfig): number | 'all' =>
  config.pooling === 'mean' ? 'all' : numHeadLayers(config)

/** The first `count` tokens, `[B, count, d]`. */
const firstTokens = (x: tf.Tensor3D, count: number | 'all'): tf.Tensor3D =>
  count === 'all' || count === x.shape[1] ? x : tf.slice(x, [0, 0, 0], [x.shape[0], count, x.shape[2]])

/** The tokens that all models of the same patches have: those `[B, T, d]` without the distillation token. */
export const commonTokens = (config: VitConfig, x: tf.Tensor3D): tf.Tensor3D => {
  const [batch, tokens, d] = x.shape
  const before = prefixTokens(config)
  if (before === 1) return x
  return tf.concat([firstTokens(x, 1), tf.slice(x, [0, before, 0], [batch, tokens - before, d])], 1)
}

/** Multi-head self-attention with its projection: queries from `[B, Q, d]`, keys and values from x → `[B, Q, d]`. */
const selfAttention = (params: NamedTensors, at: string, config: VitConfig, queries: tf.Tensor3D, x: tf.Tensor3D) => {
  const d = config.embedDim
  const width = d / config.numHeads
  const weight = params[`${at}.qkv.weight`] as tf.Tensor2D // [3d, d]
  const bias = params[`${at}.qkv.bias`] as tf.Tensor1D | undefined
  /** `count` of q, k, v from number `first` on, for every token of y; each [B, heads, tokens, width]. */
  const project = (y: tf.Tensor3D, first: number, count: number): tf.Tensor4D[] => {
    const [batch, tokens] = y.shape
    const projected =
      count === 3
        ? linear(y, weight, bias)
        : linear(y, tf.slice(weight, [first * d, 0], [count * d, d]), bias && tf.slice(bias, first * d, count * d))
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

/** A residual branch `[B, T, d]` times each image's factor from this column of `keep`. */
const kept = (branch: tf.Tensor3D, keep: Keep, column: number): tf.Tensor3D => {
  if (keep === undefined) return branch
  const [batch] = keep.shape
  return tf.mul(branch, tf.reshape(tf.slice(keep, [0, column], [batch, 1]), [batch, 1, 1]))
}

/** A branch of block `at`: LayerNorm, what `inner` makes of that, layer scale where there is one. */
const runBranch = (
  params: NamedTensors,
  config: VitConfig,
  at: string,
  number: 1 | 2,
  x: tf.Tensor3D,
  inner: (params: NamedTensors, normed: tf.Tensor3D) => tf.Tensor3D,
): tf.Tensor3D => {
  const [scale, shift] = [params[`${at}.norm${number}.weight`], params[`${at}.norm${number}.bias`]]
  const y = inner(params, layerNorm(x, scale, shift, config.layerNormEps))
  return config.layerScale ? tf.mul(y, params[`${at}.ls${number}.gamma`]) : y
}

/** The tensors that a branch of block `at` reads. */
const branchTensors = (params: NamedTensors, at: string, number: 1 | 2): NamedTensors => {
  const parts = [`norm${number}`, number === 1 ? 'attn' : 'mlp', `ls${number}`]
  return Object.fromEntries(
    Object.entries(params).filter(([name]) => parts.some((part) => name.startsWith(`${at}.${part}.`))),
  )
}

/**
 * Pre-norm block number `index` on tokens x; what it makes of the first `count` tokens, `[B, count, d]` each. With
 * `recompute` each of its two branches is computed again for its gradient.
 */
const runBlock = (
  params: NamedTensors,
  config: VitConfig,
  index: number,
  x: tf.Tensor3D,
  { keep, recompute = false }: BlockMode,
  count: number | 'all',
): BlockOutput => {
  const at = `blocks.${index}`
  const branch = (number: 1 | 2, y: tf.Tensor3D, inner: Parameters<typeof runBranch>[5]): tf.Tensor3D => {
    const run = (z: tf.Tensor3D, own: NamedTensors) => runBranch(own, config, at, number, z, inner)
    return recompute ? recomputed(run, y, branchTensors(params, at, number)) : run(y, params)
  }
  const att = branch(1, x, (own, normed) =>
    selfAttention(own, `${at}.attn`, config, firstTokens(normed, count), normed),
  )
  const middle = tf.add(firstTokens(x, count), kept(att, keep, 2 * index)) as tf.Tensor3D
  const out = branch(2, middle, (own, normed) => {
    const dense = (name: string) => ({ weight: own[`${at}.mlp.${name}.weight`], bias: own[`${at}.mlp.${name}.bias`] })
    return mlp(normed, dense('fc1'), dense('fc2')) as tf.Tensor3D
  })
  return { att, map: tf.add(middle, kept(out, keep, 2 * index + 1)) }
}

/** Block number `index`: tokens `[B, T, d]` → its attention's output and its own. */
export const block = (
  params: NamedTensors,
  config: VitConfig,
  index: number,
  x: tf.Tensor3D,
  mode: BlockMode = {},
): BlockOutput => runBlock(params, config, index, x, mode, 'all')

/** The same block, of which only the H tokens are computed that the head reads: `[B, T, d]` → `[B, H, d]`. */
export const lastBlock = (
  params: NamedTensors,
  config: VitConfig,
  index: number,
  x: tf.Tensor3D,
  mode: BlockMode = {},
): tf.Tensor3D => runBlock(params, config, index, x, mode, tokensForHead(config)).map

/** What the head's layers read: the mean over the patches' tokens, or the first tokens one by one; `[B, d]` each. */
const pooled = (config: VitConfig, x: tf.Tensor3D): readonly tf.Tensor2D[] => {
  const [batch, tokens, d] = x.shape
  if (config.pooling === 'mean') {
    const before = prefixTokens(config)
    return [tf.mean(tf.slice(x, [0, before, 0], [batch, tokens - before, d]), 1)]
  }
  return headNames(config).map((_, at) => tf.reshape(tf.slice(x, [0, at, 0], [batch, 1, d]), [batch, d]))
}

/**
 * Tokens `[B, T, d]`, of which the first `tokensForHead` are read → logits `[B, classes]`; of two heads their mean.
 * `finalNorm` says whether the last LayerNorm runs.
 */
export const head = (params: NamedTensors, config: VitConfig, x: tf.Tensor3D, finalNorm = true): tf.Tensor2D => {
  const name = finalNormName(config)
  const norm = (y: tf.Tensor2D): tf.Tensor2D =>
    finalNorm ? layerNorm(y, params[`${name}.weight`], params[`${name}.bias`], config.layerNormEps) : y
  const read = pooled(config, x)
  const logits = headNames(config).map(
    (layer, at) => linear(norm(read[at]), params[`${layer}.weight`], params[`${layer}.bias`]) as tf.Tensor2D,
  )
  return logits.length === 1 ? logits[0] : tf.mul(tf.addN(logits), 1 / logits.length)
}

/** The whole model: pixels `[B, h, w, c]` → every intermediate result and the logits `[B, classes]`. */
export const vitForward = (params: NamedTensors, config: VitConfig, pixels: tf.Tensor4D, mode?: BlockMode) => {
  const embedded = embed(params, config, pixels)
  const blocks: BlockOutput[] = []
  let tokens = embedded
  for (let index = 0; index < config.depth; index++) {
    const output = block(params, config, index, tokens, mode)
    blocks.push(output)
    tokens = output.map
  }
  return { embedded, blocks, logits: head(params, config, tokens) }
}

/** The logits of `vitForward`, without the values that nothing else needs. */
export const vitLogits = (
  params: NamedTensors,
  config: VitConfig,
  pixels: tf.Tensor4D,
  mode?: BlockMode,
): tf.Tensor2D => {
  const last = config.depth - 1
  let tokens = embed(params, config, pixels)
  for (let index = 0; index < last; index++) tokens = block(params, config, index, tokens, mode).map
  return head(params, config, lastBlock(params, config, last, tokens, mode))
}
