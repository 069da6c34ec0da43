/** What augmentation does to the pixels of one image; Pillow's operations, to the last bit. */
import { type Canvas, lookUp, mapBytes } from './canvas.js'

/** The result's pixel (x, y) is the image's at (a·x + b·y + c, d·x + e·y + f); a pixel's centre lies at a half. */
type Matrix = readonly [a: number, b: number, c: number, d: number, e: number, f: number]

/**
 * Cubic convolution with a = −1 between `v1` and `v2`, at 0 ≤ t < 1. Horner's form gives of four equal values that
 * value exactly; a sum of weighted values would miss it by a rounding, and truncation would then make it one less.
 */
const cubic = (v0: number, v1: number, v2: number, v3: number, t: number): number =>
  v1 + t * (v2 - v0 + t * (2 * (v0 - v1) + v2 - v3 + t * (v1 - v0 + v3 - v2)))

/**
 * Bicubic resampling, Pillow's `Image.transform`: truncated to bytes, the edge's pixels repeated, `fill` for what lies
 * outside.
 */
const transform = (canvas: Canvas, [a, b, c, d, e, f]: Matrix): void => {
  const { height, width, channels, fill, pixels, spare } = canvas
  const [lastX, lastY, line] = [width - 1, height - 1, width * channels]
  let to = 0
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++, to += channels) {
      const x = column + 0.5
      const y = row + 0.5
      const u = a * x + b * y + c
      const v = d * x + e * y + f
      if (!(u >= 0 && u < width && v >= 0 && v < height)) {
        for (let channel = 0; channel < channels; channel++) spare[to + channel] = fill[channel]
        continue
      }
      const left = Math.floor(u - 0.5)
      const top = Math.floor(v - 0.5)
      const s = u - 0.5 - left
      const t = v - 0.5 - top
      const x0 = Math.max(left - 1, 0) * channels
      const x1 = Math.max(left, 0) * channels
      const x2 = Math.min(left + 1, lastX) * channels
      const x3 = Math.min(left + 2, lastX) * channels
      const y0 = Math.max(top - 1, 0) * line
      const y1 = Math.max(top, 0) * line
      const y2 = Math.min(top + 1, lastY) * line
      const y3 = Math.min(top + 2, lastY) * line
      for (let channel = 0; channel < channels; channel++) {
        const p0 = x0 + channel
        const p1 = x1 + channel
        const p2 = x2 + channel
        const p3 = x3 + channel
        const value = cubic(
          cubic(pixels[y0 + p0], pixels[y0 + p1], pixels[y0 + p2], pixels[y0 + p3], s),
          cubic(pixels[y1 + p0], pixels[y1 + p1], pixels[y1 + p2], pixels[y1 + p3], s),
          cubic(pixels[y2 + p0], pixels[y2 + p1], pixels[y2 + p2], pixels[y2 + p3], s),
          cubic(pixels[y3 + p0], pixels[y3 + p1], pixels[y3 + p2], pixels[y3 + p3], s),
          t,
        )
        spare[to + channel] = value | 0
      }
    }
  }
  canvas.swap()
}

/**
 * The same along one axis: the result's pixel (x, y) is the image's at (x + factor·y + shift, y), or at
 * (x, y + factor·x + shift). Across it no pixel lies between two others, where the cubic gives the first of them
 * exactly.
 */
const slide = (canvas: Canvas, axis: 'x' | 'y', factor: number, shift: number): void => {
  const { height, width, channels, fill, pixels, spare } = canvas
  const line = width * channels
  const [length, step] = axis === 'x' ? [width, channels] : [height, line]
  const last = length - 1
  let to = 0
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++, to += channels) {
      const along = axis === 'x' ? column : row
      const across = axis === 'x' ? row : column
      const u = along + 0.5 + factor * (across + 0.5) + shift
      if (!(u >= 0 && u < length)) {
        for (let channel = 0; channel < channels; channel++) spare[to + channel] = fill[channel]
        continue
      }
      const before = Math.floor(u - 0.5)
      const s = u - 0.5 - before
      const base = to - along * step
      const p0 = base + Math.max(before - 1, 0) * step
      const p1 = base + Math.max(before, 0) * step
      const p2 = base + Math.min(before + 1, last) * step
      const p3 = base + Math.min(before + 2, last) * step
      for (let channel = 0; channel < channels; channel++) {
        spare[to + channel] =
          cubic(pixels[p0 + channel], pixels[p1 + channel], pixels[p2 + channel], pixels[p3 + channel], s) | 0
      }
    }
  }
  canvas.swap()
}

/** Slants: rows move by `factor` of their distance from the top. */
export const shearX = (canvas: Canvas, factor: number): void => slide(canvas, 'x', factor, 0)

/** Slants: columns move by `factor` of their distance from the left. */
export const shearY = (canvas: Canvas, factor: number): void => slide(canvas, 'y', factor, 0)

/** Moves by a share of the width; above 0 to the left. */
export const translateX = (canvas: Canvas, share: number): void => slide(canvas, 'x', 0, share * canvas.width)

/** Moves by a share of the height; above 0 upwards. */
export const translateY = (canvas: Canvas, share: number): void => slide(canvas, 'y', 0, share * canvas.height)

/**
 * Sine and cosine of −π/3 … π/3 by their series: those of V8 differ between its versions in the last digit. Rounded to
 * 15 decimal places, as Pillow does it.
 */
const sineAndCosine = (angle: number): readonly [sine: number, cosine: number] => {
  let [sine, cosine, term] = [0, 0, 1]
  for (let order = 0; order < 24; order += 2) {
    cosine += term
    term *= angle / (order + 1)
    sine += term
    term *= -angle / (order + 2)
  }
  return [Number(sine.toFixed(15)), Number(cosine.toFixed(15))]
}

/** Turns counterclockwise about the middle, by −60 to 60 degrees. */
export const rotate = (canvas: Canvas, degrees: number): void => {
  const [sine, cosine] = sineAndCosine((-degrees * Math.PI) / 180)
  const [x, y] = [canvas.width / 2, canvas.height / 2]
  const c = cosine * -x + sine * -y + x
  const f = -sine * -x + cosine * -y + y
  transform(canvas, [cosine, sine, c, -sine, cosine, f])
}

/** Left becomes right. */
export const flip = ({ height, width, channels, pixels }: Canvas): void => {
  for (let y = 0; y < height; y++) {
    let left = y * width * channels
    let right = left + (width - 1) * channels
    for (; left < right; left += channels, right -= channels) {
      for (let channel = 0; channel < channels; channel++) {
        const value = pixels[left + channel]
        pixels[left + channel] = pixels[right + channel]
        pixels[right + channel] = value
      }
    }
  }
}

/** The photographic negative. */
export const invert = (canvas: Canvas): void => mapBytes(canvas, (value) => 255 - value)

/** Keeps the upper `bits` of every byte, 0 to 8. */
export const posterize = (canvas: Canvas, bits: number): void => {
  const mask = ~(2 ** (8 - bits) - 1)
  mapBytes(canvas, (value) => value & mask)
}

/** Inverts the bytes at or above the threshold, 0 to 256. */
export const solarize = (canvas: Canvas, threshold: number): void =>
  mapBytes(canvas, (value) => (value < threshold ? value : 255 - value))

/** Adds to the bytes below 128. */
export const solarizeAdd = (canvas: Canvas, added: number): void =>
  mapBytes(canvas, (value) => (value < 128 ? value + added : value))

/** How often each byte value occurs in the channel. */
const countBytes = ({ channels, pixels, histogram }: Canvas, channel: number): Int32Array => {
  histogram.fill(0)
  for (let at = channel; at < pixels.length; at += channels) histogram[pixels[at]]++
  return histogram
}

/** A table that leaves every byte as it is. */
const keep = (table: Uint8ClampedArray): void => {
  for (let value = 0; value < 256; value++) table[value] = value
}

/** Stretches each channel to 0 … 255; a channel of one value alone stays as it is. */
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
    // The channel has one value alone, or nearly.
    if (step === 0) return keep(table)
    let count = Math.floor(step / 2)
    for (let value = 0; value < 256; value++) {
      table[value] = Math.floor(count / step)
      count += histogram[value]
    }
  })
  lookUp(canvas)
}

/**
 * Between an image and a plain version of it: factor 0 gives the plain one, 1 the image, more leads further away from
 * the plain one. Pillow's `Image.blend`, in single precision and truncated; clamped when it is written.
 */
const blend = (plain: number, value: number, factor: number): number =>
  Math.fround(plain + Math.fround(factor * (value - plain))) | 0

/** Luma of ITU-R BT.601, computed with 16 fraction bits and rounded. */
const luma = (red: number, green: number, blue: number): number =>
  (19595 * red + 38470 * green + 7471 * blue + 0x8000) >> 16

/** The mean, rounded: of the luma where there are three channels, else of all bytes. */
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

/**
 * Saturation, towards or away from the pixel's own grey. Without three channels there is no colour, and nothing
 * changes.
 */
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

/**
 * A thirteenth of every possible sum of 13 bytes, rounded: no division per pixel. No sum lies halfway between two
 * bytes.
 */
const THIRTEENTHS = Uint8Array.from({ length: 13 * 255 + 1 }, (_, sum) => Math.round(sum / 13))

/**
 * Towards or away from the image smoothed by 3 × 3 weights, 5 in the middle and 1 around it. The edge's pixels stay as
 * they are.
 */
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
