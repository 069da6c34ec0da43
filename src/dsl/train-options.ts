/** How a stage trains. */
import { whyNotExtendable } from './extendable.js'
import { mayValidate } from './data.js'
import type { DataParams, TrainParams } from './nodes.js'
import { shown, type OptionReader } from './option-reader.js'
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

/** The option by which a training cannot do without validation images; undefined where it can. */
export const needsValidation = ({ keep, patience }: TrainParams): 'keep' | 'patience' | undefined =>
  keep === 'best' ? 'keep' : patience !== null ? 'patience' : undefined

/** What must hold for a training that decides by its validation images. */
const checkValidation = (options: OptionReader, train: TrainParams, data: DataParams): void => {
  if (train.patience === null && options.has('minDelta')) {
    options.fail('mismatch', 'minDelta', 'goes with patience alone: leave it out, or write that too')
  }
  const needs = needsValidation(train)
  if (needs === undefined) return
  const decides = `is ${shown(train[needs])}, which the validation images decide,`
  if (!train.validate) options.fail('mismatch', needs, `${decides} but validate is false: leave one of the two out`)
  if (mayValidate(data)) return
  options.fail('mismatch', needs, `${decides} but the data hold none out: write mnist({ validation: 0.1 })`)
}

/** Complete parameters of a training on these data; of a stitch, or from weights, it may have no epochs. */
export const readTrainParams = (
  options: OptionReader,
  data: DataParams,
  stage: { readonly stitching?: boolean; readonly pretrained?: boolean } = {},
): TrainParams => {
  const train = readOptions(TRAIN_OPTIONS, options, { stitching: false, pretrained: false, ...stage })
  checkSchedule(options, train)
  checkValidation(options, train, data)
  return train
}
