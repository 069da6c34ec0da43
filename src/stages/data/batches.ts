/** Images of a data set as the inputs of a compiled function. */
import type { VitConfig } from '../../dsl/vit-config.js'
import type { TensorSpec } from '../../engine/engine.js'
import { StageError } from '../../runtime/errors.js'
import type { Dataset, Split } from './dataset.js'
import type { Arrays, Specs } from '../training/step-definition.js'

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

/**
 * Fills the inputs of `labelledSpecs` for `batch` images at a time. Two sets of arrays take turns, so that the next batch
 * can be prepared while this one is computed.
 */
export const labelledBatches = (split: Split, config: VitConfig, batch: number) => {
  const arrays = () => ({
    pixels: new Float32Array(batch * config.imageSize ** 2 * config.channels),
    labels: new Float32Array(batch * config.numClasses),
  })
  const [classes, sets] = [new Int32Array(batch), [arrays(), arrays()] as const]
  let calls = 0
  return (indices: Int32Array): Arrays => {
    const { pixels, labels } = sets[calls++ % 2]!
    split.gather(indices, pixels, classes)
    labels.fill(0)
    classes.forEach((label, row) => {
      labels[row * config.numClasses + label] = 1
    })
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
