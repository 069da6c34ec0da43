/**
 * The vision transformer of DeiT and timm (METHOD section 1) in forward order. Shapes: B images, T = N + 1 tokens,
 * width d. The pieces are exported one by one because a stitched model is made of the same ones.
 */
import * as tf from '@tensorflow/tfjs'
import type { VitConfig } from '../dsl/vit-config.js'
import { gelu, layerNorm, linear } from '../engine/operations.js'

/** Tensors by timm's names. */
export type Params = Readonly<Record<string, tf.Tensor>>

/** What a block computes; both are `[B, T, d]`. */
export interface BlockOutput {
  /** The attention's output after its projection, before the residual is added. */
  readonly att: tf.Tensor3D
  /** The block's output. */
  readonly map: tf.Tensor3D
}

/** Patch embedding, cls token and positions: pixels `[B, h, w, c]` → tokens `[B, T, d]`. */
export const embed = (params: Params, config: VitConfig, pixels: tf.Tensor4D): tf.Tensor3D => {
  const { imageSize, patchSize: p, channels, embedDim: d } = config
  const grid = imageSize / p
  const batch = pixels.shape[0]
  // Rows of a patch stay together, so pixels move in runs of p·c; the small weight turns to their order instead.
  const rows = tf.reshape(pixels, [batch, grid, p, grid, p * channels])
  const patches = tf.reshape(tf.transpose(rows, [0, 1, 3, 2, 4]), [batch, grid * grid, p * p * channels])
  const filters = tf.transpose(params['patch_embed.proj.weight'], [0, 2, 3, 1]) // [d, p, p, c]
  const weight = tf.reshape(filters, [d, p * p * channels])
  const embedded = linear(patches, weight, params['patch_embed.proj.bias']) as tf.Tensor3D // [B, N, d]
  // Padding instead of tiling the cls token over the batch: its gradient is then one sum.
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

/** Multi-head self-attention with its projection: `[B, T, d]` → `[B, T, d]`. */
const attention = (params: Params, at: string, config: VitConfig, x: tf.Tensor3D): tf.Tensor3D => {
  const [batch, tokens, d] = x.shape
  const { numHeads } = config
  const width = d / numHeads
  const qkv = linear(x, params[`${at}.qkv.weight`], params[`${at}.qkv.bias`]) // [B, T, 3d]
  const heads = tf.transpose(tf.reshape(qkv, [batch, tokens, 3, numHeads, width]), [2, 0, 3, 1, 4])
  const [q, k, v] = tf.unstack(heads) as tf.Tensor4D[] // each [B, heads, T, width]
  const scores = tf.mul(tf.matMul(q, k, false, true), 1 / Math.sqrt(width)) // [B, heads, T, T]
  const mixed = tf.matMul(tf.softmax(scores), v)
  const joined = tf.reshape(tf.transpose(mixed, [0, 2, 1, 3]), [batch, tokens, d])
  return linear(joined, params[`${at}.proj.weight`], params[`${at}.proj.bias`]) as tf.Tensor3D
}

/** Pre-norm block number `index`: tokens `[B, T, d]` → its attention's output and its own. */
export const block = (params: Params, config: VitConfig, index: number, x: tf.Tensor3D): BlockOutput => {
  const at = `blocks.${index}`
  const norm = (name: string, y: tf.Tensor3D) =>
    layerNorm(y, params[`${at}.${name}.weight`], params[`${at}.${name}.bias`], config.layerNormEps)
  const att = attention(params, `${at}.attn`, config, norm('norm1', x))
  const middle = tf.add(x, att) as tf.Tensor3D
  const hidden = gelu(linear(norm('norm2', middle), params[`${at}.mlp.fc1.weight`], params[`${at}.mlp.fc1.bias`]))
  const out = linear(hidden, params[`${at}.mlp.fc2.weight`], params[`${at}.mlp.fc2.bias`])
  return { att, map: tf.add(middle, out) }
}

/** Logits `[B, classes]` of the cls token; the norm acts on each token alone, so only the cls token is normed. */
export const head = (params: Params, config: VitConfig, x: tf.Tensor3D, finalNorm = true): tf.Tensor2D => {
  const [batch, , d] = x.shape
  const cls = tf.reshape(tf.slice(x, [0, 0, 0], [batch, 1, d]), [batch, d]) as tf.Tensor2D
  const normed = finalNorm ? layerNorm(cls, params['norm.weight'], params['norm.bias'], config.layerNormEps) : cls
  return linear(normed, params['head.weight'], params['head.bias']) as tf.Tensor2D
}

/** The whole model: pixels `[B, h, w, c]` → every intermediate result and the logits `[B, classes]`. */
export const vit = (params: Params, config: VitConfig, pixels: tf.Tensor4D, finalNorm = true) => {
  const embedded = embed(params, config, pixels)
  const blocks: BlockOutput[] = []
  let tokens = embedded
  for (let index = 0; index < config.depth; index++) {
    const output = block(params, config, index, tokens)
    blocks.push(output)
    tokens = output.map
  }
  return { embedded, blocks, logits: head(params, config, tokens, finalNorm) }
}
