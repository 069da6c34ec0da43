/** Resizing with Pillow's results. */
import type { ImageShape } from './canvas.js'
import { type AxisWeights, VectorResizer } from './vector-resize.js'

/** Fraction bits of a weight: with 8 bits of a pixel and 2 for sums beyond [0, 1] they fill 32. */
const BITS = 22

/** Added to a sum so that dropping its fraction bits rounds it. */
const HALF = 1 << (BITS - 1)

/** Weight of a source pixel by its distance, 0 from `support` on. */
interface Kernel {
  readonly support: number
  readonly weight: (distance: number) => number
}

const sinc = (x: number): number => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x))

/** What images are resized with. */
export type Interpolation = 'bilinear' | 'bicubic' | 'lanczos'

/** Keys' cubic convolution with a = −0.5 (IEEE Trans. ASSP 29, 1981). */
export const BICUBIC: Kernel = {
  support: 2,
  weight: (distance) => {
    const x = Math.abs(distance)
    if (x < 1) return (1.5 * x - 2.5) * x * x + 1
    return x < 2 ? -0.5 * (((x - 5) * x + 8) * x - 4) : 0
  },
}

const KERNELS: Readonly<Record<Interpolation, Kernel>> = {
  bilinear: { support: 1, weight: (distance) => Math.max(0, 1 - Math.abs(distance)) },
  bicubic: BICUBIC,
  /** Of three lobes. */
  lanczos: { support: 3, weight: (distance) => (Math.abs(distance) < 3 ? sinc(distance) * sinc(distance / 3) : 0) },
}

/**
 * For every place of one axis of the result: where its first source pixel is, how many there are, and their weights.
 */
class Axis implements AxisWeights {
  readonly length: number
  readonly #kernel: Kernel
  readonly starts: Int32Array
  readonly counts: Int32Array
  /** Weights of place i begin at `i · stride`. */
  weights = new Int32Array(0)
  stride = 0
  #exact = new Float64Array(0)
  #prepared = ''

  constructor(length: number, kernel: Kernel) {
    this.length = length
    this.#kernel = kernel
    this.starts = new Int32Array(length)
    this.counts = new Int32Array(length)
  }

  /** Source pixels from the first that counts to the one after the last. */
  get span(): readonly [begin: number, end: number] {
    const last = this.length - 1
    return [this.starts[0], this.starts[last] + this.counts[last]]
  }

  /**
   * Computes the weights for a source of `from` pixels that becomes `whole` ones, of which this axis has those from
   * `first` on. Where that shrinks, the kernel is widened as much, against aliasing.
   */
  prepare(from: number, whole: number, first: number): void {
    const wanted = `${from} ${whole} ${first}`
    if (wanted === this.#prepared) return
    this.#prepared = wanted
    const { support: reach, weight: kernel } = this.#kernel
    const scale = from / whole
    const widened = Math.max(scale, 1)
    const support = reach * widened
    this.stride = Math.ceil(support) * 2 + 1
    if (this.weights.length < this.length * this.stride) {
      this.weights = new Int32Array(this.length * this.stride)
      this.#exact = new Float64Array(this.stride)
    }
    const exact = this.#exact
    for (let place = 0; place < this.length; place++) {
      const center = (first + place + 0.5) * scale
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

/** The part of a resized image that is wanted: where it begins in it, and how large the whole would be. */
export interface ResizedPart {
  readonly top: number
  readonly left: number
  readonly of: Pick<Box, 'height' | 'width'>
}

/**
 * Resizing to one shape, antialiased, with Pillow's weights and rounding: its results are Pillow's to the last bit. The
 * same memory serves every image.
 */
export class Resizer {
  readonly #shape: ImageShape
  readonly #horizontal: Axis
  readonly #vertical: Axis
  readonly #sums: Int32Array
  /** Colours are resized by the processor's vectors where it has some, to the same result. */
  readonly #vectors: VectorResizer | undefined
  #rows = new Uint8ClampedArray(0)

  constructor(shape: ImageShape, interpolation: Interpolation = 'bicubic', vectors = shape.channels === 3) {
    this.#shape = shape
    this.#horizontal = new Axis(shape.width, KERNELS[interpolation])
    this.#vertical = new Axis(shape.height, KERNELS[interpolation])
    this.#sums = new Int32Array(shape.width * shape.channels)
    this.#vectors = vectors ? VectorResizer.open() : undefined
  }

  /**
   * Resizes a box of the image that begins at `offset` of `source` and is `sourceWidth` wide into `target` `[h, w, c]`;
   * pixels outside the box do not count. With a `part`, `target` is that part of the larger image that the box becomes.
   */
  resize(
    source: Uint8Array,
    offset: number,
    sourceWidth: number,
    box: Box,
    target: Uint8ClampedArray,
    part: ResizedPart = { top: 0, left: 0, of: this.#shape },
  ): void {
    const { width, channels } = this.#shape
    this.#horizontal.prepare(box.width, part.of.width, part.left)
    this.#vertical.prepare(box.height, part.of.height, part.top)
    // Rows that no pixel of the result depends on are left out.
    const [first, end] = this.#vertical.span
    const height = end - first
    const start = offset + ((box.top + first) * sourceWidth + box.left) * channels
    if (this.#vectors !== undefined) {
      const rows = { pixels: source, start, line: sourceWidth * channels, width: box.width * channels, height }
      this.#vectors.resize(rows, first, this.#horizontal, this.#vertical, target)
      return
    }
    if (this.#rows.length < height * width * channels) this.#rows = new Uint8ClampedArray(height * width * channels)
    this.#widths(source, start, sourceWidth, height)
    this.#heights(target, first)
  }

  #widths(source: Uint8Array, offset: number, sourceWidth: number, height: number): void {
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

  #heights(target: Uint8ClampedArray, first: number): void {
    const { height } = this.#shape
    const { starts, counts, weights, stride } = this.#vertical
    const [rows, sums] = [this.#rows, this.#sums]
    const length = sums.length
    for (let y = 0; y < height; y++) {
      sums.fill(HALF)
      const end = y * stride + counts[y]
      let at = y * stride
      let row = (starts[y] - first) * length
      // Four at a time: each sum is then loaded and stored a quarter as often.
      for (; at + 4 <= end; at += 4, row += 4 * length) {
        const [second, third, fourth] = [row + length, row + 2 * length, row + 3 * length]
        const [a, b, c, d] = [weights[at], weights[at + 1], weights[at + 2], weights[at + 3]]
        for (let x = 0; x < length; x++) {
          sums[x] +=
            Math.imul(rows[row + x], a) +
            Math.imul(rows[second + x], b) +
            Math.imul(rows[third + x], c) +
            Math.imul(rows[fourth + x], d)
        }
      }
      for (; at < end; at++, row += length) {
        const weight = weights[at]
        for (let x = 0; x < length; x++) sums[x] += Math.imul(rows[row + x], weight)
      }
      for (let x = 0; x < length; x++) target[y * length + x] = sums[x] >> BITS
    }
  }
}
