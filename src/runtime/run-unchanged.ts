/** What ran has to be what the fingerprint names: code and external files are held against what was read of them. */
import * as Deferred from 'effect/Deferred'
import * as Effect from 'effect/Effect'
import { StageError, StoreError, sentenceOf, type WorkerCrash } from './errors.js'
import { Executor, type JobCare } from './executor.js'
import { identityOf } from './file-identity.js'
import type { Job } from './job.js'
import type { MakeContext } from './make-stage.js'
import type { Milestone } from './milestones.js'
import type { PreparedStage } from './prepare.js'
import type { StageSummary } from './stage-contract.js'

const changedError = (file: string): StageError =>
  new StageError({
    message: `${file} changed while the stage ran, so its result was thrown away`,
    hint: 'run again: it is computed from what the file holds now',
    changed: file,
  })

/**
 * Runs the job and makes sure that what ran is what the fingerprint names. A worker has loaded its code by its first
 * report, so the code is checked there (or at the end, where nothing was reported): an edit after that is no longer its
 * concern, and hours of training outlive a build. External files are checked at the end.
 */
export const runUnchanged = Effect.fnUntraced(function* (
  { prepared: { code }, emit }: Pick<MakeContext, 'prepared' | 'emit'>,
  stage: PreparedStage,
  job: Job,
  care: Omit<JobCare, 'onMessage'>,
  takeMilestone: (milestone: Milestone) => void,
): Effect.fn.Return<StageSummary, StageError | WorkerCrash, Executor> {
  const executor = yield* Executor
  const spoilt = yield* Deferred.make<never, StageError>()
  let checked = false
  let isSpoilt = false
  const onMessage: JobCare['onMessage'] = (message) => {
    if (!checked) {
      checked = true
      const file = code.changedSinceRead(stage.codeEntry, stage.codeWithout)
      isSpoilt = file !== undefined
      if (file !== undefined) Deferred.doneUnsafe(spoilt, Effect.fail(changedError(file)))
    }
    if (message.type === 'progress') emit({ ...message, type: 'stage-progress', stage: stage.node.name })
    else if (!isSpoilt) takeMilestone(message)
  }
  const running = executor.run(job, { ...care, onMessage })
  const summary = yield* Effect.raceFirst(running, Deferred.await(spoilt)).pipe(
    Effect.catch((error) => {
      // One that failed before it had loaded its code may have found it half written.
      const file = checked ? undefined : code.changedSinceRead(stage.codeEntry, stage.codeWithout)
      return Effect.fail(file === undefined ? error : changedError(file))
    }),
  )
  const changed =
    (checked ? undefined : code.changedSinceRead(stage.codeEntry, stage.codeWithout)) ??
    Object.values(stage.sources).find((file) => identityOf(file.path) !== file.identity)?.path
  return changed === undefined ? summary : yield* changedError(changed)
})

/** What the fingerprint's digest of code stands for, before anything is stored under it. */
export const keepCode = ({ prepared }: Pick<MakeContext, 'prepared'>, { codeEntry, codeWithout }: PreparedStage) =>
  Effect.try({
    try: () => prepared.code.keep(codeEntry, codeWithout),
    catch: (cause) => new StoreError({ message: `cannot write to the store: ${sentenceOf(cause)}`, cause }),
  })
