import type { Generator } from '../random.js'
import type { ImageShape } from './canvas.js'

const TRIES = 10
const [LEAST_AREA, GREATEST_AREA] = [0.02, 1 / 3]
const LEAST_RATIO = 0.3

/**
 * Random erasing (Zhong et al., arXiv 1708.04896), timm's `pixel` mode: a rectangle of 2 % to a third of the area, its ratio of
 * height to width from 0.3 to 1/0.3, becomes standard normal noise. `pixels` are normalised; the image `[h, w, c]` begins at
 * `offset`. Nothing happens where ten draws do not fit.
 */
export const eraseRectangle = (
  pixels: Float32Array,
  offset: number,
  { height, width, channels }: ImageShape,
  generator: Generator,
): void => {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const area = (LEAST_AREA + (GREATEST_AREA - LEAST_AREA) * generator.uniform()) * height * width
    const ratio = Math.exp(Math.log(LEAST_RATIO) * (1 - 2 * generator.uniform()))
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
