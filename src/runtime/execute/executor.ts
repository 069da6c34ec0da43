/** Computes a stage in a process of its own, so that a crash, an out-of-memory or a leak costs one stage. */
import * as fs from 'node:fs'
import * as path from 'node:path'
import * as Context from 'effect/Context'
import * as Effect from 'effect/Effect'
import * as Exit from 'effect/Exit'
import * as Layer from 'effect/Layer'
import { type StageError, type ThrownError, WorkerCrash } from '../errors.js'
import {
  explainEnd,
  explainFailed,
  explainOverMemory,
  explainSilence,
  explainStart,
  explainStrange,
  explainTimeout,
} from './explain-failure.js'
import { encodeJob, type Job, type WorkerMessage } from './job.js'
import { memoryBounds } from './worker-memory.js'
import { sampleTree } from './process-tree.js'
import type { StageSummary } from '../stage-contract.js'
import { WarmWorkers, WorkerProcess } from './worker-process.js'
import { WorkerWatch, watchInterval, type WorkerVerdict, type WatchLimits } from './worker-watch.js'

/** What a stage itself says while it computes. */
type StageMessage = Extract<WorkerMessage, { type: 'progress' | 'milestone' }>

/** What a job may take, and who hears of it. */
export interface JobCare {
  readonly limits: WatchLimits
  readonly onMessage: (message: StageMessage) => void
  /** What the stage prints, on stdout or stderr. */
  readonly onPrinted: (text: string) => void
  /** Something about the worker that the user should know; begins with a verb. */
  readonly onWarning: (message: string) => void
  /** The worker, which was asked to stop, takes its time to save so many bytes. */
  readonly onSaving: (bytes: number) => void
  /** The worker's process has the job. */
  readonly onWorker?: (pid: number) => void
  /** What a process must have computed to compute this job too; left out: nothing, it is a fresh one. */
  readonly warm?: string
  /** The whole time that the stage may take, for the sentence; `limits.timeoutMs` is what is left of it. */
  readonly stageTimeoutMs?: number
}

export class Executor extends Context.Service<
  Executor,
  {
    /** Runs a job to its end. Interrupting it stops the worker, which saves its checkpoint first. */
    readonly run: (job: Job, care: JobCare) => Effect.Effect<StageSummary, StageError | WorkerCrash>
  }
>()('genepool/runtime/Executor') {
  /**
   * On this machine. `interrupts` says how many signals this process has been sent so far: at the second nothing is
   * saved. Where nobody counts them, an interruption was the first.
   */
  static readonly layerLocal = (interrupts?: () => number): Layer.Layer<Executor> =>
    Layer.effect(
      Executor,
      Effect.map(
        Effect.acquireRelease(
          Effect.sync(() => new WarmWorkers()),
          (warm) => Effect.sync(() => warm.end()),
        ),
        (warm) => ({ run: (job: Job, care: JobCare) => runLocally(warm, job, care, interrupts) }),
      ),
    )
}

const holdsCheckpoint = (folder: string): boolean => {
  try {
    return fs.readdirSync(folder).some((name) => !name.endsWith('.tmp'))
  } catch {
    return false
  }
}

/** Signs of life come several times in the time that a worker may be silent. */
const heartbeatMs = ({ silenceMs }: WatchLimits): number => Math.max(20, Math.min(2_000, silenceMs / 4))

/** What a worker is to compute, in a word. */
const kindOf = ({ entry }: Job): string => ('export' in entry ? entry.export : 'own')

const startWorker = (warm: WarmWorkers, job: Job, care: JobCare): WorkerProcess => {
  const told = { ...job, heartbeatMs: heartbeatMs(care.limits) }
  if (care.warm !== undefined) {
    const worker = warm.take(care.warm, kindOf(job))
    worker.child.stdin?.write(`${encodeJob(told)}\n`)
    return worker
  }
  const jobFile = path.join(path.dirname(job.outDir), 'job.json')
  fs.writeFileSync(jobFile, encodeJob(told))
  return new WorkerProcess(kindOf(job), jobFile)
}

const explainVerdict = (
  verdict: WorkerVerdict,
  job: Job,
  { limits, stageTimeoutMs }: JobCare,
): StageError | WorkerCrash => {
  const hasCheckpoint = holdsCheckpoint(job.checkpointDir)
  switch (verdict.type) {
    case 'timed-out':
      return explainTimeout(stageTimeoutMs ?? limits.timeoutMs ?? 0, hasCheckpoint)
    case 'over-memory':
      return explainOverMemory(verdict.bytes, limits.memoryBytes ?? 0, hasCheckpoint, job.params)
    case 'hung':
      return explainSilence(verdict.ms)
  }
}

/** What became of a worker: its summary, its own word for what went wrong, or why it has to be stopped. */
type Outcome =
  | { readonly summary: StageSummary }
  | { readonly error: StageError | WorkerCrash }
  | { readonly verdict: WorkerVerdict }

/** Listens and looks until the worker is done, has ended or has to be stopped. */
const attend = (worker: WorkerProcess, job: Job, care: JobCare): Effect.Effect<Outcome> =>
  Effect.callback<Outcome>((resume) => {
    const watch = new WorkerWatch(care.limits, performance.now(), care.onWarning)
    const before = memoryBounds()
    let result: Extract<WorkerMessage, { type: 'done' | 'failed' }> | undefined
    let thrown: ThrownError | undefined
    const end = (outcome: Effect.Effect<Outcome>): void => {
      clearInterval(timer)
      resume(outcome)
    }
    const settle = (outcome: Outcome): void => end(Effect.succeed(outcome))
    /** What is thrown out of a callback of Node's would end this process, and with it every other stage. */
    const guarded =
      <Args extends readonly unknown[]>(callback: (...args: Args) => void) =>
      (...args: Args): void => {
        try {
          callback(...args)
        } catch (cause) {
          end(Effect.die(cause))
        }
      }
    const look = (): void => {
      const { pid } = worker.child
      if (pid === undefined || worker.hasEnded) return
      const sample = sampleTree(pid)
      worker.seen = sample?.processes ?? worker.seen
      const verdict = watch.look(performance.now(), sample)
      if (verdict !== undefined) settle({ verdict })
    }
    const timer = setInterval(guarded(look), watchInterval(care.limits))
    worker.listen({
      message: guarded((message) => {
        watch.spoke(
          performance.now(),
          message.type === 'progress' || message.type === 'heartbeat' ? message.step : undefined,
        )
        if (message.type === 'progress' || message.type === 'milestone') care.onMessage(message)
        else if (message.type === 'warning') care.onWarning(message.message)
        else if (message.type === 'thrown') thrown = message
        else if (message.type === 'done' || message.type === 'failed') {
          result = message
          // A warm worker stays. What it printed before that lies in its pipe, which is read before the next moment.
          if (message.type === 'done' && care.warm !== undefined) setImmediate(settle, { summary: message.summary })
        }
      }),
      printed: guarded(care.onPrinted),
      ended: guarded((code, signal) => {
        if (result?.type === 'failed') return settle({ error: explainFailed(result, job) })
        if (result?.type === 'done' && code === 0) return settle({ summary: result.summary })
        const rssBytes = watch.rssBytes
        const seen = rssBytes === undefined ? {} : { rssBytes }
        const said = { tail: worker.tail, ...(thrown === undefined ? {} : { thrown }) }
        const how = { code, signal, ...said, ...seen, before, after: memoryBounds() }
        return settle({ error: explainEnd(how, job.params) })
      }),
      strange: (value) => settle({ error: explainStrange(value) }),
      failed: (cause) => settle({ error: explainStart(cause, job.outDir) }),
      muted: () => {
        // One that has said how it went is ending: with gigabytes in memory that takes a while.
        if (result !== undefined) return
        settle({ error: new WorkerCrash({ message: 'the worker lost its message channel, so it was ended' }) })
      },
    })
    return Effect.sync(() => clearInterval(timer))
  })

const runLocally = (
  warm: WarmWorkers,
  job: Job,
  care: JobCare,
  interrupts: (() => number) | undefined,
): Effect.Effect<StageSummary, StageError | WorkerCrash> =>
  Effect.acquireUseRelease(
    Effect.try({ try: () => startWorker(warm, job, care), catch: (cause) => explainStart(cause, job.outDir) }),
    (worker) => {
      worker.jobs += 1
      if (worker.child.pid !== undefined) care.onWorker?.(worker.child.pid)
      return attend(worker, job, care)
    },
    (worker, exit) => {
      const done = Exit.isSuccess(exit) && 'summary' in exit.value
      if (done && care.warm !== undefined) return Effect.sync(() => warm.give(care.warm!, worker))
      const before = interrupts?.() ?? (Exit.isSuccess(exit) ? 0 : 1)
      return worker.stop(job.checkpointDir, 2 - before, care.onSaving)
    },
  ).pipe(
    Effect.flatMap((outcome) => {
      if ('summary' in outcome) return Effect.succeed(outcome.summary)
      return Effect.fail('error' in outcome ? outcome.error : explainVerdict(outcome.verdict, job, care))
    }),
  )
