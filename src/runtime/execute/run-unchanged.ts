/** A job's attempt, and whether what ran and what it read is what the fingerprint names. */
import * as fs from 'node:fs'
import * as Deferred from 'effect/Deferred'
import * as Effect from 'effect/Effect'
import { StageError, type CorruptArtifact, type StoreError, type WorkerCrash } from '../errors.js'
import { Executor, type JobCare } from './executor.js'
import type { Job } from './job.js'
import type { MakeContext } from './make-stage.js'
import type { Milestone } from './milestones.js'
import type { PreparedStage } from '../plan/prepare.js'
import { changedSource, touchedSource, verifyAgain, type SealedInputs } from '../store/sealed-inputs.js'
import type { StageSummary } from '../stage-contract.js'
import type { Store } from '../store/store.js'

const changedError = (file: string): StageError => {
  const isThere = fs.existsSync(file)
  return new StageError({
    message: `${file} ${isThere ? 'changed' : 'was moved or deleted'} while the stage ran, so its result was thrown away`,
    hint: isThere
      ? 'run again: it is computed from what the file holds now'
      : 'put the file back, or run the one that has taken its place',
    changed: file,
  })
}

/** How often a stage that reports is asked whether its external files are untouched: an edit costs no hours then. */
const lookMs = 1_000

/**
 * Runs the job and makes sure that what ran is what the fingerprint names. A worker has loaded its code by its first
 * report, so the code is checked there (or at the end, where nothing was reported): an edit after that is no longer its
 * concern, and hours of training outlive a build. External files are checked all the time, stored ones at the end, also
 * where the stage failed: on damaged bytes that says nothing of the stage.
 */
export const runUnchanged = Effect.fnUntraced(function* (
  context: Pick<MakeContext, 'prepared' | 'emit'>,
  stage: PreparedStage,
  job: Job,
  care: Omit<JobCare, 'onMessage'>,
  takeMilestone: (milestone: Milestone) => void,
  sealed: SealedInputs,
): Effect.fn.Return<StageSummary, StageError | WorkerCrash | CorruptArtifact | StoreError, Store | Executor> {
  const executor = yield* Executor
  const { code } = context.prepared
  const spoilt = yield* Deferred.make<never, StageError>()
  let checked = false
  let isSpoilt = false
  let lookedAt = Date.now()
  const onMessage: JobCare['onMessage'] = (message) => {
    const codeFile = checked ? undefined : code.changedSinceRead(stage.codeEntry, stage.codeWithout)
    checked = true
    const looks = Date.now() - lookedAt >= lookMs
    if (looks) lookedAt = Date.now()
    const file = codeFile ?? (looks ? touchedSource(sealed) : undefined)
    isSpoilt ||= file !== undefined
    if (file !== undefined) Deferred.doneUnsafe(spoilt, Effect.fail(changedError(file)))
    if (message.type === 'progress') context.emit({ ...message, type: 'stage-progress', stage: stage.node.name })
    else if (!isSpoilt) takeMilestone(message)
  }
  const running = executor.run(job, { ...care, onMessage })
  const summary = yield* Effect.raceFirst(running, Deferred.await(spoilt)).pipe(
    Effect.tapError(() => verifyAgain(sealed)),
    Effect.catchTag(['StageError', 'WorkerCrash'], (error) => {
      // One that failed before it had loaded its code may have found it half written.
      const file = checked ? undefined : code.changedSinceRead(stage.codeEntry, stage.codeWithout)
      return Effect.fail(file === undefined ? error : changedError(file))
    }),
  )
  const changed =
    (checked ? undefined : code.changedSinceRead(stage.codeEntry, stage.codeWithout)) ?? changedSource(sealed)
  if (changed !== undefined) return yield* changedError(changed)
  yield* verifyAgain(sealed)
  return summary
})
