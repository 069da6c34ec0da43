/** A data set as the stages read it: its splits, and batches of their images as the inputs of a compiled function. */
import { readFileSync } from 'node:fs'
import * as Schema from 'effect/Schema'
import type { AugmentParams } from '../../dsl/nodes.js'
import type { VitConfig } from '../../dsl/vit-config.js'
import type { TensorSpec, TensorSpecs } from '../../engine/engine.js'
import { StageError } from '../../runtime/errors.js'
import type { InputArtifact } from '../../runtime/stage-contract.js'
import { readSafetensors } from '../tensors/safetensors.js'
import { imageAugmentation } from './augment.js'
import type { ImageShape } from './canvas.js'
import { drawMix, mixBatch } from './mixing.js'
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
})

export type DatasetInfo = typeof DatasetInfo.Type

const decodeInfo = Schema.decodeUnknownSync(Schema.fromJsonString(DatasetInfo))

/** The images of one split. */
export interface Split {
  readonly count: number
  /** Raw pixels `[count, imageSize, imageSize, channels]`. */
  readonly images: Uint8Array
  /** Class of every image, `[count]`. */
  readonly labels: Int32Array
  /** The data set's, by channel. */
  readonly mean: readonly number[]
  /** `(x / 255 − mean) / std` of all 256 values x, by channel. */
  readonly normalised: readonly Float32Array[]
  /**
   * Fills `pixels` `[b, imageSize, imageSize, channels]` with the images at `indices`, normalised to
   * `(x / 255 − mean) / std`, and `labels` `[b]` with their classes; b = `indices.length`. The arrays may be longer.
   */
  gather(indices: ArrayLike<number>, pixels: Float32Array, labels: Int32Array): void
}

export interface Dataset extends Omit<DatasetInfo, 'counts'> {
  /** Read when first asked for, then kept. Throws a StageError for a validation split that the data does not have. */
  split(name: SplitName): Split
}

/** All 256 normalised values of one channel: one look-up a pixel instead of three operations. */
const normalisedBytes = (mean: number, std: number): Float32Array =>
  Float32Array.from({ length: 256 }, (_, value) => (value / 255 - mean) / std)

const openSplit = (path: string, { imageSize, channels, mean, std }: DatasetInfo): Split => {
  const { tensors } = readSafetensors(path)
  const images = tensors.get('images')?.data
  const labels = tensors.get('labels')?.data
  const size = imageSize * imageSize * channels
  if (!(images instanceof Uint8Array) || !(labels instanceof Int32Array) || images.length !== labels.length * size) {
    throw new StageError({ message: `${path}: does not hold images [n, h, w, c] and labels [n] of a data set` })
  }
  const count = labels.length
  const normalised = Array.from({ length: channels }, (_, channel) => normalisedBytes(mean[channel], std[channel]))

  const gather = (indices: ArrayLike<number>, pixels: Float32Array, target: Int32Array): void => {
    if (pixels.length < indices.length * size || target.length < indices.length) {
      throw new RangeError(`${indices.length} images do not fit ${pixels.length} pixels and ${target.length} labels`)
    }
    for (let row = 0; row < indices.length; row++) {
      const index = indices[row]
      if (!(index >= 0 && index < count)) throw new RangeError(`no image ${index} among ${count}`)
      target[row] = labels[index]
      for (let channel = 0; channel < channels; channel++) {
        const table = normalised[channel]
        const to = row * size
        const from = index * size
        for (let pixel = channel; pixel < size; pixel += channels) pixels[to + pixel] = table[images[from + pixel]]
      }
    }
  }
  return { count, images, labels, mean, normalised, gather }
}

/**
 * Opens the artifact of a data stage, whose pixels are normalised by its own mean and std, or by those of the models
 * that read them. Throws a StageError when it is none.
 */
export const openDataset = (input: InputArtifact, normalisation?: Pick<DatasetInfo, 'mean' | 'std'>): Dataset => {
  const infoPath = input.files['dataset.json']
  if (infoPath === undefined) throw new StageError({ message: 'the input is not a data set: it has no dataset.json' })
  const info = { ...decodeInfo(readFileSync(infoPath, 'utf8')), ...normalisation }
  const opened = new Map<SplitName, Split>()

  const split = (name: SplitName): Split => {
    const known = opened.get(name)
    if (known !== undefined) return known
    const path = input.files[`${name}.safetensors`]
    if (path === undefined) {
      throw new StageError({
        message: `the data has no ${name} split`,
        ...(name === 'validation' && { hint: 'hold some training images out: mnist({ validation: 0.1 })' }),
      })
    }
    const fresh = openSplit(path, info)
    opened.set(name, fresh)
    return fresh
  }
  const { counts: _, ...shape } = info
  return { ...shape, split }
}

/** Which batch of a training it is: the epoch, and the batch's number in it, both from 0. */
export interface BatchPlace {
  readonly epoch: number
  readonly step: number
}

/**
 * A batch through the training augmentation (docs/method.md, section 2): `gather` fills it as a split's does, with
 * every image augmented; `mix` then mixes images and labels `[B, classes]` in pairs. Every draw is a function of the
 * seed, the batch's place and, except in mixing, the image's row: a resumed training sees the same images, and no
 * image's result depends on another's.
 */
const batchAugmentation = (split: Split, shape: ImageShape, augment: AugmentParams, seed: number) => {
  const size = shape.height * shape.width * shape.channels
  const augmentImage = imageAugmentation(augment, shape, split)
  const generator = ({ epoch, step }: BatchPlace, ...row: string[]) =>
    Generator.from(seed, 'augment', String(epoch), String(step), ...row)
  return {
    gather: (indices: Int32Array, place: BatchPlace, pixels: Float32Array, labels: Int32Array): void => {
      indices.forEach((index, row) => {
        labels[row] = split.labels[index]
        augmentImage(split.images, index * size, pixels, row * size, generator(place, String(row)))
      })
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
type LabelledBatches = (indices: Int32Array, place: BatchPlace) => LabelledBatch

/**
 * Fills the inputs of `labelledSpecs` for `batch` images at a time. Two sets of arrays take turns, so that the next
 * batch can be prepared while this one is computed. A stage whose teacher answers for the batch hands its pixels on:
 *
 *     batch: async (indices, place) => {
 *       const labelled = batches(indices, place)
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
  return (indices, place) => {
    const { pixels, labels } = sets[calls++ % 2]
    if (augmentation === null) split.gather(indices, pixels, classes)
    else augmentation.gather(indices, place, pixels, classes)
    labels.fill(smoothed)
    classes.forEach((label, row) => {
      labels[row * numClasses + label] = 1 - labelSmoothing + smoothed
    })
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
