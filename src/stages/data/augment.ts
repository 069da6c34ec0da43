/**
 * The training augmentation of one image, as DeiT and timm do it (docs/method.md, section 2). Mixing images in pairs is
 * in mixing.ts, what changes the pixels in image-operations.ts and resize.ts.
 */
import type { AugmentParams } from '../../dsl/nodes.js'
import { Canvas, type ImageShape } from './canvas.js'
import {
  autoContrast,
  brightness,
  color,
  contrast,
  equalize,
  flip,
  invert,
  posterize,
  rotate,
  sharpness,
  shearX,
  shearY,
  solarize,
  solarizeAdd,
  translateX,
  translateY,
} from './image-operations.js'
import type { Generator } from './random.js'
import { type Box, type Interpolation, Resizer } from './resize.js'

/** How often a rectangle of a drawn area and aspect ratio is tried to be placed in an image. */
const TRIES = 10
const LEAST_RATIO = 3 / 4
const GREATEST_RATIO = 4 / 3

/** The largest box in the middle whose aspect ratio is allowed. */
const centre = (height: number, width: number): Box => {
  const ratio = width / height
  const box = {
    height: ratio < LEAST_RATIO ? Math.round(width / LEAST_RATIO) : height,
    width: ratio > GREATEST_RATIO ? Math.round(height * GREATEST_RATIO) : width,
  }
  return { ...box, top: Math.floor((height - box.height) / 2), left: Math.floor((width - box.width) / 2) }
}

/**
 * The box of a random resized crop as torchvision draws it (Szegedy et al., arXiv 1409.4842, section 6): `cropScale` to
 * all of the image's area, uniformly; an aspect ratio from 3/4 to 4/3, uniform in its logarithm; anywhere in the image.
 * Where ten draws do not fit, the largest box in the middle.
 */
export const drawCrop = (generator: Generator, height: number, width: number, cropScale: number): Box => {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const area = (cropScale + (1 - cropScale) * generator.uniform()) * height * width
    const logRatio = Math.log(LEAST_RATIO) + (Math.log(GREATEST_RATIO) - Math.log(LEAST_RATIO)) * generator.uniform()
    const ratio = Math.exp(logRatio)
    const box = { height: Math.round(Math.sqrt(area / ratio)), width: Math.round(Math.sqrt(area * ratio)) }
    if (box.height <= height && box.width <= width && box.height > 0 && box.width > 0) {
      return { ...box, top: generator.integer(height - box.height + 1), left: generator.integer(width - box.width + 1) }
    }
  }
  return centre(height, width)
}

/** RandAugment's magnitudes go from 0 to this. */
const GREATEST_MAGNITUDE = 10
/** Probability that an operation which RandAugment has drawn is done. */
const PROBABILITY = 0.5

/** One of RandAugment's: `share` is the magnitude from 0 to 1, `sign` −1 or 1 with equal probability. */
type Operation = (canvas: Canvas, share: number, sign: number) => void

/** By a factor from 0.1 to 1.9, 1 at no magnitude. */
const enhanced =
  (enhance: (canvas: Canvas, factor: number) => void): Operation =>
  (canvas, share, sign) =>
    enhance(canvas, Math.max(0.1, 1 + sign * share * 0.9))

/** By up to `greatest` in either direction. */
const signed =
  (change: (canvas: Canvas, by: number) => void, greatest: number): Operation =>
  (canvas, share, sign) =>
    change(canvas, sign * share * greatest)

/** RandAugment's operations, each equally likely. Without three channels `color` changes nothing. */
export const OPERATIONS = {
  autoContrast,
  equalize,
  invert,
  rotate: signed(rotate, 30),
  posterize: (canvas, share) => posterize(canvas, 4 - Math.trunc(share * 4)),
  solarize: (canvas, share) => solarize(canvas, 256 - Math.trunc(share * 256)),
  solarizeAdd: (canvas, share) => solarizeAdd(canvas, Math.trunc(share * 110)),
  color: enhanced(color),
  contrast: enhanced(contrast),
  brightness: enhanced(brightness),
  sharpness: enhanced(sharpness),
  shearX: signed(shearX, 0.3),
  shearY: signed(shearY, 0.3),
  translateX: signed(translateX, 0.45),
  translateY: signed(translateY, 0.45),
} as const satisfies Record<string, Operation>

const ALL_OPERATIONS: readonly Operation[] = Object.values(OPERATIONS)

/**
 * RandAugment (Cubuk et al., arXiv 1909.13719) as DeiT trains with it: timm's `rand-m9-mstd0.5-inc1`, whose operations
 * all grow with the magnitude. Draws operations with replacement; each is done with probability ½, at a magnitude drawn
 * around the given one.
 */
export const randAugment = (
  canvas: Canvas,
  generator: Generator,
  { operations, magnitude, std }: NonNullable<AugmentParams['randAugment']>,
): void => {
  for (let drawn = 0; drawn < operations; drawn++) {
    const operation = ALL_OPERATIONS[generator.integer(ALL_OPERATIONS.length)]
    if (generator.uniform() >= PROBABILITY) continue
    const level = Math.min(Math.max(magnitude + std * generator.normal(), 0), GREATEST_MAGNITUDE)
    operation(canvas, level / GREATEST_MAGNITUDE, generator.integer(2) === 0 ? -1 : 1)
  }
}

const JITTERED = [brightness, contrast, color] as const

/**
 * Brightness, contrast and saturation, each by a factor from 1 − strength to 1 + strength, in random order
 * (torchvision's).
 */
export const colorJitter = (canvas: Canvas, generator: Generator, strength: number): void => {
  for (const part of generator.permutation(JITTERED.length)) {
    JITTERED[part](canvas, 1 - strength + 2 * strength * generator.uniform())
  }
}

const [LEAST_ERASED, GREATEST_ERASED] = [0.02, 1 / 3]
const LEAST_ERASED_RATIO = 0.3

/**
 * Random erasing (Zhong et al., arXiv 1708.04896), timm's `pixel` mode: a rectangle of 2 % to a third of the area, its
 * ratio of height to width from 0.3 to 1/0.3, becomes standard normal noise. `pixels` are normalised; the image `[h, w,
 * c]` begins at `offset`. Nothing happens where ten draws do not fit.
 */
export const eraseRectangle = (
  pixels: Float32Array,
  offset: number,
  { height, width, channels }: ImageShape,
  generator: Generator,
): void => {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const area = (LEAST_ERASED + (GREATEST_ERASED - LEAST_ERASED) * generator.uniform()) * height * width
    const ratio = Math.exp(Math.log(LEAST_ERASED_RATIO) * (1 - 2 * generator.uniform()))
    const [tall, wide] = [Math.round(Math.sqrt(area * ratio)), Math.round(Math.sqrt(area / ratio))]
    if (tall >= height || wide >= width) continue
    const [top, left] = [generator.integer(height - tall + 1), generator.integer(width - wide + 1)]
    for (let y = top; y < top + tall; y++) {
      const start = offset + (y * width + left) * channels
      for (let at = start; at < start + wide * channels; at++) pixels[at] = generator.normal()
    }
    return
  }
}

/** How a data set's pixels are normalised. */
interface Normalisation {
  /**
   * By channel, over the training pixels scaled to [0, 1]: the colour that shows where an operation moves the image
   * away.
   */
  readonly mean: readonly number[]
  /** What each of the 256 byte values becomes, by channel. */
  readonly normalised: readonly Float32Array[]
}

/** All 256 normalised values of one channel: one look-up a pixel instead of three operations. */
export const normalisedBytes = (mean: number, std: number): Float32Array =>
  Float32Array.from({ length: 256 }, (_, value) => (value / 255 - mean) / std)

/** Bytes `[…, c]` become `pixels` from `to` on, by the table of their channel. */
const normalise = (
  bytes: Uint8ClampedArray,
  tables: readonly Float32Array[],
  pixels: Float32Array,
  to: number,
): void => {
  const channels = tables.length
  // All three at once: each pixel's memory is then touched once.
  if (channels === 3) {
    const [red, green, blue] = tables
    for (let at = 0; at < bytes.length; at += 3) {
      pixels[to + at] = red[bytes[at]]
      pixels[to + at + 1] = green[bytes[at + 1]]
      pixels[to + at + 2] = blue[bytes[at + 2]]
    }
    return
  }
  for (const [channel, table] of tables.entries()) {
    for (let at = channel; at < bytes.length; at += channels) pixels[to + at] = table[bytes[at]]
  }
}

/** An image of any size, `[height, width, c]`, which begins at `offset` of `pixels`. */
interface SourceImage {
  readonly pixels: Uint8Array
  readonly offset: number
  readonly height: number
  readonly width: number
  /** Its random resized crop, where that is drawn already. */
  readonly box?: Box
}

/** Makes `pixels` `[h, w, c]`, from `to` on. An image that is not cropped must have their size. */
type AugmentImage = (image: SourceImage, pixels: Float32Array, to: number, generator: Generator) => void

/**
 * In DeiT's and timm's order: random resized crop, horizontal flip, RandAugment (colour jitter where it is off, as timm
 * has it), normalisation, random erasing. Everything is drawn from the image's own generator, in this order. The same
 * memory serves every image.
 */
export const imageAugmentation = (
  augment: AugmentParams,
  shape: ImageShape,
  { mean, normalised }: Normalisation,
  interpolation: Interpolation = 'bicubic',
): AugmentImage => {
  const { height, width, channels } = shape
  const size = height * width * channels
  const canvas = new Canvas(
    shape,
    mean.map((value) => Math.round(255 * value)),
  )
  const resizer = new Resizer(shape, interpolation)

  return (image, pixels, to, generator) => {
    if (augment.cropScale < 1) {
      const box = image.box ?? drawCrop(generator, image.height, image.width, augment.cropScale)
      resizer.resize(image.pixels, image.offset, image.width, box, canvas.pixels)
    } else {
      for (let at = 0; at < size; at++) canvas.pixels[at] = image.pixels[image.offset + at]
    }
    if (generator.uniform() < augment.flip) flip(canvas)
    if (augment.randAugment !== null) randAugment(canvas, generator, augment.randAugment)
    else if (augment.colorJitter > 0) colorJitter(canvas, generator, augment.colorJitter)
    normalise(canvas.pixels, normalised, pixels, to)
    if (generator.uniform() < augment.erasing) eraseRectangle(pixels, to, shape, generator)
  }
}
