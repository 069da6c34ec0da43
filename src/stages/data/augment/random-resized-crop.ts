import type { Generator } from '../random.js'
import type { Box } from './resize.js'

/** Tries to place a box of a drawn area and aspect ratio. */
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
 * The box of a random resized crop as torchvision draws it (Szegedy et al., arXiv 1409.4842, section 6): `cropScale` to all of
 * the image's area, uniformly; an aspect ratio from 3/4 to 4/3, uniform in its logarithm; anywhere in the image. Where ten
 * draws do not fit, the largest box in the middle.
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
