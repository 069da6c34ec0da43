/**
 * Validation while training: after every epoch, what the training would leave is scored on images that it does not
 * learn from and that are not the test's. Which epoch is the best and when training ends are functions of these scores,
 * which the history keeps, so that a resumed or extended training decides as one that was never cut.
 */
import type * as Effect from 'effect/Effect'
import { needsValidation } from '../../dsl/train-options.js'
import type { TrainParams } from '../../dsl/nodes.js'
import type { StageError } from '../../runtime/errors.js'
import type { Progress, StageSummary } from '../../runtime/stage-contract.js'
import type { Dataset, Split } from '../data/dataset.js'
import type { Scores } from '../model/measure.js'
import type { HistoryLine } from './checkpoint.js'

/** Scores of what the training would leave if it ended now. */
export type Validate = (
  progress: (progress: Progress) => void,
) => Effect.Effect<Pick<Scores, 'top1' | 'loss'>, StageError>

/**
 * The images by which a training is scored; undefined where it is not. Throws a StageError where it has to be and the
 * data have none.
 */
export const validationSplit = (dataset: Dataset, train: TrainParams): Split | undefined => {
  if (!train.validate || train.epochs === 0) return undefined
  return needsValidation(train) !== undefined || dataset.has('validation') ? dataset.split('validation') : undefined
}

/** What a line of the history has of an epoch's scores. */
export const validationFigures = ({ top1, loss }: Pick<Scores, 'top1' | 'loss'>): HistoryLine => ({
  validationTop1: top1,
  validationLoss: loss,
})

const isBetter = (a: HistoryLine, b: HistoryLine): boolean =>
  a['validationTop1'] > b['validationTop1'] ||
  (a['validationTop1'] === b['validationTop1'] && a['validationLoss'] < b['validationLoss'])

/** The epoch of the highest top-1; of equal ones that of the lowest loss, then the earliest. */
export const bestEpoch = (history: readonly HistoryLine[]): HistoryLine | undefined =>
  history.reduce<HistoryLine | undefined>(
    (best, line) => (best === undefined || isBetter(line, best) ? line : best),
    undefined,
  )

/** Whether the last `patience` epochs in a row have not raised top-1 by more than `minDelta`. */
export const hasStopped = (
  history: readonly HistoryLine[],
  { patience, minDelta }: Pick<TrainParams, 'patience' | 'minDelta'>,
): boolean => {
  if (patience === null) return false
  let highest = -Infinity
  let since = 0
  for (const { validationTop1: top1 } of history) {
    since = top1 > highest + minDelta ? 0 : since + 1
    if (since === 0) highest = top1
  }
  return since >= patience
}

/** What a stage's summary says of it: the scores of the epoch that is kept, and where it chose for itself, which. */
export const validationSummary = (
  history: readonly HistoryLine[],
  { keep, patience }: Pick<TrainParams, 'keep' | 'patience'>,
): StageSummary => {
  const kept = keep === 'best' ? bestEpoch(history) : history.at(-1)
  if (kept?.['validationTop1'] === undefined) return {}
  const { epoch, validationTop1, validationLoss } = kept
  return {
    validationTop1,
    validationLoss,
    ...(keep === 'best' && { keptEpoch: epoch }),
    ...(patience !== null && { epochs: history.length }),
  }
}
