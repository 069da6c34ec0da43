/**
 * The process that computes stages: one, of the job file named on its command line, or with `--warm` one after the
 * other, of the jobs that come in on stdin, a line each. SIGTERM interrupts the stage, which then saves its checkpoint;
 * when the run that started it is gone, so is the worker.
 */
import * as fs from 'node:fs'
import * as net from 'node:net'
import * as readline from 'node:readline'
import * as Cause from 'effect/Cause'
import * as Effect from 'effect/Effect'
import * as Exit from 'effect/Exit'
import * as Fiber from 'effect/Fiber'
import { messageDescriptor } from '../../base/own-program.js'
import { sentenceOf } from '../../base/errors.js'
import { StageError } from '../errors.js'
import type { StageFailure } from '../events.js'
import type { Extension, Progress, StageFunction, StageSummary } from '../stage-contract.js'
import { StepRate } from '../step-rate.js'
import { beingWritten, lookAgainMs } from '../store/unfinished-files.js'
import { type Job, type JobExtension, milestoneFolder, type WorkerMessage } from './job.js'
import { longestSaveMs, patience, StepClock } from './patience.js'
import { describeThrown } from './thrown-error.js'

/** Between two reports that are sent. */
const reportMs = 100

/**
 * Sends a stage's reports, ten a second at most, with speed and the time that is left of the phase. Both count from the
 * phase's first report in this process, so a resumed phase does not claim an earlier one's work.
 */
const progressReporter = (send: (message: WorkerMessage) => void): ((progress: Progress) => void) => {
  let phase: { readonly name: string; readonly startedAt: number; readonly firstImages: number } | undefined
  let rate = new StepRate()
  let sentAt = 0
  return ({ madeReady, ...progress }) => {
    const now = performance.now()
    if (phase?.name !== progress.phase) {
      phase = { name: progress.phase, startedAt: now, firstImages: progress.images ?? 0 }
      rate = new StepRate()
      sentAt = 0
    }
    rate.reached(progress.step, now, madeReady)
    if (now - sentAt < reportMs && progress.step < progress.steps) return
    sentAt = now
    const seconds = (now - phase.startedAt) / 1000
    const images = (progress.images ?? 0) - phase.firstImages
    const { stepMs } = rate
    send({
      type: 'progress',
      ...progress,
      ...(seconds > 0 && images > 0 ? { imagesPerSecond: images / seconds } : {}),
      ...(stepMs === undefined ? {} : { stepMs, secondsLeft: (stepMs / 1000) * (progress.steps - progress.step) }),
    })
  }
}

/** The worker's side of a stage that extends: leaves the artifacts of shorter ones in their folders and says so. */
const extensionOf = (
  { from, wanted, folder }: JobExtension,
  send: (message: Extract<WorkerMessage, { type: 'milestone' }>) => void,
): Extension => {
  const missing = new Set(wanted)
  const make = (outDir: string) =>
    Effect.try({
      try: () => {
        // What an attempt that was interrupted left.
        fs.rmSync(outDir, { recursive: true, force: true })
        fs.mkdirSync(outDir, { recursive: true })
      },
      catch: (cause) => new StageError({ message: `cannot make ${outDir}: ${sentenceOf(cause)}`, cause }),
    })
  const deliver = Effect.fnUntraced(function* (
    at: number,
    leave: Parameters<Extension['deliver']>[1],
  ): Effect.fn.Return<void, StageError> {
    if (!missing.has(at)) return
    const outDir = milestoneFolder(folder, at)
    yield* make(outDir)
    const summary = yield* checkedFigures(yield* leave(outDir))
    missing.delete(at)
    send({ type: 'milestone', at, summary })
  })
  return { ...(from && { from }), deliver }
}

const defaultHeartbeatMs = 2_000

const channel = new net.Socket({ fd: messageDescriptor, readable: false, writable: true })

const send = (message: WorkerMessage): void => {
  if (!channel.destroyed) channel.write(`${JSON.stringify(message)}\n`)
}

const failureOf = (cause: Cause.Cause<unknown>): StageFailure => {
  const error = Cause.squash(cause)
  if (!(error instanceof StageError)) return describeThrown(error)
  // Where something of another kind has been given a sentence, it says itself where it happened and of what.
  const origin = Object.hasOwn(error, 'cause') ? error.cause : error
  const { message, hint } = error
  return { ...describeThrown(origin), message, ...(hint === undefined ? {} : { hint }) }
}

/** Imports the module of a built-in stage by its path. */
type ImportModule = (file: string) => Promise<unknown>

const load = async ({ module: file, entry, ...job }: Job, importModule: ImportModule): Promise<StageFunction> => {
  if ('call' in entry) return (await import('./user-stage-function.js')).loadUserStage(file, entry, job)
  const module = (await importModule(file)) as Record<string, unknown>
  const stage = module[entry.export]
  if (typeof stage !== 'function') throw new Error(`${file} exports no stage function '${entry.export}'`)
  return stage as StageFunction
}

/** What the worker knows of its stage besides computing it. */
interface Vital {
  readonly checkpointDir: string
  readonly clock: StepClock
  /** What an interrupted stage saves first. */
  saves: number | undefined
}

const program = (job: Job, vital: Vital, importModule: ImportModule): Effect.Effect<StageSummary, StageError> => {
  const report = progressReporter(send)
  return Effect.tryPromise({
    try: () => load(job, importModule),
    catch: (cause) => new StageError({ message: `cannot load stage ${job.stage}: ${sentenceOf(cause)}`, cause }),
  }).pipe(
    Effect.flatMap((stage) =>
      stage({
        params: job.params,
        inputs: job.inputs,
        sources: job.sources,
        outDir: job.outDir,
        checkpointDir: job.checkpointDir,
        engine: job.engine,
        progress: (progress) => {
          vital.clock.reached(progress.phase, progress.step, performance.now())
          report(progress)
        },
        savesWhenInterrupted: (bytes) => {
          vital.saves = bytes
          send({ type: 'saves', bytes })
        },
        warn: (message) => send({ type: 'warning', message }),
        ...(job.extension && { extension: extensionOf(job.extension, send) }),
      }),
    ),
    Effect.flatMap(checkedFigures),
  )
}

/** Of a figure that JSON does not keep as it is, what is wrong; undefined where nothing is. */
const wrongFigure = (value: unknown, name: string, around: readonly unknown[] = []): string | undefined => {
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : `${name} is ${value}`
  if (value === undefined || value === null || typeof value === 'string' || typeof value === 'boolean') return undefined
  if (typeof value !== 'object') return `${name} is a ${typeof value}`
  if (around.includes(value)) return `${name} contains itself`
  const prototype: unknown = Object.getPrototypeOf(value)
  if (!Array.isArray(value) && prototype !== null && prototype !== Object.prototype) {
    return `${name} is a ${value.constructor?.name ?? 'thing of its own kind'}`
  }
  for (const [key, part] of Object.entries(value)) {
    const wrong = wrongFigure(part, name === '' ? key : `${name}.${key}`, [...around, value])
    if (wrong !== undefined) return wrong
  }
  return undefined
}

/** What a stage gives, if it can be kept: a figure that is NaN would be decided by as if it were none. */
const checkedFigures = (given: StageSummary | null | undefined): Effect.Effect<StageSummary, StageError> => {
  const summary = given ?? {}
  const isOne = typeof summary === 'object' && !Array.isArray(summary)
  const wrong = isOne
    ? wrongFigure(summary, '')
    : `what it gives is no object of figures, but ${Array.isArray(summary) ? 'a list' : typeof summary}`
  if (wrong === undefined) return Effect.succeed(summary)
  const hint = 'figures are finite numbers, texts, booleans, null, and lists and plain objects of these'
  return Effect.fail(new StageError({ message: isOne ? `its figure ${wrong}` : wrong, hint }))
}

/** The stage that is being computed; undefined between two jobs. */
let current: { readonly fiber: Fiber.Fiber<unknown, unknown>; readonly vital: Vital } | undefined

let interrupted = false

const compute = (job: Job, importModule: ImportModule, finish: (message: WorkerMessage) => void): void => {
  const vital: Vital = { checkpointDir: job.checkpointDir, clock: new StepClock(), saves: undefined }
  const heart = setInterval(() => {
    const { step } = vital.clock
    send({ type: 'heartbeat', ...(step === undefined ? {} : { step }) })
  }, job.heartbeatMs ?? defaultHeartbeatMs)
  const fiber = Effect.runFork(program(job, vital, importModule))
  current = { fiber, vital }
  fiber.addObserver((exit) => {
    current = undefined
    clearInterval(heart)
    if (Exit.isSuccess(exit)) finish({ type: 'done', summary: exit.value })
    else if (interrupted) finish({ type: 'interrupted' })
    else finish({ type: 'failed', ...failureOf(exit.cause) })
  })
}

const end = (): void => {
  // Nobody has heard how it went.
  if (channel.destroyed) process.exit(1)
  channel.end(() => process.exit(0))
}

const interrupt = (): void => {
  if (interrupted) return
  interrupted = true
  if (current === undefined) end()
  else Effect.runFork(Fiber.interrupt(current.fiber))
}

/** Nobody waits for the result any more, nor ends a stage that does not let itself be interrupted. */
const abandon = (): void => {
  const vital = current?.vital
  const began = performance.now()
  interrupt()
  const check = (): void => {
    const isSaving = performance.now() - began < longestSaveMs && beingWritten(vital?.checkpointDir ?? '') !== undefined
    if (!isSaving) process.exit(1)
    setTimeout(check, lookAgainMs).unref()
  }
  setTimeout(check, patience(vital?.saves, vital?.clock.longestMs ?? 0)).unref()
}

/** What is thrown where nobody waits for it ends the process, as ever; before that, what it was is told. */
const tellUncaught = (): void => {
  process.on('uncaughtExceptionMonitor', (error) => send({ type: 'thrown', ...describeThrown(error) }))
  process.on('unhandledRejection', (reason) => {
    // Itself, where Node would throw an error about it; one who listens as well sees to it.
    if (process.listenerCount('unhandledRejection') === 1) throw reason
  })
}

/**
 * Both streams are one log, whose order two pipes would not keep (native code has its own stderr). Nothing waits in
 * this process, which may end at any moment, and may print faster than it is read.
 */
const printAtOnce = (): void => {
  Object.defineProperty(process, 'stderr', { configurable: true, enumerable: true, get: () => process.stdout })
  const { ['_handle']: pipe } = process.stdout as { _handle?: { setBlocking?: (isBlocking: boolean) => void } }
  pipe?.setBlocking?.(true)
  // Without a reader, a checkpoint is saved all the same.
  process.stdout.on('error', () => {})
}

/** Begins: with one stage, or with one after the other as they come. */
export const startWorker = (importModule: ImportModule): void => {
  tellUncaught()
  printAtOnce()
  // Ctrl-C reaches every process of the terminal; the run decides what becomes of its workers.
  process.on('SIGINT', () => {})
  process.on('SIGTERM', interrupt)
  process.stdin.on('end', abandon).on('error', abandon).resume()
  // The reader is gone: so is the reason to go on.
  channel.on('error', abandon)

  const [, job] = process.argv.slice(2)
  if (job === undefined) throw new Error('usage: worker-bin.js KIND JOB.json | worker-bin.js KIND --warm')
  if (job === '--warm') {
    readline.createInterface({ input: process.stdin }).on('line', (line) => {
      compute(JSON.parse(line) as Job, importModule, (message) => {
        send(message)
        // Only a stage that went well leaves a process behind that others may use.
        if (message.type !== 'done' || interrupted) end()
      })
    })
  } else {
    compute(JSON.parse(fs.readFileSync(job, 'utf8')) as Job, importModule, (message) => {
      send(message)
      end()
    })
  }
}
