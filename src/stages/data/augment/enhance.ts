/** Between an image and a plain version of it: factor 0 gives that, 1 the image, above 1 leads away from it. */
import type { Canvas } from './canvas.js'
import { mapBytes } from './tables.js'

/** Pillow's `Image.blend`, in single precision and truncated; clamped when it is written. */
const blend = (plain: number, value: number, factor: number): number =>
  Math.fround(plain + Math.fround(factor * (value - plain))) | 0

/** Luma of ITU-R BT.601 in 16 bits behind the point, rounded. */
const luma = (red: number, green: number, blue: number): number =>
  (19595 * red + 38470 * green + 7471 * blue + 0x8000) >> 16

/** The mean byte, rounded: of the luma with three channels, else of all channels. */
const meanGrey = ({ channels, pixels }: Canvas): number => {
  let sum = 0
  if (channels !== 3) {
    for (let at = 0; at < pixels.length; at++) sum += pixels[at]
    return Math.trunc(sum / pixels.length + 0.5)
  }
  for (let at = 0; at < pixels.length; at += 3) sum += luma(pixels[at], pixels[at + 1], pixels[at + 2])
  return Math.trunc(sum / (pixels.length / 3) + 0.5)
}

/** Towards or away from black. */
export const brightness = (canvas: Canvas, factor: number): void => {
  const single = Math.fround(factor)
  mapBytes(canvas, (value) => blend(0, value, single))
}

/** Towards or away from the mean grey. */
export const contrast = (canvas: Canvas, factor: number): void => {
  const [grey, single] = [meanGrey(canvas), Math.fround(factor)]
  mapBytes(canvas, (value) => blend(grey, value, single))
}

/** Saturation, towards or away from the pixel's own grey. Without three channels there is no colour, and nothing changes. */
export const color = ({ channels, pixels }: Canvas, factor: number): void => {
  if (channels !== 3) return
  const single = Math.fround(factor)
  for (let at = 0; at < pixels.length; at += 3) {
    const red = pixels[at]
    const green = pixels[at + 1]
    const blue = pixels[at + 2]
    const grey = luma(red, green, blue)
    pixels[at] = blend(grey, red, single)
    pixels[at + 1] = blend(grey, green, single)
    pixels[at + 2] = blend(grey, blue, single)
  }
}

/** A thirteenth of every sum of 13 bytes, rounded. No division per pixel; and no sum lies halfway. */
const THIRTEENTHS = Uint8Array.from({ length: 13 * 255 + 1 }, (_, sum) => Math.round(sum / 13))

/** Towards or away from the image smoothed by 3 × 3 weights: 5 in the middle, 1 around it. Its edge stays. */
export const sharpness = (canvas: Canvas, factor: number): void => {
  const { height, width, channels, pixels, spare } = canvas
  const [single, line] = [Math.fround(factor), width * channels]
  spare.set(pixels)
  for (let y = 1; y < height - 1; y++) {
    const end = (y + 1) * line - channels
    for (let at = y * line + channels; at < end; at++) {
      const above = at - line
      const below = at + line
      const sum =
        pixels[above - channels] +
        pixels[above] +
        pixels[above + channels] +
        pixels[at - channels] +
        5 * pixels[at] +
        pixels[at + channels] +
        pixels[below - channels] +
        pixels[below] +
        pixels[below + channels]
      spare[at] = blend(THIRTEENTHS[sum], pixels[at], single)
    }
  }
  canvas.swap()
}
