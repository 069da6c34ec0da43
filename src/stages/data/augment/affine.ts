import type { Canvas } from './canvas.js'

/** The result's pixel (x, y) is the image's at (a·x + b·y + c, d·x + e·y + f), pixels lying at halves. */
type Matrix = readonly [a: number, b: number, c: number, d: number, e: number, f: number]

/**
 * Cubic convolution with a = −1 between `v1` and `v2`, at 0 ≤ t < 1. In Horner's form: of four equal values it gives that value
 * exactly, which weights would miss by a rounding, and truncation then by one.
 */
const cubic = (v0: number, v1: number, v2: number, v3: number, t: number): number =>
  v1 + t * (v2 - v0 + t * (2 * (v0 - v1) + v2 - v3 + t * (v1 - v0 + v3 - v2)))

/** Bicubic resampling, Pillow's `Image.transform`: truncated to bytes, the edge's pixels repeated, `fill` for what lies outside. */
export const transform = (canvas: Canvas, [a, b, c, d, e, f]: Matrix): void => {
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

/** Slants: rows move by `factor` of their distance from the top. */
export const shearX = (canvas: Canvas, factor: number): void => transform(canvas, [1, factor, 0, 0, 1, 0])

/** Slants: columns move by `factor` of their distance from the left. */
export const shearY = (canvas: Canvas, factor: number): void => transform(canvas, [1, 0, 0, factor, 1, 0])

/** Moves by a share of the width; above 0 to the left. */
export const translateX = (canvas: Canvas, share: number): void =>
  transform(canvas, [1, 0, share * canvas.width, 0, 1, 0])

/** Moves by a share of the height; above 0 upwards. */
export const translateY = (canvas: Canvas, share: number): void =>
  transform(canvas, [1, 0, 0, 0, 1, share * canvas.height])

/**
 * Sine and cosine of −π/3 … π/3 by their series: those of V8 differ between its versions in the last digit. Rounded to 15
 * decimal places, as Pillow does it.
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
