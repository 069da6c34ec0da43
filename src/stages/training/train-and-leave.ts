/** What training stages leave: their result, and the state from which a longer training goes on. */
import { join } from 'node:path'
import * as Effect from 'effect/Effect'
import { canGoOn } from '../../dsl/extendable.js'
import type { Engine } from '../../engine/engine.js'
import type { StageError } from '../../runtime/errors.js'
import type { StageContext, StageSummary } from '../../runtime/stage-contract.js'
import { attempt } from '../attempt.js'
import { writeLines } from '../model/model-files.js'
import { saveCheckpoint, type HistoryLine } from './checkpoint.js'
import { stateParts } from './train-state.js'
import { epochEnd, runTraining, type Training } from './training.js'

/** Writes the result as the components are now, and sums it up. */
export type Leave = (outDir: string, history: readonly HistoryLine[]) => Effect.Effect<StageSummary, StageError>

/**
 * Trains and leaves the result, with `history.jsonl`, one line an epoch, and, where training can go on, its state. On the way the same
 * is left of every shorter training that is wanted.
 */
export const trainAndLeave = Effect.fnUntraced(function* (
  context: Pick<StageContext, 'outDir' | 'checkpointDir' | 'progress' | 'extension'>,
  engine: Engine,
  training: Training,
  leave: Leave,
): Effect.fn.Return<StageSummary, StageError> {
  const { train, components } = training
  const leaveAll = Effect.fnUntraced(function* (outDir: string, history: readonly HistoryLine[]) {
    const summary = yield* leave(outDir, history)
    yield* attempt(() => {
      writeLines(join(outDir, 'history.jsonl'), history)
      if (!canGoOn({ ...train, epochs: history.length })) return
      saveCheckpoint(outDir, epochEnd(training, history), components, stateParts(train))
    })
    return summary
  })
  const onTheWay = (history: readonly HistoryLine[]) =>
    context.extension?.deliver(history.length, (outDir) => leaveAll(outDir, history)) ?? Effect.void
  const history = yield* runTraining(context, engine, training, onTheWay)
  return yield* leaveAll(context.outDir, history)
})
