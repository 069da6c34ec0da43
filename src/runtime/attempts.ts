/** A stage's attempts: a crashed worker is started again after a while and goes on from its checkpoint; nothing else is. */
import * as fs from 'node:fs'
import * as Effect from 'effect/Effect'
import { StageError, type WorkerCrash } from './errors.js'
import type { Emit } from './events.js'
import type { JobCare } from './executor.js'
import type { FailurePolicy } from './failure-policy.js'
import type { Job } from './job.js'
import { retryDelay } from './retry-delay.js'

export interface AttemptOptions {
  readonly policy: FailurePolicy
  readonly emit: Emit
  /** How long all attempts together may compute, where that is limited. */
  readonly timeoutMs: number | undefined
  /** What the pauses are drawn from. */
  readonly key: string
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
const givenUp = ({ message, hint, cause }: WorkerCrash, attempts: number): StageError =>
  new StageError({
    message: attempts === 1 ? message : `${message} (attempt ${attempts} of ${attempts})`,
    ...(hint === undefined ? {} : { hint }),
    ...(cause === undefined ? {} : { cause }),
  })

/** Runs `attempt`, once more after each crash as often as the policy says; each in an empty `outDir`. */
export const attempts = <A, E, R>(
  job: Job,
  { policy, emit, timeoutMs, key, onWorker, warm }: AttemptOptions,
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
