/**
 * A vision transformer in plain double-precision arithmetic, one image at a time, written from docs/method.md, section
 * 1 and from nothing in src/: what the real one is compared with.
 */
import type { VitConfig } from '../../src/dsl/vit-config.js'
import { sizeOfShape } from '../../src/engine/host-values.js'
import type { TensorDefinition, NamedValues } from '../../src/stages/tensors/named-tensors.js'
import { vitTensors } from '../../src/stages/model/vit.js'

type Rows = readonly (readonly number[])[]

/** docs/method.md, section 8: tensor number k is 0.05·sin(0.37 i + 1.3 (k + off)), norms' weights one more. */
export const waves = (tensors: readonly TensorDefinition[], off = 0): NamedValues =>
  Object.fromEntries(
    tensors.map(({ name, shape }, k) => {
      const base = /norm\d?\.weight$/.test(name) ? 1 : 0
      const value = (_: unknown, i: number) => base + 0.05 * Math.sin(0.37 * i + 1.3 * (k + off))
      return [name, Float32Array.from({ length: sizeOfShape(shape) }, value)]
    }),
  )

/** docs/method.md, section 8: the input x_i = sin(0.01 i) with i in the order c, h, w, as `[h, w, c]`. */
export const waveImage = ({ imageSize, channels }: VitConfig, phase = 0): Float32Array => {
  const pixels = new Float32Array(imageSize ** 2 * channels)
  for (let c = 0; c < channels; c++) {
    for (let p = 0; p < imageSize ** 2; p++) {
      pixels[p * channels + c] = Math.fround(Math.sin(0.01 * (c * imageSize ** 2 + p) + phase))
    }
  }
  return pixels
}

export const waveModel = (config: VitConfig, off = 0): NamedValues => waves(vitTensors(config), off)

/** By its series near zero and a continued fraction of 1 − erf further out. */
const erf = (x: number): number => {
  if (Math.abs(x) < 2.5) {
    let term = x
    let sum = x
    for (let n = 1; n < 80; n++) {
      term *= (-x * x) / n
      sum += term / (2 * n + 1)
    }
    return (2 / Math.sqrt(Math.PI)) * sum
  }
  let fraction = 0
  for (let n = 80; n > 0; n--) fraction = n / 2 / (Math.abs(x) + fraction)
  return Math.sign(x) * (1 - Math.exp(-x * x) / Math.sqrt(Math.PI) / (Math.abs(x) + fraction))
}

const linear = (rows: Rows, values: NamedValues, name: string): Rows => {
  const weight = values[`${name}.weight`]
  const bias = values[`${name}.bias`]
  return rows.map((row) =>
    Array.from(bias, (b, out) => row.reduce((sum, x, i) => sum + x * weight[out * row.length + i], b)),
  )
}

const layerNorm = (rows: Rows, values: NamedValues, name: string, eps: number): Rows =>
  rows.map((row) => {
    const mean = row.reduce((sum, x) => sum + x, 0) / row.length
    const variance = row.reduce((sum, x) => sum + (x - mean) ** 2, 0) / row.length
    return row.map(
      (x, i) => ((x - mean) / Math.sqrt(variance + eps)) * values[`${name}.weight`][i] + values[`${name}.bias`][i],
    )
  })

const add = (a: Rows, b: Rows): Rows => a.map((row, t) => row.map((x, i) => x + b[t][i]))

const softmax = (row: readonly number[]): number[] => {
  const highest = Math.max(...row)
  const powers = row.map((x) => Math.exp(x - highest))
  const sum = powers.reduce((a, b) => a + b, 0)
  return powers.map((x) => x / sum)
}

const attention = (config: VitConfig, values: NamedValues, name: string, x: Rows): Rows => {
  const width = config.embedDim / config.numHeads
  const qkv = linear(x, values, `${name}.qkv`)
  const part = (token: number, which: number, head: number): readonly number[] => {
    const start = which * config.embedDim + head * width
    return qkv[token].slice(start, start + width)
  }
  const mixed = x.map((_, t) => {
    const heads = Array.from({ length: config.numHeads }, (_, head) => {
      const query = part(t, 0, head)
      const scores = x.map((_, s) => part(s, 1, head).reduce((sum, k, i) => sum + k * query[i], 0) / Math.sqrt(width))
      const weights = softmax(scores)
      return query.map((_, i) => weights.reduce((sum, w, s) => sum + w * part(s, 2, head)[i], 0))
    })
    return heads.flat()
  })
  return linear(mixed, values, `${name}.proj`)
}

/** Tokens that go into the first block. */
export const referenceEmbed = (config: VitConfig, values: NamedValues, pixels: Float32Array): Rows => {
  const { imageSize, patchSize: p, channels, embedDim: d } = config
  const grid = imageSize / p
  const filters = values['patch_embed.proj.weight']
  const tokens = [Array.from(values['cls_token'])]
  for (let patch = 0; patch < grid ** 2; patch++) {
    const [top, left] = [Math.floor(patch / grid) * p, (patch % grid) * p]
    tokens.push(
      Array.from({ length: d }, (_, o) => {
        let sum = values['patch_embed.proj.bias'][o]
        for (let c = 0; c < channels; c++) {
          for (let y = 0; y < p; y++) {
            for (let x = 0; x < p; x++) {
              const pixel = pixels[((top + y) * imageSize + left + x) * channels + c]
              sum += filters[((o * channels + c) * p + y) * p + x] * pixel
            }
          }
        }
        return sum
      }),
    )
  }
  return tokens.map((token, t) => token.map((x, i) => x + values['pos_embed'][t * d + i]))
}

const times = (rows: Rows, factor: number): Rows => rows.map((row) => row.map((x) => factor * x))

/** `keep`: what both residual branches are multiplied by. */
export const referenceBlock = (
  config: VitConfig,
  values: NamedValues,
  index: number,
  x: Rows,
  keep: readonly [number, number] = [1, 1],
): { att: Rows; map: Rows } => {
  const at = `blocks.${index}`
  const att = attention(config, values, `${at}.attn`, layerNorm(x, values, `${at}.norm1`, config.layerNormEps))
  const middle = add(x, times(att, keep[0]))
  const normed = layerNorm(middle, values, `${at}.norm2`, config.layerNormEps)
  const hidden = linear(normed, values, `${at}.mlp.fc1`)
  const active = hidden.map((row) => row.map((h) => (h / 2) * (1 + erf(h / Math.SQRT2))))
  return { att, map: add(middle, times(linear(active, values, `${at}.mlp.fc2`), keep[1])) }
}

export const referenceHead = (config: VitConfig, values: NamedValues, x: Rows, finalNorm = true): readonly number[] => {
  const normed = finalNorm ? layerNorm(x, values, 'norm', config.layerNormEps) : x
  return linear([normed[0]], values, 'head')[0]
}

/** `keep` `[2·depth]`: the factors of the blocks' branches, in their order. */
export const referenceVit = (
  config: VitConfig,
  values: NamedValues,
  pixels: Float32Array,
  keep: ArrayLike<number> = new Float32Array(2 * config.depth).fill(1),
) => {
  const embedded = referenceEmbed(config, values, pixels)
  const blocks: { att: Rows; map: Rows }[] = []
  let tokens = embedded
  for (let index = 0; index < config.depth; index++) {
    blocks.push(referenceBlock(config, values, index, tokens, [keep[2 * index], keep[2 * index + 1]]))
    tokens = blocks[index].map
  }
  return { embedded, blocks, logits: referenceHead(config, values, tokens) }
}

/** A model's configuration and tensors. */
export interface ReferenceModel {
  readonly config: VitConfig
  readonly values: NamedValues
}

/** Blocks `first` to `last` of a model, into which tokens come by the stitch layer of this name, or as an image. */
export type ReferencePart = readonly [model: ReferenceModel, first: number, last: number, stitch?: string]

/** A descendant that runs these parts one after the other, then the last model's head. */
export const referencePath = (
  parts: readonly ReferencePart[],
  stitches: NamedValues,
  pixels: Float32Array,
  finalNorm = true,
): readonly number[] => {
  const [[front]] = parts
  let tokens = referenceEmbed(front.config, front.values, pixels)
  for (const [{ config, values }, first, last, stitch] of parts) {
    if (stitch !== undefined) tokens = linear(tokens, stitches, stitch)
    for (let index = first; index <= last; index++) tokens = referenceBlock(config, values, index, tokens).map
  }
  const [end] = parts[parts.length - 1]
  return referenceHead(end.config, end.values, tokens, finalNorm)
}

/** Descendant (j, k): front's blocks 0..j, the stitch, end's blocks k.. and its head. */
export const referenceStitched = (
  front: ReferenceModel,
  end: ReferenceModel,
  stitches: NamedValues,
  { front: j, end: k, layer }: { front: number; end: number; layer: number },
  pixels: Float32Array,
  finalNorm = true,
): readonly number[] =>
  referencePath(
    [
      [front, 0, j],
      [end, k, end.config.depth - 1, `stitch.0.${layer}`],
    ],
    stitches,
    pixels,
    finalNorm,
  )
