/** What `pool.json` of a demo says; the page in demo/ reads it. */

/** An ONNX file that several models may run: an embedding, a block, a stitch layer, a head. */
export interface PoolPart {
  /** Relative to the page. */
  readonly file: string
  readonly bytes: number
}

/** A descendant on the Pareto front. */
export interface PoolModel {
  readonly id: number
  /** `tiny`, or `tiny[0..2]→base[3..5]`. */
  readonly name: string
  readonly params: number
  readonly macs: number
  /** Share of the test images that it classifies right, as it was measured before. */
  readonly top1: number
  /** Names of its parts, in the order in which they run. */
  readonly parts: readonly string[]
}

export interface PoolFile {
  /** The pipeline's name. */
  readonly title: string
  /** How an image becomes the first part's input `[batch, size, size, channels]`. */
  readonly preprocessing: {
    readonly size: number
    readonly channels: number
    readonly mean: readonly number[]
    readonly std: readonly number[]
    /** Of pictures. */
    readonly crop?: number
    readonly interpolation?: 'bilinear' | 'bicubic' | 'lanczos'
  }
  readonly classNames: readonly string[]
  /** From the smallest to the largest. */
  readonly models: readonly PoolModel[]
  readonly parts: Readonly<Record<string, PoolPart>>
  /** The first images of the test split: bytes `[count, size, size, channels]`. */
  readonly samples: { readonly file: string; readonly labels: readonly number[] }
}
