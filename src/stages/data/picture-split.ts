/**
 * Pictures of a split as the stage `data` leaves them, beside their labels: their evaluation crops in `<split>.crops`,
 * U8 `[n, h, w, 3]`; of training pictures the files themselves in `<split>.pictures`, one after the other, of which
 * `lengths` I32 `[n]` says how long each is. Both are written and read a few pictures at a time.
 */
import { closeSync, openSync, writeSync } from 'node:fs'
import { StageError } from '../../runtime/errors.js'
import type { LabelledPictures } from './labelled-images.js'
import {
  type PictureAugmentation,
  type PictureDraws,
  type PictureRules,
  PictureThreads,
  UnreadablePicture,
} from './picture-threads.js'

const appendTo = (file: string): { readonly append: (bytes: Uint8Array) => void; readonly close: () => void } => {
  const descriptor = openSync(file, 'wx')
  const append = (bytes: Uint8Array): void => {
    for (let at = 0; at < bytes.length;) at += writeSync(descriptor, bytes, at)
  }
  return { append, close: () => closeSync(descriptor) }
}

interface PicturesToWrite {
  readonly from: LabelledPictures
  readonly rows: Int32Array
  /** Where they are not kept, undefined. */
  readonly cropsFile: string | undefined
  readonly picturesFile: string | undefined
}

interface WrittenPictures {
  /** Places among the rows of the pictures that were written. */
  readonly places: readonly number[]
  /** Bytes of each of their files. */
  readonly lengths: readonly number[]
}

/**
 * Decodes these pictures and writes those that can be; `take` is called with each crop, and then with what is wrong
 * with each of the others.
 */
export const writePictures = async (
  threads: PictureThreads,
  { from, rows, cropsFile, picturesFile }: PicturesToWrite,
  take: (place: number, made: Uint8Array | UnreadablePicture) => void,
): Promise<WrittenPictures> => {
  const crops = cropsFile === undefined ? undefined : appendTo(cropsFile)
  const pictures = picturesFile === undefined ? undefined : appendTo(picturesFile)
  const places: number[] = []
  const lengths: number[] = []
  const failed: number[] = []
  try {
    await threads.eachInOrder(
      rows.length,
      (place) => ({ file: from.fileOf(rows[place]), returnsFile: pictures !== undefined }),
      (place, made) => {
        if (made instanceof UnreadablePicture) return void failed.push(place)
        const { pixels, encoded } = made
        crops?.append(pixels as Uint8Array)
        if (encoded !== undefined) {
          pictures?.append(encoded)
          lengths.push(encoded.length)
        }
        places.push(place)
        take(place, pixels as Uint8Array)
      },
    )
    // Decoders that work side by side leave what is wrong in one place, where it gets mixed up: each is asked alone.
    for (const place of failed) {
      await threads.each(
        1,
        () => ({ file: from.fileOf(rows[place]) }),
        (_, made) => {
          take(place, made instanceof UnreadablePicture ? made : new UnreadablePicture('could not be read at first'))
        },
      )
    }
  } finally {
    crops?.close()
    pictures?.close()
  }
  return { places, lengths }
}

/** How the training pictures of an artifact are decoded, where that is needed. */
export interface PictureDecoding {
  /** The `package.json` of sharp. */
  readonly decoder?: string | undefined
  /** Default: one for each processor, 16 at most. What they make does not depend on it. */
  readonly threads?: number
}

interface PackedFile {
  readonly file: string
  readonly lengths: Int32Array
}

/** Calls `take` with the row of each of these pictures and what was made of it, in any order. */
type TakePixels<Pixels> = (row: number, pixels: Pixels) => void

/** Pictures one after the other in a file, and threads that make of them what is asked for, which start with that. */
export class PackedPictures {
  readonly #file: string
  /** Where each begins, and the last one ends. */
  readonly #starts: Float64Array
  readonly #rules: PictureRules
  readonly #decoding: PictureDecoding
  #cropThreads: PictureThreads | undefined

  constructor({ file, lengths }: PackedFile, rules: PictureRules, decoding: PictureDecoding) {
    this.#file = file
    this.#starts = new Float64Array(lengths.length + 1)
    lengths.forEach((length, index) => (this.#starts[index + 1] = this.#starts[index] + length))
    this.#rules = rules
    this.#decoding = decoding
  }

  #open(augmentation?: PictureAugmentation): PictureThreads {
    const { decoder, threads } = this.#decoding
    const options = { rules: this.#rules, ...(augmentation && { augmentation }) }
    if (decoder !== undefined) return new PictureThreads(decoder, options, threads)
    throw new StageError({
      message: 'the artifact holds the training pictures, but not their crops',
      hint: 'raise cropCache of the data',
    })
  }

  #make<Pixels extends Uint8Array | Float32Array>(
    threads: PictureThreads,
    indices: ArrayLike<number>,
    take: TakePixels<Pixels>,
    drawsOf?: (row: number) => PictureDraws,
  ): Promise<void> {
    return threads.each(
      indices.length,
      (row) => {
        const [at, end] = this.#starts.subarray(indices[row], indices[row] + 2)
        return { file: this.#file, part: { at, length: end - at }, ...(drawsOf && { draws: drawsOf(row) }) }
      },
      (row, made) => {
        if (!(made instanceof UnreadablePicture)) return take(row, made.pixels as Pixels)
        throw new StageError({ message: `training picture ${indices[row]} cannot be decoded: ${made.message}` })
      },
    )
  }

  /** Their evaluation crops, bytes `[imageSize, imageSize, 3]`. Rejects with a StageError where nothing decodes. */
  crops(indices: ArrayLike<number>, take: TakePixels<Uint8Array>): Promise<void> {
    this.#cropThreads ??= this.#open()
    return this.#make(this.#cropThreads, indices, take)
  }

  /** Pictures as training sees them, normalised, `[imageSize, imageSize, 3]`; `drawsOf` is by row. */
  augmented(
    augmentation: PictureAugmentation,
  ): (
    indices: ArrayLike<number>,
    drawsOf: (row: number) => PictureDraws,
    take: TakePixels<Float32Array>,
  ) => Promise<void> {
    const threads = this.#open(augmentation)
    return (indices, drawsOf, take) => this.#make(threads, indices, take, drawsOf)
  }
}
