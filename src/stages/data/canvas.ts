/** Height, width and channels of an image `[h, w, c]` of bytes. */
export interface ImageShape {
  readonly height: number
  readonly width: number
  readonly channels: number
}

/** What changes a canvas's image in place, or into `spare` with a `swap` at the end. */
export type ImageOperation = (canvas: Canvas) => void

/**
 * An image that is being changed, `[h, w, c]`. One canvas serves any number of images one after the other; an operation needs
 * no memory but what it has. Writing clamps to 0 … 255, as every operation here wants it.
 */
export class Canvas implements ImageShape {
  readonly height: number
  readonly width: number
  readonly channels: number
  /** The colour of what comes in from outside of the image, a byte a channel. */
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

  /** As much memory again, its content of no meaning. */
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
