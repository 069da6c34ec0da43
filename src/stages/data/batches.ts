/** Images of a data set as the inputs of a compiled function. */
import type { AugmentParams } from '../../dsl/nodes.js'
import type { VitConfig } from '../../dsl/vit-config.js'
import type { TensorSpec } from '../../engine/engine.js'
import { StageError } from '../../runtime/errors.js'
import { batchAugmentation } from './augment/augment-batch.js'
import type { Dataset, Split } from './dataset.js'
import type { Specs } from '../training/step-definition.js'
import type { BatchPlace } from '../training/training.js'

/** Normalised pixels `[batch, h, w, c]`. */
export const pixelSpec = ({ imageSize, channels }: VitConfig, batch: number): TensorSpec => ({
  shape: [batch, imageSize, imageSize, channels],
  dtype: 'float32',
})

/** `pixels` and `labels`: a batch with its labels as probabilities `[batch, classes]`. */
export const labelledSpecs = (config: VitConfig, batch: number): Specs => ({
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

/** As `labelledSpecs` says. The arrays are filled anew by the call after the next one. */
export interface LabelledBatch {
  readonly pixels: Float32Array
  readonly labels: Float32Array
  readonly [input: string]: Float32Array
}

/** The batch of the images at these indices; what is random in it is a function of its place. */
export type LabelledBatches = (indices: Int32Array, place: BatchPlace) => LabelledBatch

/**
 * Fills the inputs of `labelledSpecs` for `batch` images at a time. Two sets of arrays take turns, so that the next batch
 * can be prepared while this one is computed. A stage whose teacher answers for the batch hands its pixels on:
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
    const { pixels, labels } = sets[calls++ % 2]!
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

/** One stretch of a split; past its end the last image is repeated, so that every stretch has the same shape. */
export interface Stretch {
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
