import { Canvas } from '../../../src/stages/data/canvas.js'

/** Bytes from 40 to 167 `[h, w, c]`, different everywhere; the reference values were computed from the same formula. */
export const pattern = (height: number, width: number, channels: number): Uint8Array => {
  const bytes: number[] = []
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let k = 0; k < channels; k++) {
        bytes.push((((x * x * 7 + y * 13 * (k + 1) + x * y * 3 + k * 50) % 256) >> 1) + 40)
      }
    }
  }
  return Uint8Array.from(bytes)
}

/** A canvas with the pattern on it. */
export const patterned = (height: number, width: number, channels: number, fill?: readonly number[]): Canvas => {
  const canvas = new Canvas({ height, width, channels }, fill)
  canvas.pixels.set(pattern(height, width, channels))
  return canvas
}

/** The bytes that an operation makes of the pattern. */
export const changed = (canvas: Canvas, operation: (canvas: Canvas) => void): readonly number[] => {
  operation(canvas)
  return [...canvas.pixels]
}

/** One channel of an image `[h, w, c]`. */
export const channelOf = (pixels: ArrayLike<number>, channel: number, channels: number): readonly number[] =>
  Array.from(pixels).filter((_, at) => at % channels === channel)
