/** How many steps and updates a training makes. */
import type { TrainParams } from '../../dsl/nodes.js'
import { StageError } from '../../runtime/errors.js'

/**
 * Whole batches in an epoch; the images that are left over differ from epoch to epoch. A StageError where there is no
 * batch.
 */
export const stepsPerEpoch = (images: number, batchSize: number): number => {
  if (images >= batchSize) return Math.floor(images / batchSize)
  throw new StageError({
    message: `a batch of ${batchSize} images cannot be drawn from ${images} training images`,
    hint: `set batchSize to ${images} or less, or take more images`,
  })
}

/** Updates of a whole training; the batches that are left at an epoch's end make one. */
export const updatesOf = (
  { epochs, batchSize, accumulate }: Pick<TrainParams, 'epochs' | 'batchSize' | 'accumulate'>,
  images: number,
): number => epochs * Math.ceil(stepsPerEpoch(images, batchSize) / accumulate)
