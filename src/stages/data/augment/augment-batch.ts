/** A batch through the training augmentation (docs/method.md, section 2): its images one by one, then mixed in pairs. */
import type { AugmentParams } from '../../../dsl/nodes.js'
import type { BatchPlace } from '../../training/training.js'
import type { Split } from '../dataset.js'
import { Generator } from '../random.js'
import { imageAugmentation } from './augment-image.js'
import type { ImageShape } from './canvas.js'
import { drawMix, mixBatch } from './mixing.js'

export interface BatchAugmentation {
  /** As a split's `gather`, with the images augmented. */
  readonly gather: (indices: Int32Array, place: BatchPlace, pixels: Float32Array, labels: Int32Array) => void
  /** Mixes the batch, its labels `[B, classes]` with it. */
  readonly mix: (place: BatchPlace, pixels: Float32Array, labels: Float32Array) => void
}

/**
 * Every draw is a function of seed, place and, but for the mixing, the image's row: a resumed training sees the same images,
 * and no image's result depends on another's.
 */
export const batchAugmentation = (
  split: Split,
  shape: ImageShape,
  augment: AugmentParams,
  seed: number,
): BatchAugmentation => {
  const size = shape.height * shape.width * shape.channels
  const augmentImage = imageAugmentation(augment, shape, split)
  const generator = ({ epoch, step }: BatchPlace, ...row: string[]) =>
    Generator.from(seed, 'augment', String(epoch), String(step), ...row)
  return {
    gather: (indices, place, pixels, labels) => {
      indices.forEach((index, row) => {
        labels[row] = split.labels[index]
        augmentImage(split.images, index * size, pixels, row * size, generator(place, String(row)))
      })
    },
    mix: (place, pixels, labels) => {
      const mix = drawMix(generator(place), shape, augment)
      const batch = pixels.length / size
      if (mix !== null) mixBatch(mix, pixels, shape, labels, labels.length / batch)
    },
  }
}
