import { whyNotExtendable } from './extendable.js'
import type { AugmentParams, DecayGroup, TrainParams } from './nodes.js'
import {
  BELOW_ONE,
  COUNT,
  COUNT_OR_ZERO,
  FRACTION,
  NOT_NEGATIVE,
  type NumberRule,
  OptionReader,
  POSITIVE,
} from './option-reader.js'

/**
 * What is done to the training images, as DeiT and timm do it. Defaults (docs/method.md, section 2): `cropScale` 0.08, `flip`
 * 0.5, `randAugment` two operations of magnitude 9 ± 0.5 (timm's `rand-m9-mstd0.5-inc1`), `colorJitter` 0.4 (done only where
 * `randAugment` is null), `erasing` 0.25, `mixup` 0.8, `cutmix` 1, `switchProbability` 0.5. Colours change only where there are
 * three channels, brightness and contrast always.
 */
export type AugmentOptions = Partial<Omit<AugmentParams, 'randAugment'>> & {
  readonly randAugment?: Partial<NonNullable<AugmentParams['randAugment']>> | null
}

const AUGMENT_OPTIONS = [
  'cropScale',
  'flip',
  'randAugment',
  'colorJitter',
  'erasing',
  'mixup',
  'cutmix',
  'switchProbability',
] as const satisfies readonly (keyof AugmentParams)[]

const SHARE: NumberRule = { test: (value) => value > 0 && value <= 1, words: 'a number above 0, 1 at most' }

const MAGNITUDE: NumberRule = { test: (value) => value >= 0 && value <= 10, words: 'a number from 0 to 10' }

const readRandAugment = (options: OptionReader): AugmentParams['randAugment'] => {
  if (options.value('randAugment') === null) return null
  const path = options.path('randAugment')
  const known = ['operations', 'magnitude', 'std']
  const reader = new OptionReader([{ path, options: options.value('randAugment'), known }], options.place)
  return {
    operations: reader.number('operations', COUNT, 2),
    magnitude: reader.number('magnitude', MAGNITUDE, 9),
    std: reader.number('std', NOT_NEGATIVE, 0.5),
  }
}

/** Complete augmentation parameters; null, the default, where images stay as they are. */
export const readAugment = (options: OptionReader): AugmentParams | null => {
  const value = options.value('augment')
  if (value === undefined || value === null || value === false) return null
  const given = value === true ? {} : value
  const augment = new OptionReader(
    [{ path: options.path('augment'), options: given, known: AUGMENT_OPTIONS }],
    options.place,
  )
  return {
    cropScale: augment.number('cropScale', SHARE, 0.08),
    flip: augment.number('flip', FRACTION, 0.5),
    randAugment: readRandAugment(augment),
    colorJitter: augment.number('colorJitter', BELOW_ONE, 0.4),
    erasing: augment.number('erasing', FRACTION, 0.25),
    mixup: augment.number('mixup', NOT_NEGATIVE, 0.8),
    cutmix: augment.number('cutmix', NOT_NEGATIVE, 1),
    switchProbability: augment.number('switchProbability', FRACTION, 0.5),
  }
}

/**
 * How a stage trains. Only `epochs` is required. Defaults: `batchSize` 64 (128 when stitching), `lr` 5e-4, `minLr` 1e-5
 * (`lr / 50` where `lr` is below that), `warmupLr` 1e-6 (`lr / 500` where `lr` is below that), `schedule` `'cosine'` over
 * `scheduleEpochs`, by default `epochs`, `warmupEpochs` a twentieth of these (whole epochs with `scheduleBy: 'epoch'`; none with
 * `schedule: 'constant'`), `scheduleBy` `'step'`, `milestones` 1, betas 0.9 and 0.999, `eps` 1e-8, `weightDecay` 0.05, `undecayed` biases, norms, positions and cls token, `accumulate` 1; off: `clipNorm`,
 * `emaDecay`, `dropPath`, `labelSmoothing`, `augment` (docs/method.md, section 2). Epochs and rates count batches, also where
 * `accumulate` of them make one update (when stitching, of one descendant; at an epoch's end, those that are left).
 */
export type TrainOptions = Partial<Omit<TrainParams, 'augment'>> &
  Pick<TrainParams, 'epochs'> & {
    /** `true` is the published recipe; an object changes parts of it. */
    readonly augment?: AugmentOptions | boolean | null
  }

const DECAY_GROUPS = [
  'biases',
  'norms',
  'positions',
  'clsToken',
  'stitches',
  'transforms',
] as const satisfies readonly DecayGroup[]

/** The published recipe's. */
export const UNDECAYED: readonly DecayGroup[] = ['biases', 'norms', 'positions', 'clsToken']

export const TRAIN_OPTIONS = [
  'epochs',
  'batchSize',
  'lr',
  'minLr',
  'warmupLr',
  'warmupEpochs',
  'scheduleBy',
  'schedule',
  'scheduleEpochs',
  'milestones',
  'beta1',
  'beta2',
  'eps',
  'weightDecay',
  'undecayed',
  'accumulate',
  'clipNorm',
  'emaDecay',
  'dropPath',
  'labelSmoothing',
  'augment',
] as const satisfies readonly (keyof TrainParams)[]

const WHOLE_EPOCHS: NumberRule = {
  test: COUNT_OR_ZERO.test,
  words: "a whole number of epochs, or scheduleBy: 'step'",
}

type Schedule = Pick<TrainParams, 'schedule' | 'scheduleEpochs' | 'milestones'>

/** How the rate goes on after the warm-up, and what is kept on the way where training can go on too. */
const readSchedule = (options: OptionReader, epochs: number): Schedule => {
  const schedule = options.choice('schedule', ['cosine', 'constant'], 'cosine')
  const scheduleEpochs = options.numberOrNull('scheduleEpochs', COUNT)
  if (schedule === 'constant' && scheduleEpochs !== null) {
    options.fail('mismatch', 'scheduleEpochs', "goes with schedule: 'cosine' alone: leave it out, or write that")
  }
  if (scheduleEpochs !== null && epochs > scheduleEpochs) {
    const limit = scheduleEpochs
    options.fail('mismatch', 'epochs', `is ${epochs}, above scheduleEpochs ${limit}: write ${limit} or less`)
  }
  const read = { schedule, scheduleEpochs }
  if (whyNotExtendable(read) !== undefined && options.has('milestones')) {
    const advice = "leave it out, or write scheduleEpochs or schedule: 'constant' too"
    options.fail('mismatch', 'milestones', `is for trainings that can go on: ${advice}`)
  }
  return { ...read, milestones: options.number('milestones', COUNT_OR_ZERO, 1) }
}

/** Fills in the defaults. `mayBeZero` lets a stage train for 0 epochs: every weight stays as it starts. */
export const readTrainParams = (
  options: OptionReader,
  defaults: { readonly batchSize: number; readonly mayBeZero: boolean },
): TrainParams => {
  const epochs = options.number('epochs', defaults.mayBeZero ? COUNT_OR_ZERO : COUNT)
  const scheduleBy = options.choice('scheduleBy', ['epoch', 'step'], 'step')
  const lr = options.number('lr', POSITIVE, 5e-4)
  const minLr = options.number('minLr', NOT_NEGATIVE, lr < 1e-5 ? lr / 50 : 1e-5)
  const warmupLr = options.number('warmupLr', NOT_NEGATIVE, lr < 1e-6 ? lr / 500 : 1e-6)
  if (minLr > lr) options.fail('mismatch', 'minLr', `is ${minLr}, above lr ${lr}: write ${lr} or less`)
  if (warmupLr > lr) options.fail('mismatch', 'warmupLr', `is ${warmupLr}, above lr ${lr}: write ${lr} or less`)
  const schedule = readSchedule(options, epochs)
  const horizon = schedule.scheduleEpochs ?? epochs
  const twentieth = scheduleBy === 'epoch' ? Math.round(horizon / 20) : horizon / 20
  const warmupRule = scheduleBy === 'epoch' ? WHOLE_EPOCHS : NOT_NEGATIVE
  // Never of `epochs` where training can go on: its beginning must not depend on its end.
  const warmupEpochs = options.number('warmupEpochs', warmupRule, schedule.schedule === 'constant' ? 0 : twentieth)
  if (warmupEpochs > horizon) {
    const limit = schedule.scheduleEpochs === null ? `epochs ${horizon}` : `scheduleEpochs ${horizon}`
    options.fail('mismatch', 'warmupEpochs', `is ${warmupEpochs}, above ${limit}: write ${horizon} or less`)
  }
  return {
    epochs,
    batchSize: options.number('batchSize', COUNT, defaults.batchSize),
    lr,
    minLr,
    warmupLr,
    warmupEpochs,
    scheduleBy,
    ...schedule,
    beta1: options.number('beta1', BELOW_ONE, 0.9),
    beta2: options.number('beta2', BELOW_ONE, 0.999),
    eps: options.number('eps', POSITIVE, 1e-8),
    weightDecay: options.number('weightDecay', NOT_NEGATIVE, 0.05),
    undecayed: options.choices('undecayed', DECAY_GROUPS, UNDECAYED),
    accumulate: options.number('accumulate', COUNT, 1),
    clipNorm: options.numberOrNull('clipNorm', POSITIVE),
    emaDecay: options.numberOrNull('emaDecay', BELOW_ONE),
    dropPath: options.number('dropPath', BELOW_ONE, 0),
    labelSmoothing: options.number('labelSmoothing', FRACTION, 0),
    augment: readAugment(options),
  }
}
