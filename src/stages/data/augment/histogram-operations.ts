/** Operations that spread the bytes of each channel by their histogram. */
import type { Canvas } from './canvas.js'
import { lookUp } from './tables.js'

const countBytes = ({ channels, pixels, histogram }: Canvas, channel: number): Int32Array => {
  histogram.fill(0)
  for (let at = channel; at < pixels.length; at += channels) histogram[pixels[at]]++
  return histogram
}

const keep = (table: Uint8ClampedArray): void => {
  for (let value = 0; value < 256; value++) table[value] = value
}

/** Stretches each channel to 0 … 255; one of a single value stays. */
export const autoContrast = (canvas: Canvas): void => {
  canvas.tables.forEach((table, channel) => {
    const histogram = countBytes(canvas, channel)
    const least = histogram.findIndex((count) => count > 0)
    const greatest = histogram.findLastIndex((count) => count > 0)
    if (greatest <= least) return keep(table)
    const scale = 255 / (greatest - least)
    for (let value = 0; value < 256; value++) table[value] = Math.trunc(value * scale + -least * scale)
  })
  lookUp(canvas)
}

/** Makes all values of each channel as frequent as one another, as far as a table can; Pillow's rule. */
export const equalize = (canvas: Canvas): void => {
  canvas.tables.forEach((table, channel) => {
    const histogram = countBytes(canvas, channel)
    const greatest = histogram.findLastIndex((count) => count > 0)
    const step = Math.floor((canvas.height * canvas.width - histogram[greatest]) / 255)
    // One value alone, or nearly.
    if (step === 0) return keep(table)
    let count = Math.floor(step / 2)
    for (let value = 0; value < 256; value++) {
      table[value] = Math.floor(count / step)
      count += histogram[value]
    }
  })
  lookUp(canvas)
}
