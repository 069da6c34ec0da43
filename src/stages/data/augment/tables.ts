import type { Canvas } from './canvas.js'

/** Replaces every byte by its channel's table's. */
export const lookUp = ({ channels, pixels, tables }: Canvas): void => {
  if (channels === 3) {
    const [red, green, blue] = tables
    for (let at = 0; at < pixels.length; at += 3) {
      pixels[at] = red[pixels[at]]
      pixels[at + 1] = green[pixels[at + 1]]
      pixels[at + 2] = blue[pixels[at + 2]]
    }
    return
  }
  for (let channel = 0; channel < channels; channel++) {
    const table = tables[channel]
    for (let at = channel; at < pixels.length; at += channels) pixels[at] = table[pixels[at]]
  }
}

/** The same table for every channel. */
export const mapBytes = (canvas: Canvas, of: (value: number) => number): void => {
  const [first, ...others] = canvas.tables
  for (let value = 0; value < 256; value++) first[value] = of(value)
  for (const table of others) table.set(first)
  lookUp(canvas)
}
