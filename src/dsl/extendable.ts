/**
 * Which trainings can go on: those of which a shorter one is the beginning. Everything else in a training (the order of
 * the images, draws, augmentation, dropped paths, running means, accumulation) is a function of seed, epoch and step
 * alone, so the learning rate decides: it must not depend on `epochs` at any step. The default cosine does at every
 * one.
 */
import type { TrainParams } from './nodes.js'

type Schedule = Pick<TrainParams, 'schedule' | 'scheduleEpochs'>

/** Why a training that ends earlier or later is another one from its first step on; undefined where it is the same. */
export const whyNotExtendable = ({ schedule, scheduleEpochs }: Schedule): string | undefined =>
  schedule === 'constant' || scheduleEpochs !== null
    ? undefined
    : "the cosine's rate depends on the number of epochs (scheduleEpochs or schedule: 'constant' lets it go on)"

/**
 * Whether a longer training may begin where this one ends, so that its state is kept with its result. Not where a
 * cosine has come to its end: what such a training leaves is what one without `scheduleEpochs` leaves, to the byte.
 */
export const canGoOn = (train: Schedule & Pick<TrainParams, 'epochs'>): boolean =>
  whyNotExtendable(train) === undefined &&
  train.epochs > 0 &&
  (train.scheduleEpochs === null || train.epochs < train.scheduleEpochs)
