/** How a stage trains. */
import { whyNotExtendable } from './extendable.js'
import type { TrainParams } from './nodes.js'
import type { OptionReader } from './option-reader.js'
import { TRAIN_OPTIONS, type AUGMENT_OPTIONS } from './option-tables.js'
import { readOptions, type Options } from './options.js'

/** What is done to the training images, as DeiT and timm do it (docs/method.md, section 2). */
export interface AugmentOptions extends Options<typeof AUGMENT_OPTIONS> {}

/** How a stage trains (docs/method.md, section 2). */
export interface TrainOptions extends Options<typeof TRAIN_OPTIONS> {}

/** What must hold among the options of a schedule. */
const checkSchedule = (options: OptionReader, train: TrainParams): void => {
  const { epochs, lr, minLr, warmupLr, warmupEpochs, schedule, scheduleEpochs } = train
  if (minLr > lr) options.fail('mismatch', 'minLr', `is ${minLr}, above lr ${lr}: write ${lr} or less`)
  if (warmupLr > lr) options.fail('mismatch', 'warmupLr', `is ${warmupLr}, above lr ${lr}: write ${lr} or less`)
  if (schedule === 'constant' && scheduleEpochs !== null) {
    options.fail('mismatch', 'scheduleEpochs', "goes with schedule: 'cosine' alone: leave it out, or write that")
  }
  if (scheduleEpochs !== null && epochs > scheduleEpochs) {
    const limit = scheduleEpochs
    options.fail('mismatch', 'epochs', `is ${epochs}, above scheduleEpochs ${limit}: write ${limit} or less`)
  }
  if (whyNotExtendable(train) !== undefined && options.has('milestones')) {
    const advice = "leave it out, or write scheduleEpochs or schedule: 'constant' too"
    options.fail('mismatch', 'milestones', `is for trainings that can go on: ${advice}`)
  }
  const horizon = scheduleEpochs ?? epochs
  if (warmupEpochs > horizon) {
    const limit = scheduleEpochs === null ? `epochs ${horizon}` : `scheduleEpochs ${horizon}`
    options.fail('mismatch', 'warmupEpochs', `is ${warmupEpochs}, above ${limit}: write ${horizon} or less`)
  }
}

/** Complete parameters of a training; of a stitch, or from weights, it may have no epochs. */
export const readTrainParams = (
  options: OptionReader,
  stage: { readonly stitching?: boolean; readonly pretrained?: boolean } = {},
): TrainParams => {
  const train = readOptions(TRAIN_OPTIONS, options, { stitching: false, pretrained: false, ...stage })
  checkSchedule(options, train)
  return train
}
