/** One image through the whole of the training augmentation (docs/method.md, section 2). */
import type { AugmentParams } from '../../../dsl/nodes.js'
import type { Generator } from '../random.js'
import { Canvas, type ImageShape } from './canvas.js'
import { colorJitter } from './color-jitter.js'
import { eraseRectangle } from './erasing.js'
import { flip } from './flip.js'
import { randAugment } from './rand-augment.js'
import { drawCrop } from './random-resized-crop.js'
import { Resizer } from './resize.js'

/** How a data set's pixels are normalised. */
export interface Normalisation {
  /** A channel's mean over the training pixels scaled to [0, 1]: the colour of what a transformation moves in. */
  readonly mean: readonly number[]
  /** All 256 normalised values, by channel. */
  readonly normalised: readonly Float32Array[]
}

/** Makes `pixels` `[h, w, c]`, from `to` on, of the image that begins at `from` of `images`. */
export type AugmentImage = (
  images: Uint8Array,
  from: number,
  pixels: Float32Array,
  to: number,
  generator: Generator,
) => void

/**
 * In DeiT's and timm's order: random resized crop, horizontal flip, RandAugment (colour jitter where it is off, as timm has
 * it), normalisation, random erasing. What it draws comes from the image's own generator, in this order. Keeps its memory
 * from image to image.
 */
export const imageAugmentation = (
  augment: AugmentParams,
  shape: ImageShape,
  { mean, normalised }: Normalisation,
): AugmentImage => {
  const { height, width, channels } = shape
  const size = height * width * channels
  const canvas = new Canvas(
    shape,
    mean.map((value) => Math.round(255 * value)),
  )
  const resizer = new Resizer(shape)

  return (images, from, pixels, to, generator) => {
    if (augment.cropScale < 1) {
      const box = drawCrop(generator, height, width, augment.cropScale)
      resizer.resize(images, from, width, box, canvas.pixels)
    } else {
      for (let at = 0; at < size; at++) canvas.pixels[at] = images[from + at]
    }
    if (generator.uniform() < augment.flip) flip(canvas)
    if (augment.randAugment !== null) randAugment(canvas, generator, augment.randAugment)
    else if (augment.colorJitter > 0) colorJitter(canvas, generator, augment.colorJitter)
    const bytes = canvas.pixels
    for (let channel = 0; channel < channels; channel++) {
      const table = normalised[channel]
      for (let at = channel; at < size; at += channels) pixels[to + at] = table[bytes[at]]
    }
    if (generator.uniform() < augment.erasing) eraseRectangle(pixels, to, shape, generator)
  }
}
