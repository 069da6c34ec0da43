/** A data set as the stages read it: its splits, and batches of their images as the inputs of a compiled function. */
import { fstatSync, openSync, readFileSync, statSync } from 'node:fs'
import * as Schema from 'effect/Schema'
import type { AugmentParams } from '../../dsl/nodes.js'
import type { VitConfig } from '../../dsl/vit-config.js'
import type { TensorSpec, TensorSpecs } from '../../engine/engine.js'
import { readInto } from '../../base/files.js'
import { StageError } from '../../runtime/errors.js'
import type { InputArtifact } from '../../runtime/stage-contract.js'
import { readSafetensors } from '../tensors/safetensors.js'
import { imageAugmentation, normalisedBytes } from './augment.js'
import type { ImageShape } from './canvas.js'
import { drawMix, mixBatch } from './mixing.js'
import { PackedPictures, type PictureDecoding } from './picture-split.js'
import { Generator } from './random.js'

export type SplitName = 'train' | 'test' | 'validation'

/** `dataset.json` of the artifact. `mean` and `std` are a channel's, over the training pixels scaled to [0, 1]. */
export const DatasetInfo = Schema.Struct({
  imageSize: Schema.Number,
  channels: Schema.Number,
  numClasses: Schema.Number,
  mean: Schema.Array(Schema.Number),
  std: Schema.Array(Schema.Number),
  counts: Schema.Struct({ train: Schema.Number, test: Schema.Number, validation: Schema.Number }),
  /** What is made of pictures; there where images come from such. */
  pictures: Schema.optionalKey(
    Schema.Struct({
      crop: Schema.Number,
      interpolation: Schema.Literals(['bilinear', 'bicubic', 'lanczos']),
      orientation: Schema.Literals(['ignored', 'applied']),
      transparency: Schema.Literals(['dropped', 'white', 'black']),
    }),
  ),
})

export type DatasetInfo = typeof DatasetInfo.Type

const decodeInfo = Schema.decodeUnknownSync(Schema.fromJsonString(DatasetInfo))

/** The images of one split. */
export interface Split {
  readonly count: number
  /**
   * Raw pixels `[count, imageSize, imageSize, channels]`. Throws a StageError where they are made of pictures and are
   * not in the artifact.
   */
  readonly images: Uint8Array
  /** The pictures that training images are cropped from; where there are none, these are the images. */
  readonly pictures?: PackedPictures
  /** Class of every image, `[count]`. */
  readonly labels: Int32Array
  /** The data set's, by channel. */
  readonly mean: readonly number[]
  readonly std: readonly number[]
  /** `(x / 255 − mean) / std` of all 256 values x, by channel. */
  readonly normalised: readonly Float32Array[]
  /**
   * Fills `pixels` `[b, imageSize, imageSize, channels]` with the images at `indices`, normalised to
   * `(x / 255 − mean) / std`, and `labels` `[b]` with their classes; b = `indices.length`. The arrays may be longer. A
   * promise where images have to be decoded.
   */
  gather(indices: ArrayLike<number>, pixels: Float32Array, labels: Int32Array): void | Promise<void>
}

export interface Dataset extends Omit<DatasetInfo, 'counts'> {
  readonly has: (name: SplitName) => boolean
  /** Read when first asked for, then kept. Throws a StageError for a validation split that the data does not have. */
  split(name: SplitName): Split
}

/** Gives the bytes of an image: the array in which it lies, and where it begins there. */
type ImageBytes = (index: number) => readonly [bytes: Uint8Array, from: number]

/** Crops of so many bytes are kept in memory; more are read one by one. */
const MOST_IN_MEMORY = 2 ** 30

const cropsIn = (file: string, size: number): { readonly images: () => Uint8Array; readonly bytesOf: ImageBytes } => {
  if (statSync(file).size <= MOST_IN_MEMORY) {
    const images = new Uint8Array(readFileSync(file))
    return { images: () => images, bytesOf: (index) => [images, index * size] }
  }
  const descriptor = openSync(file, 'r')
  const read = (bytes: Uint8Array, at: number): Uint8Array => {
    if (readInto(descriptor, bytes, at) === bytes.length) return bytes
    throw new StageError({ message: `${file}: was cut short` })
  }
  const one = new Uint8Array(size)
  return {
    images: () => read(new Uint8Array(fstatSync(descriptor).size), 0),
    bytesOf: (index) => [read(one, index * size), 0],
  }
}

const openSplit = (
  files: InputArtifact['files'],
  name: SplitName,
  { imageSize, channels, mean, std, pictures: rules }: DatasetInfo,
  decoding: PictureDecoding,
): Split => {
  const path = files[`${name}.safetensors`]
  const { tensors } = readSafetensors(path)
  const [held, labels, lengths] = ['images', 'labels', 'lengths'].map((tensor) => tensors.get(tensor)?.data)
  const size = imageSize * imageSize * channels
  if (!(labels instanceof Int32Array)) throw new StageError({ message: `${path}: holds no labels [n] of a data set` })
  const count = labels.length
  const [cropsFile, picturesFile] = [files[`${name}.crops`], files[`${name}.pictures`]]
  const whole = cropsFile === undefined ? undefined : statSync(cropsFile).size
  if (held instanceof Uint8Array ? held.length !== count * size : whole !== undefined && whole !== count * size) {
    throw new StageError({ message: `${cropsFile ?? path}: does not hold images [n, h, w, c] of as many labels` })
  }
  const normalised = Array.from({ length: channels }, (_, channel) => normalisedBytes(mean[channel], std[channel]))
  const pictures =
    picturesFile !== undefined && lengths instanceof Int32Array && rules !== undefined
      ? new PackedPictures({ file: picturesFile, lengths }, { imageSize, ...rules }, decoding)
      : undefined
  const kept =
    held instanceof Uint8Array
      ? { images: () => held, bytesOf: (index: number) => [held, index * size] as const }
      : cropsFile === undefined
        ? undefined
        : cropsIn(cropsFile, size)
  if (kept === undefined && pictures === undefined) throw new StageError({ message: `${path}: holds no images` })

  const put = (bytes: Uint8Array, from: number, pixels: Float32Array, to: number): void => {
    for (let channel = 0; channel < channels; channel++) {
      const table = normalised[channel]
      for (let pixel = channel; pixel < size; pixel += channels) pixels[to + pixel] = table[bytes[from + pixel]]
    }
  }
  const gather = (indices: ArrayLike<number>, pixels: Float32Array, target: Int32Array): void | Promise<void> => {
    if (pixels.length < indices.length * size || target.length < indices.length) {
      throw new RangeError(`${indices.length} images do not fit ${pixels.length} pixels and ${target.length} labels`)
    }
    for (let row = 0; row < indices.length; row++) {
      const index = indices[row]
      if (!(index >= 0 && index < count)) throw new RangeError(`no image ${index} among ${count}`)
      target[row] = labels[index]
      if (kept !== undefined) put(...kept.bytesOf(index), pixels, row * size)
    }
    if (kept === undefined) return pictures?.crops(indices, (row, crop) => put(crop, 0, pixels, row * size))
  }
  return {
    count,
    get images() {
      if (kept !== undefined) return kept.images()
      throw new StageError({
        message: 'the artifact holds the training pictures, but not their crops',
        hint: 'raise cropCache of the data',
      })
    },
    ...(pictures && { pictures }),
    labels,
    mean,
    std,
    normalised,
    gather,
  }
}

/**
 * Opens the artifact of a data stage, whose pixels are normalised by its own mean and std, or by those of the models
 * that read them. Throws a StageError when it is none.
 */
export const openDataset = (
  input: InputArtifact,
  normalisation?: Pick<DatasetInfo, 'mean' | 'std'>,
  decoding: PictureDecoding = {},
): Dataset => {
  const infoPath = input.files['dataset.json']
  if (infoPath === undefined) throw new StageError({ message: 'the input is not a data set: it has no dataset.json' })
  const info = { ...decodeInfo(readFileSync(infoPath, 'utf8')), ...normalisation }
  const opened = new Map<SplitName, Split>()

  const split = (name: SplitName): Split => {
    const known = opened.get(name)
    if (known !== undefined) return known
    if (input.files[`${name}.safetensors`] === undefined) {
      throw new StageError({
        message: `the data has no ${name} split`,
        ...(name === 'validation' && { hint: 'hold some training images out: mnist({ validation: 0.1 })' }),
      })
    }
    const fresh = openSplit(input.files, name, info, decoding)
    opened.set(name, fresh)
    return fresh
  }
  const { counts: _, ...shape } = info
  const has = (name: SplitName): boolean => input.files[`${name}.safetensors`] !== undefined
  return { ...shape, has, split }
}

/** Which batch of a training it is: the epoch, and the batch's number in it, both from 0. */
export interface BatchPlace {
  readonly epoch: number
  readonly step: number
}

/**
 * A batch through the training augmentation (docs/method.md, section 2): `gather` fills it as a split's does, with
 * every image augmented; `mix` then mixes images and labels `[B, classes]` in pairs. Every draw is a function of the
 * seed, the batch's place and, except in mixing, the image's row; of pictures, of the seed, the epoch, the picture and
 * its repetition, however batches are cut. So a resumed training sees the same images, and no image's result depends on
 * another's.
 */
const batchAugmentation = (split: Split, shape: ImageShape, augment: AugmentParams, seed: number) => {
  const { height, width } = shape
  const size = height * width * shape.channels
  const generator = ({ epoch, step }: BatchPlace, ...row: string[]) =>
    Generator.from(seed, 'augment', String(epoch), String(step), ...row)
  const fillFromImages = () => {
    const augmentImage = imageAugmentation(augment, shape, split)
    const { images: pixels } = split
    return (indices: Int32Array, place: BatchPlace, into: Float32Array): void => {
      indices.forEach((index, row) => {
        const image = { pixels, offset: index * size, height, width }
        augmentImage(image, into, row * size, generator(place, String(row)))
      })
    }
  }
  const fillFromPictures = (pictures: PackedPictures) => {
    const make = pictures.augmented({ augment, mean: split.mean, std: split.std })
    return (indices: Int32Array, { epoch, step }: BatchPlace, into: Float32Array): Promise<void> =>
      make(
        indices,
        (row) => {
          const repetition = (step * indices.length + row) % augment.repeats
          return { seed, labels: ['augment', String(epoch), 'picture', String(indices[row]), String(repetition)] }
        },
        (row, pixels) => into.set(pixels, row * size),
      )
  }
  const fill = split.pictures === undefined ? fillFromImages() : fillFromPictures(split.pictures)
  return {
    gather: (
      indices: Int32Array,
      place: BatchPlace,
      pixels: Float32Array,
      labels: Int32Array,
    ): void | Promise<void> => {
      indices.forEach((index, row) => (labels[row] = split.labels[index]))
      return fill(indices, place, pixels)
    },
    mix: (place: BatchPlace, pixels: Float32Array, labels: Float32Array): void => {
      const mix = drawMix(generator(place), shape, augment)
      const batch = pixels.length / size
      if (mix !== null) mixBatch(mix, pixels, shape, labels, labels.length / batch)
    },
  }
}

/** Normalised pixels `[batch, h, w, c]`. */
export const pixelSpec = ({ imageSize, channels }: VitConfig, batch: number): TensorSpec => ({
  shape: [batch, imageSize, imageSize, channels],
  dtype: 'float32',
})

/** `pixels` and `labels`: a batch with its labels as probabilities `[batch, classes]`. */
export const labelledSpecs = (config: VitConfig, batch: number): TensorSpecs => ({
  pixels: pixelSpec(config, batch),
  labels: { shape: [batch, config.numClasses], dtype: 'float32' },
})

/** What makes a training batch more than images and their labels; everything off is the default. */
export interface BatchOptions {
  /** Share ε of a label's probability that is spread over all classes: 1 − ε + ε/C for its own, ε/C for each other. */
  readonly labelSmoothing?: number
  /** What is done to the images; null leaves them as they are. */
  readonly augment?: AugmentParams | null
  /** Every draw of the augmentation is a function of it and the batch's place; default 0. */
  readonly seed?: number
}

/** The inputs that `labelledSpecs` describes. The arrays are filled anew by the call after the next one. */
interface LabelledBatch {
  readonly pixels: Float32Array
  readonly labels: Float32Array
  readonly [input: string]: Float32Array
}

/** The batch of the images at these indices; what is random in it is a function of its place. */
type LabelledBatches = (indices: Int32Array, place: BatchPlace) => Promise<LabelledBatch>

/**
 * Fills the inputs of `labelledSpecs` for `batch` images at a time. Two sets of arrays take turns, so that the next
 * batch can be prepared while this one is computed. A stage whose teacher answers for the batch hands its pixels on:
 *
 *     batch: async (indices, place) => {
 *       const labelled = await batches(indices, place)
 *       return { ...labelled, ...(await taught(indices, labelled.pixels)) }
 *     }
 */
export const labelledBatches = (
  split: Split,
  config: VitConfig,
  batch: number,
  { labelSmoothing = 0, augment = null, seed = 0 }: BatchOptions = {},
): LabelledBatches => {
  const { imageSize, channels, numClasses } = config
  const arrays = () => ({
    pixels: new Float32Array(batch * imageSize ** 2 * channels),
    labels: new Float32Array(batch * numClasses),
  })
  const sets = [arrays(), arrays()] as const
  const shape = { height: imageSize, width: imageSize, channels }
  const augmentation = augment === null ? null : batchAugmentation(split, shape, augment, seed)
  const smoothed = labelSmoothing / numClasses
  const classes = new Int32Array(batch)
  let calls = 0
  return async (indices, place) => {
    const { pixels, labels } = sets[calls++ % 2]
    const filling =
      augmentation === null
        ? split.gather(indices, pixels, classes)
        : augmentation.gather(indices, place, pixels, classes)
    labels.fill(smoothed)
    classes.forEach((label, row) => {
      labels[row * numClasses + label] = 1 - labelSmoothing + smoothed
    })
    if (filling !== undefined) await filling
    augmentation?.mix(place, pixels, labels)
    return { pixels, labels }
  }
}

/**
 * One stretch of a split; past the split's end the last image is repeated, so that every stretch has the same shape.
 */
interface Stretch {
  readonly indices: Int32Array
  /** How many of them count. */
  readonly rows: number
}

/** A split in its own order, `batch` images at a time. */
export const stretches = (count: number, batch: number): readonly Stretch[] =>
  Array.from({ length: Math.ceil(count / batch) }, (_, index) => ({
    indices: Int32Array.from({ length: batch }, (_, row) => Math.min(index * batch + row, count - 1)),
    rows: Math.min(batch, count - index * batch),
  }))

/** Throws a StageError where the images are not of the size that the model reads. */
export const checkImages = (config: VitConfig, dataset: Dataset): void => {
  for (const key of ['imageSize', 'channels', 'numClasses'] as const) {
    if (config[key] !== dataset[key]) {
      throw new StageError({ message: `the model has ${key} ${config[key]}, but the data have ${dataset[key]}` })
    }
  }
}
