/**
 * Mixup (Zhang et al., arXiv 1710.09412) and CutMix (Yun et al., arXiv 1905.04899) of a whole batch, as timm's `Mixup`
 * with mode `batch` does them: image i is mixed with image B − 1 − i, all by one draw.
 */
import type { AugmentParams } from '../../dsl/nodes.js'
import type { ImageShape } from './canvas.js'
import type { Generator } from './random.js'
import type { Box } from './resize.js'

/**
 * Logarithm of a Gamma(shape, 1) draw, shape above 0 (Marsaglia and Tsang, "A simple method for generating gamma
 * variables", 2000). The logarithm, because small shapes draw numbers that are too small for a double.
 */
const logGamma = (generator: Generator, shape: number): number => {
  // Never 0, because its logarithm is taken.
  const positive = () => 1 - generator.uniform()
  if (shape < 1) return logGamma(generator, shape + 1) + Math.log(positive()) / shape
  const d = shape - 1 / 3
  for (;;) {
    const x = generator.normal()
    const root = 1 + x / Math.sqrt(9 * d)
    if (root <= 0) continue
    const v = root * root * root
    if (Math.log(positive()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return Math.log(d * v)
  }
}

/** A draw of Beta(alpha, alpha), alpha above 0. */
export const drawBeta = (generator: Generator, alpha: number): number => {
  const [first, second] = [logGamma(generator, alpha), logGamma(generator, alpha)]
  return 1 / (1 + Math.exp(second - first))
}

/** How a batch is mixed: every image and label keeps `share` of itself and takes the rest from its partner. */
export type Mix =
  | { readonly type: 'mixup'; readonly share: number }
  | { readonly type: 'cutmix'; readonly share: number; readonly box: Box }

type MixParams = Pick<AugmentParams, 'mixup' | 'cutmix' | 'switchProbability'>

/** A box of `1 − share` of the area around a pixel anywhere, cut off at the image's edge. */
const drawBox = (generator: Generator, { height, width }: ImageShape, share: number): Box => {
  const side = Math.sqrt(1 - share)
  const [tall, wide] = [Math.trunc(height * side), Math.trunc(width * side)]
  const [y, x] = [generator.integer(height), generator.integer(width)]
  const [top, left] = [Math.max(y - Math.floor(tall / 2), 0), Math.max(x - Math.floor(wide / 2), 0)]
  return {
    top,
    left,
    height: Math.min(y + Math.floor((tall + 1) / 2), height) - top,
    width: Math.min(x + Math.floor((wide + 1) / 2), width) - left,
  }
}

/**
 * Draws how to mix; null where mixup and CutMix are off. CutMix's share is what its box, cut off at the edge, really
 * leaves.
 */
export const drawMix = (generator: Generator, shape: ImageShape, params: MixParams): Mix | null => {
  const { mixup, cutmix, switchProbability } = params
  if (mixup === 0 && cutmix === 0) return null
  const cut = mixup === 0 || (cutmix > 0 && generator.uniform() < switchProbability)
  const share = drawBeta(generator, cut ? cutmix : mixup)
  if (!cut) return { type: 'mixup', share }
  const box = drawBox(generator, shape, share)
  return { type: 'cutmix', share: 1 - (box.height * box.width) / (shape.height * shape.width), box }
}

/** Mixes rows of `size` values in pairs, in single precision. */
const mixRows = (values: Float32Array, size: number, share: number): void => {
  const [own, other] = [Math.fround(share), Math.fround(1 - share)]
  for (let front = 0, back = values.length - size; front < back; front += size, back -= size) {
    for (let at = 0; at < size; at++) {
      const first = values[front + at]
      const second = values[back + at]
      values[front + at] = Math.fround(first * own) + Math.fround(second * other)
      values[back + at] = Math.fround(second * own) + Math.fround(first * other)
    }
  }
}

const exchangeBoxes = (pixels: Float32Array, { height, width, channels }: ImageShape, box: Box): void => {
  const [size, line] = [height * width * channels, box.width * channels]
  for (let front = 0, back = pixels.length - size; front < back; front += size, back -= size) {
    for (let y = box.top; y < box.top + box.height; y++) {
      const start = (y * width + box.left) * channels
      for (let at = start; at < start + line; at++) {
        const value = pixels[front + at]
        pixels[front + at] = pixels[back + at]
        pixels[back + at] = value
      }
    }
  }
}

/**
 * Mixes `pixels` `[B, h, w, c]` and `labels` `[B, classes]` in place. With an odd B the middle image stays as it is.
 */
export const mixBatch = (
  mix: Mix,
  pixels: Float32Array,
  shape: ImageShape,
  labels: Float32Array,
  numClasses: number,
): void => {
  if (mix.type === 'cutmix') exchangeBoxes(pixels, shape, mix.box)
  else mixRows(pixels, shape.height * shape.width * shape.channels, mix.share)
  mixRows(labels, numClasses, mix.share)
}
