/** A stage's attempts, and whether what ran and what it read is what its fingerprint names. */
import { createHash } from 'node:crypto'
import * as fs from 'node:fs'
import * as Deferred from 'effect/Deferred'
import * as Effect from 'effect/Effect'
import { type CorruptArtifact, StageError, type StoreError, type WorkerCrash } from '../errors.js'
import type { Emit } from '../events.js'
import type { Prepared, PreparedStage } from '../plan/prepare.js'
import type { StageSummary } from '../stage-contract.js'
import { changedSource, type SealedInputs, touchedSource, verifyAgain } from '../store/sealed-inputs.js'
import type { Store } from '../store/store.js'
import { Executor, type JobCare } from './executor.js'
import type { FailurePolicy } from './failure-policy.js'
import type { Job } from './job.js'
import type { Milestone } from './milestones.js'

/** Longer than this nobody waits: whatever passes by itself has passed. */
const longestMs = 60_000

/**
 * How long to wait before a crashed worker is started again: twice as long each time, at most a minute; of that between
 * a half and all, so that stages that crashed together do not start together. Drawn from `key` and the attempt, counted
 * from 1: the same run waits the same time.
 */
export const retryDelay = (firstMs: number, attempt: number, key: string): number => {
  const draw = createHash('sha256').update(`${key}:${attempt}`).digest().readUInt32BE(0) / 2 ** 32
  return Math.round(Math.min(longestMs, firstMs * 2 ** (attempt - 1)) * (0.5 + draw / 2))
}

const changedError = (file: string): StageError => {
  const isThere = fs.existsSync(file)
  const what = isThere ? 'changed' : 'was moved or deleted'
  return new StageError({
    message: `${file} ${what} while the stage ran, so its result was thrown away`,
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
  context: { readonly prepared: Prepared; readonly emit: Emit },
  stage: PreparedStage,
  job: Job,
  care: Omit<JobCare, 'onMessage'>,
  takeMilestone: (milestone: Milestone) => void,
  sealed: SealedInputs,
): Effect.fn.Return<StageSummary, StageError | WorkerCrash | CorruptArtifact | StoreError, Store | Executor> {
  const executor = yield* Executor
  const { code } = context.prepared
  const spoilt = yield* Deferred.make<never, StageError>()
  /** A file by which the code is no longer what was read: asked once, when the worker must have loaded it. */
  let checked: Promise<string | undefined> | undefined
  const check = (): Promise<string | undefined> =>
    (checked ??= code.changedSinceRead(stage.codeEntry, stage.codeWithout))
  let isSpoilt = false
  let lookedAt = Date.now()
  const spoil = (file: string | undefined): void => {
    isSpoilt ||= file !== undefined
    if (file !== undefined) Deferred.doneUnsafe(spoilt, Effect.fail(changedError(file)))
  }
  const onMessage: JobCare['onMessage'] = (message) => {
    if (checked === undefined) void check().then(spoil, () => {})
    const looks = Date.now() - lookedAt >= lookMs
    if (looks) lookedAt = Date.now()
    if (looks) spoil(touchedSource(sealed))
    if (message.type === 'progress') context.emit({ ...message, type: 'stage-progress', stage: stage.node.name })
    else {
      const take = (): void => {
        if (!isSpoilt) takeMilestone(message)
      }
      void check().then(take, take)
    }
  }
  const running = executor.run(job, { ...care, onMessage })
  const summary = yield* Effect.raceFirst(running, Deferred.await(spoilt)).pipe(
    Effect.tapError(() => verifyAgain(sealed)),
    Effect.catchTag(['StageError', 'WorkerCrash'], (error) =>
      // One that failed before it had loaded its code may have found it half written.
      Effect.promise(check).pipe(
        Effect.flatMap((file) => Effect.fail(file === undefined ? error : changedError(file))),
      ),
    ),
  )
  const changed = (yield* Effect.promise(check)) ?? (yield* changedSource(sealed))
  if (changed !== undefined) return yield* changedError(changed)
  yield* verifyAgain(sealed)
  return summary
})

interface AttemptOptions {
  readonly policy: FailurePolicy
  readonly emit: Emit
  /** How long all attempts together may compute, where that is limited. */
  readonly timeoutMs: number | undefined
  /** What the pauses are drawn from. */
  readonly key: string
  readonly onPrinted: JobCare['onPrinted']
  readonly onWorker?: (pid: number) => void
  readonly warm?: string
}

const emptied = (folder: string): void => {
  fs.rmSync(folder, { recursive: true, force: true })
  fs.mkdirSync(folder, { recursive: true })
}

const isCrash = (error: unknown): error is WorkerCrash =>
  typeof error === 'object' && error !== null && '_tag' in error && error._tag === 'WorkerCrash'

/** The last attempt's crash is the stage's failure. */
const givenUp = ({ message, hint, thrown, cause }: WorkerCrash, attempts: number): StageError =>
  new StageError({
    message: attempts === 1 ? message : `${message} (attempt ${attempts} of ${attempts})`,
    ...(hint === undefined ? {} : { hint }),
    ...(thrown === undefined ? {} : { thrown }),
    ...(cause === undefined ? {} : { cause }),
  })

/**
 * Runs `attempt`, and once more after each crash of its worker, as often as the policy says: from the checkpoint, in an
 * empty `outDir`. Nothing but a crash is worth another attempt.
 */
export const attempts = <A, E, R>(
  job: Job,
  { policy, emit, timeoutMs, key, onPrinted, onWorker, warm }: AttemptOptions,
  attempt: (care: Omit<JobCare, 'onMessage'>) => Effect.Effect<A, E | StageError | WorkerCrash, R>,
): Effect.Effect<A, Exclude<E, WorkerCrash> | StageError, R> => {
  const { stage } = job
  const most = policy.retries + 1
  const deadline = timeoutMs === undefined ? undefined : performance.now() + timeoutMs
  const care = (): Omit<JobCare, 'onMessage'> => ({
    limits: {
      silenceMs: policy.silenceMs,
      ...(policy.memoryBytes === undefined ? {} : { memoryBytes: policy.memoryBytes }),
      ...(deadline === undefined ? {} : { timeoutMs: Math.max(1, deadline - performance.now()) }),
    },
    onPrinted,
    onWarning: (message) => emit({ type: 'warning', message: `${stage}: ${message}` }),
    onSaving: (bytes) => emit({ type: 'stage-saving', stage, bytes }),
    ...(timeoutMs === undefined ? {} : { stageTimeoutMs: timeoutMs }),
    ...(onWorker === undefined ? {} : { onWorker }),
    ...(warm === undefined ? {} : { warm }),
  })
  const from = (number: number): Effect.Effect<A, Exclude<E, WorkerCrash> | StageError, R> =>
    Effect.suspend(() => attempt(care())).pipe(
      Effect.catchIf(isCrash, (crash) => {
        if (number >= most) return Effect.fail(givenUp(crash, most))
        const delayMs = retryDelay(policy.retryDelayMs, number, key)
        emit({ type: 'stage-retrying', stage, attempt: number + 1, of: most, delayMs, because: crash.message })
        return Effect.sleep(delayMs).pipe(
          Effect.andThen(
            Effect.try({
              try: () => emptied(job.outDir),
              catch: (cause) => new StageError({ message: `cannot write to ${job.outDir}: ${String(cause)}`, cause }),
            }),
          ),
          Effect.andThen(from(number + 1)),
        )
      }),
    ) as Effect.Effect<A, Exclude<E, WorkerCrash> | StageError, R>
  return from(1)
}
