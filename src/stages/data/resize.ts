/** Bicubic resizing with Pillow's results. */
import type { ImageShape } from './canvas.js'

/** Fraction bits of a weight: with 8 bits of a pixel and 2 for sums beyond [0, 1] they fill 32. */
const BITS = 22

/** Added to a sum so that dropping its fraction bits rounds it. */
const HALF = 1 << (BITS - 1)

/** Keys' cubic convolution kernel with a = −0.5 (IEEE Trans. ASSP 29, 1981), zero from 2 on. */
const kernel = (distance: number): number => {
  const x = Math.abs(distance)
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1
  return x < 2 ? -0.5 * (((x - 5) * x + 8) * x - 4) : 0
}

/**
 * For every place of one axis of the result: where its first source pixel is, how many there are, and their weights.
 */
class Axis {
  readonly length: number
  readonly starts: Int32Array
  readonly counts: Int32Array
  /** Weights of place i begin at `i · stride`. */
  weights = new Int32Array(0)
  stride = 0
  #exact = new Float64Array(0)
  #from = 0

  constructor(length: number) {
    this.length = length
    this.starts = new Int32Array(length)
    this.counts = new Int32Array(length)
  }

  /**
   * Computes the weights for a source of `from` pixels. Where that shrinks, the kernel is widened as much, against
   * aliasing.
   */
  prepare(from: number): void {
    if (from === this.#from) return
    this.#from = from
    const scale = from / this.length
    const widened = Math.max(scale, 1)
    const support = 2 * widened
    this.stride = Math.ceil(support) * 2 + 1
    if (this.weights.length < this.length * this.stride) {
      this.weights = new Int32Array(this.length * this.stride)
      this.#exact = new Float64Array(this.stride)
    }
    const exact = this.#exact
    for (let place = 0; place < this.length; place++) {
      const center = (place + 0.5) * scale
      const start = Math.max(Math.trunc(center - support + 0.5), 0)
      const count = Math.min(Math.trunc(center + support + 0.5), from) - start
      let sum = 0
      for (let tap = 0; tap < count; tap++) {
        exact[tap] = kernel((tap + start - center + 0.5) * (1 / widened))
        sum += exact[tap]
      }
      for (let tap = 0; tap < count; tap++) {
        const weight = (exact[tap] / sum) * 2 ** BITS
        this.weights[place * this.stride + tap] = Math.trunc(weight < 0 ? weight - 0.5 : weight + 0.5)
      }
      this.starts[place] = start
      this.counts[place] = count
    }
  }
}

/** A part of an image, in pixels. */
export interface Box {
  readonly top: number
  readonly left: number
  readonly height: number
  readonly width: number
}

/**
 * Bicubic resizing to one shape, antialiased, with Pillow's weights and rounding: its results are Pillow's to the last
 * bit. The same memory serves every image.
 */
export class Resizer {
  readonly #shape: ImageShape
  readonly #horizontal: Axis
  readonly #vertical: Axis
  readonly #sums: Int32Array
  #rows = new Uint8ClampedArray(0)

  constructor(shape: ImageShape) {
    this.#shape = shape
    this.#horizontal = new Axis(shape.width)
    this.#vertical = new Axis(shape.height)
    this.#sums = new Int32Array(shape.width * shape.channels)
  }

  /**
   * Resizes a box of the image that begins at `offset` of `source` and is `sourceWidth` wide into `target` `[h, w, c]`;
   * pixels outside the box do not count.
   */
  resize(source: Uint8Array, offset: number, sourceWidth: number, box: Box, target: Uint8ClampedArray): void {
    const { width, channels } = this.#shape
    if (this.#rows.length < box.height * width * channels)
      this.#rows = new Uint8ClampedArray(box.height * width * channels)
    this.#horizontal.prepare(box.width)
    this.#vertical.prepare(box.height)
    const start = offset + (box.top * sourceWidth + box.left) * channels
    if (channels === 3) this.#widthOfThree(source, start, sourceWidth, box.height)
    else this.#widthOfAny(source, start, sourceWidth, box.height)
    this.#heights(target)
  }

  #widthOfAny(source: Uint8Array, offset: number, sourceWidth: number, height: number): void {
    const { width, channels } = this.#shape
    const { starts, counts, weights, stride } = this.#horizontal
    const rows = this.#rows
    let to = 0
    for (let y = 0; y < height; y++) {
      const row = offset + y * sourceWidth * channels
      for (let x = 0; x < width; x++) {
        const first = row + starts[x] * channels
        for (let channel = 0; channel < channels; channel++) {
          let sum = HALF
          for (let tap = 0, weight = x * stride; tap < counts[x]; tap++, weight++) {
            sum += Math.imul(source[first + channel + tap * channels], weights[weight])
          }
          rows[to++] = sum >> BITS
        }
      }
    }
  }

  /** The same for three channels, which share each weight that is read. */
  #widthOfThree(source: Uint8Array, offset: number, sourceWidth: number, height: number): void {
    const { width } = this.#shape
    const { starts, counts, weights, stride } = this.#horizontal
    const rows = this.#rows
    let to = 0
    for (let y = 0; y < height; y++) {
      const row = offset + y * sourceWidth * 3
      for (let x = 0; x < width; x++) {
        let from = row + starts[x] * 3
        let red = HALF
        let green = HALF
        let blue = HALF
        const end = x * stride + counts[x]
        for (let at = x * stride; at < end; at++, from += 3) {
          const weight = weights[at]
          red += Math.imul(source[from], weight)
          green += Math.imul(source[from + 1], weight)
          blue += Math.imul(source[from + 2], weight)
        }
        rows[to++] = red >> BITS
        rows[to++] = green >> BITS
        rows[to++] = blue >> BITS
      }
    }
  }

  #heights(target: Uint8ClampedArray): void {
    const { height } = this.#shape
    const { starts, counts, weights, stride } = this.#vertical
    const [rows, sums] = [this.#rows, this.#sums]
    const length = sums.length
    for (let y = 0; y < height; y++) {
      sums.fill(HALF)
      for (let tap = 0; tap < counts[y]; tap++) {
        const weight = weights[y * stride + tap]
        const row = (starts[y] + tap) * length
        for (let at = 0; at < length; at++) sums[at] += Math.imul(rows[row + at], weight)
      }
      for (let at = 0; at < length; at++) target[y * length + at] = sums[at] >> BITS
    }
  }
}
