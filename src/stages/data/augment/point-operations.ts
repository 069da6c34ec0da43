/** Operations that look at one byte at a time. */
import type { Canvas } from './canvas.js'
import { mapBytes } from './tables.js'

export const invert = (canvas: Canvas): void => mapBytes(canvas, (value) => 255 - value)

/** Keeps the upper `bits`, 0 to 8. */
export const posterize = (canvas: Canvas, bits: number): void => {
  const mask = ~(2 ** (8 - bits) - 1)
  mapBytes(canvas, (value) => value & mask)
}

/** Inverts what is at or above the threshold, 0 to 256. */
export const solarize = (canvas: Canvas, threshold: number): void =>
  mapBytes(canvas, (value) => (value < threshold ? value : 255 - value))

/** Adds to what is below 128. */
export const solarizeAdd = (canvas: Canvas, added: number): void =>
  mapBytes(canvas, (value) => (value < 128 ? value + added : value))
