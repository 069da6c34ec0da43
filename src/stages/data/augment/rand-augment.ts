/**
 * RandAugment (Cubuk et al., arXiv 1909.13719) as DeiT trains with it: timm's `rand-m9-mstd0.5-inc1`, whose operations all grow
 * with the magnitude.
 */
import type { AugmentParams } from '../../../dsl/nodes.js'
import type { Generator } from '../random.js'
import { rotate, shearX, shearY, translateX, translateY } from './affine.js'
import type { Canvas } from './canvas.js'
import { brightness, color, contrast, sharpness } from './enhance.js'
import { autoContrast, equalize } from './histogram-operations.js'
import { invert, posterize, solarize, solarizeAdd } from './point-operations.js'

/** Magnitudes go from 0 to this. */
const GREATEST = 10
/** Probability that a drawn operation is done. */
const PROBABILITY = 0.5

/** `share` is the magnitude from 0 to 1, `sign` −1 or 1 with equal probability. */
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

/** Each is equally likely. Without three channels `color` changes nothing. */
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

const ALL: readonly Operation[] = Object.values(OPERATIONS)

/** Draws operations with replacement; each is done with probability ½, at a magnitude drawn around the given one. */
export const randAugment = (
  canvas: Canvas,
  generator: Generator,
  { operations, magnitude, std }: NonNullable<AugmentParams['randAugment']>,
): void => {
  for (let drawn = 0; drawn < operations; drawn++) {
    const operation = ALL[generator.integer(ALL.length)]
    if (generator.uniform() >= PROBABILITY) continue
    const level = Math.min(Math.max(magnitude + std * generator.normal(), 0), GREATEST)
    operation(canvas, level / GREATEST, generator.integer(2) === 0 ? -1 : 1)
  }
}
