/** The memory in which training images are augmented: bytes that an operation changes in place. */
/** Height, width and channels of an image `[h, w, c]` of bytes. */
export interface ImageShape {
  readonly height: number
  readonly width: number
  readonly channels: number
}

/**
 * An image that is being changed, `[h, w, c]`. One canvas serves any number of images one after the other, and brings
 * all the memory that an operation needs. Writing a value clamps it to 0 … 255, which every operation relies on.
 */
export class Canvas implements ImageShape {
  readonly height: number
  readonly width: number
  readonly channels: number
  /** The colour of what moves in from outside the image, one byte a channel. */
  readonly fill: Uint8ClampedArray
  /** Scratch for look-up tables, one a channel. */
  readonly tables: readonly Uint8ClampedArray[]
  /** Scratch for one channel's histogram. */
  readonly histogram = new Int32Array(256)
  #pixels: Uint8ClampedArray
  #spare: Uint8ClampedArray

  constructor({ height, width, channels }: ImageShape, fill: ArrayLike<number> = []) {
    this.height = height
    this.width = width
    this.channels = channels
    this.fill = Uint8ClampedArray.from({ length: channels }, (_, channel) => fill[channel] ?? 0)
    this.tables = Array.from({ length: channels }, () => new Uint8ClampedArray(256))
    this.#pixels = new Uint8ClampedArray(height * width * channels)
    this.#spare = new Uint8ClampedArray(height * width * channels)
  }

  /** The image. */
  get pixels(): Uint8ClampedArray {
    return this.#pixels
  }

  /** A second buffer of the same size to write into; what it holds before that is undefined. */
  get spare(): Uint8ClampedArray {
    return this.#spare
  }

  /** Makes what was written into `spare` the image. */
  swap(): void {
    const pixels = this.#pixels
    this.#pixels = this.#spare
    this.#spare = pixels
  }
}

/** Replaces every byte by what its channel's table holds for it. */
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

/** Replaces every byte by `of` of it, whatever its channel. */
export const mapBytes = (canvas: Canvas, of: (value: number) => number): void => {
  const [first, ...others] = canvas.tables
  for (let value = 0; value < 256; value++) first[value] = of(value)
  for (const table of others) table.set(first)
  lookUp(canvas)
}
