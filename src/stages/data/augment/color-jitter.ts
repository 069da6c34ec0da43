import type { Generator } from '../random.js'
import type { Canvas } from './canvas.js'
import { brightness, color, contrast } from './enhance.js'

const PARTS = [brightness, contrast, color] as const

/** Brightness, contrast and saturation, each by a factor from 1 − strength to 1 + strength, in random order (torchvision's). */
export const colorJitter = (canvas: Canvas, generator: Generator, strength: number): void => {
  for (const part of generator.permutation(PARTS.length)) {
    PARTS[part](canvas, 1 - strength + 2 * strength * generator.uniform())
  }
}
