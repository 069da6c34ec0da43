/** Pictures from files answered by a loaded model, each prepared as the model's files say. */
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { foldersBelow } from '../base/folder-files.js'
import { ENDINGS, isPicture } from './data/picture-folder.js'
import { PictureThreads, UnreadablePicture } from './data/picture-threads.js'
import type { Interpolation } from './data/resize.js'
import type { LoadedModel } from './model/loaded-model.js'
import { ModelFileError } from './model/model-file-error.js'
import { pictureDecoder } from './sources.js'
import type { Preprocessing } from './weights/weight-format.js'

/** What is made of a picture before the model reads it, complete. */
interface PictureInput {
  readonly mean: readonly number[]
  readonly std: readonly number[]
  readonly crop: number
  readonly interpolation: Interpolation
}

export interface PictureClass {
  /** Counted from 0. */
  readonly class: number
  /** Where the model's files name its classes. */
  readonly name?: string
  /** After a softmax over all classes. */
  readonly probability: number
}

/** What became of a picture. */
export type ClassifiedPicture =
  { readonly image: string; readonly top: readonly PictureClass[] } | { readonly image: string; readonly error: string }

const isInterpolation = (name: string): name is Interpolation => ['bilinear', 'bicubic', 'lanczos'].includes(name)

/**
 * What the model's files say, or else `stated`. Pictures are taken whole and resized by bicubic where neither says
 * anything. Throws a ModelFileError for a model whose mean and std nobody says, and for numbers that cannot be.
 */
const pictureInput = (model: LoadedModel, stated: Preprocessing): PictureInput => {
  const { channels } = model.config
  if (channels !== 1 && channels !== 3) {
    throw new ModelFileError(`the model reads images of ${channels} channels, pictures have 3, or 1 in grey`)
  }
  const [mean, std] = [stated.mean ?? model.mean, stated.std ?? model.std]
  if (mean === undefined || std === undefined) {
    const missing = [...(mean === undefined ? ['--mean'] : []), ...(std === undefined ? ['--std'] : [])]
    throw new ModelFileError(
      `the model does not say how its pixels are normalised: ${missing.join(' and ')} must, ` +
        `${channels === 1 ? 'a number' : 'a number for each of 3 channels, with commas between,'} of pixels scaled to [0, 1]`,
    )
  }
  for (const [name, values] of Object.entries({ mean, std })) {
    if (
      values.length !== channels ||
      !values.every((value) => Number.isFinite(value) && (name === 'mean' || value > 0))
    )
      throw new ModelFileError(
        `${name} is ${values.join(', ')}; the model has ${channels} channel${channels === 1 ? '' : 's'}, and each needs ` +
          (name === 'mean' ? 'a number' : 'a number above 0'),
      )
  }
  const [crop, interpolation] = [
    stated.crop ?? model.crop ?? 1,
    stated.interpolation ?? model.interpolation ?? 'bicubic',
  ]
  if (!(crop > 0 && crop <= 1)) throw new ModelFileError(`crop is ${crop}; it is a share of the side, above 0 up to 1`)
  if (!isInterpolation(interpolation)) {
    throw new ModelFileError(`interpolation '${interpolation}' is not known here: bilinear, bicubic or lanczos`)
  }
  return { mean, std, crop, interpolation }
}

/** The files themselves, and of folders the pictures in them and below. Throws a ModelFileError for one without any. */
export const picturesIn = (paths: readonly string[]): readonly string[] =>
  paths.flatMap((path) => {
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) return [path]
    const found = [...foldersBelow(path)].flatMap(({ folder, files }) =>
      files.filter(isPicture).map((file) => join(path, folder, file)),
    )
    if (found.length > 0) return found
    throw new ModelFileError(`${path}: holds no picture; these are files that end with ${ENDINGS.join(', ')}`)
  })

/** A crop `[size, size, 3]` as pixels `[size, size, channels]`, normalised; grey as Pillow's mode L (ITU-R 601). */
const putPixels = (crop: Uint8Array, { mean, std }: PictureInput, target: Float32Array, at: number): void => {
  const channels = mean.length
  for (let from = 0, to = at; from < crop.length; from += 3) {
    if (channels === 1) {
      const grey = (crop[from] * 19_595 + crop[from + 1] * 38_470 + crop[from + 2] * 7_471 + 0x8000) >> 16
      target[to++] = (grey / 255 - mean[0]) / std[0]
    } else {
      for (let c = 0; c < 3; c++) target[to++] = (crop[from + c] / 255 - mean[c]) / std[c]
    }
  }
}

/** The likeliest classes of one image, the likeliest first. Throws a ModelFileError for logits that are no numbers. */
const likeliest = (
  logits: Float32Array,
  most: number,
  names: readonly string[] | undefined,
): readonly PictureClass[] => {
  if (!logits.every((logit) => Number.isFinite(logit))) {
    throw new ModelFileError(
      'the model gives logits that are no finite numbers: its weights have diverged or are damaged',
    )
  }
  const highest = logits.reduce((a, b) => Math.max(a, b))
  const shares = Array.from(logits, (logit) => Math.exp(logit - highest))
  const sum = shares.reduce((a, b) => a + b)
  return shares
    .map((share, at) => ({
      class: at,
      ...(names?.[at] !== undefined && { name: names[at] }),
      probability: share / sum,
    }))
    .sort((a, b) => b.probability - a.probability || a.class - b.class)
    .slice(0, most)
}

export interface ClassifyOptions {
  /** Classes of each picture. */
  readonly top: number
  /** Where it and the model's files differ, this holds. */
  readonly stated: Preprocessing
  /** Called in the order of the files. */
  readonly take: (answer: ClassifiedPicture) => void
  /** Ends it between two batches. */
  readonly signal: AbortSignal
}

/** Pictures that are decoded before the model answers them together. */
const BATCH = 32

/**
 * Answers all pictures; of one that cannot be read it tells why. Rejects with a ModelFileError where the model does not
 * say enough, with a StageError where the package that decodes is not installed.
 */
export const classifyPictures = async (
  model: LoadedModel,
  files: readonly string[],
  { top, stated, take, signal }: ClassifyOptions,
): Promise<void> => {
  const { imageSize, channels, numClasses } = model.config
  const input = pictureInput(model, stated)
  const { crop, interpolation } = input
  const rules = { imageSize, crop, interpolation, orientation: 'ignored', transparency: 'dropped' } as const
  const threads = new PictureThreads(pictureDecoder('genepool predict', process.cwd()), { rules })
  const size = imageSize ** 2 * channels
  try {
    for (let from = 0; from < files.length && !signal.aborted; from += BATCH) {
      const batch = files.slice(from, from + BATCH)
      const pixels = new Float32Array(batch.length * size)
      const errors = new Map<number, string>()
      const read = batch.flatMap((file, at) => (existsSync(file) ? [at] : []))
      await threads.eachInOrder(
        read.length,
        (index) => ({ file: batch[read[index]] }),
        (index, made) => {
          if (made instanceof UnreadablePicture) errors.set(read[index], made.message)
          else putPixels(made.pixels as Uint8Array, input, pixels, read[index] * size)
        },
      )
      const logits = await model.logits(pixels)
      for (const [at, image] of batch.entries()) {
        const error = read.includes(at) ? errors.get(at) : 'there is no such file'
        if (error !== undefined) take({ image, error })
        else {
          const row = logits.subarray(at * numClasses, (at + 1) * numClasses)
          take({ image, top: likeliest(row, top, model.classNames) })
        }
      }
    }
  } finally {
    await threads.end()
  }
}
