/** The data stage's artifact as the other stages read it. */
import { readFileSync } from 'node:fs'
import * as Schema from 'effect/Schema'
import { StageError } from '../../runtime/errors.js'
import type { InputArtifact } from '../../runtime/stage-contract.js'
import { readSafetensors } from '../model/safetensors.js'

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

export interface Split {
  readonly count: number
  /** Raw pixels `[count, imageSize, imageSize, channels]`. */
  readonly images: Uint8Array
  /** Class of every image, `[count]`. */
  readonly labels: Int32Array
  /** The data set's. */
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

/** Opens the artifact of a data stage. Throws a StageError when it is none. */
export const openDataset = (input: InputArtifact): Dataset => {
  const infoPath = input.files['dataset.json']
  if (infoPath === undefined) throw new StageError({ message: 'the input is not a data set: it has no dataset.json' })
  const info = decodeInfo(readFileSync(infoPath, 'utf8'))
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
