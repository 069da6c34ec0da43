/**
 * The process that computes one stage: reads the job file named on its command line, loads the stage's module, runs it.
 * SIGTERM interrupts the stage, which then saves its checkpoint; when the run that started it is gone, so is the worker.
 */
import * as fs from 'node:fs'
import * as net from 'node:net'
import { pathToFileURL } from 'node:url'
import * as Cause from 'effect/Cause'
import * as Effect from 'effect/Effect'
import * as Exit from 'effect/Exit'
import * as Fiber from 'effect/Fiber'
import { extensionOf } from './deliver-milestone.js'
import { StageError, sentenceOf } from './errors.js'
import type { StageFailure } from './events.js'
import { messageDescriptor, type Job, type WorkerMessage } from './job.js'
import { progressReporter } from './progress.js'
import type { StageFunction, StageSummary } from './stage-contract.js'

/** How long a stage may take to save its checkpoint once its run is gone. */
const abandonedMs = 700

const channel = new net.Socket({ fd: messageDescriptor, readable: false, writable: true })
// The reader is gone: so is the reason to go on.
channel.on('error', () => process.exit(1))

const send = (message: WorkerMessage): void => {
  channel.write(`${JSON.stringify(message)}\n`)
}

const finish = (message: WorkerMessage): void => {
  send(message)
  channel.end(() => process.exit(0))
}

const failureOf = (cause: Cause.Cause<unknown>): StageFailure => {
  const error = Cause.squash(cause)
  const stack = error instanceof Error && error.stack !== undefined ? { stack: error.stack } : {}
  const hint = error instanceof StageError && error.hint !== undefined ? { hint: error.hint } : {}
  return { message: sentenceOf(error), ...hint, ...stack }
}

const load = async ({ module: file, entry, ...job }: Job): Promise<StageFunction> => {
  if ('call' in entry) return (await import('./user-stage-function.js')).loadUserStage(file, entry.call, job)
  const module = (await import(pathToFileURL(file).href)) as Record<string, unknown>
  const stage = module[entry.export]
  if (typeof stage !== 'function') throw new Error(`${file} exports no stage function '${entry.export}'`)
  return stage as StageFunction
}

const program = (job: Job): Effect.Effect<StageSummary, StageError> =>
  Effect.tryPromise({
    try: () => load(job),
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
        progress: progressReporter(send),
        ...(job.extension && { extension: extensionOf(job.extension, send) }),
      }),
    ),
  )

const jobFile = process.argv[2]
if (jobFile === undefined) throw new Error('usage: worker.js JOB.json')
const job = JSON.parse(fs.readFileSync(jobFile, 'utf8')) as Job

const fiber = Effect.runFork(program(job))
let interrupted = false
const interrupt = (): void => {
  if (interrupted) return
  interrupted = true
  Effect.runFork(Fiber.interrupt(fiber))
}
/** Nobody waits for the result any more, nor ends a stage that does not let itself be interrupted. */
const abandon = (): void => {
  interrupt()
  setTimeout(() => process.exit(1), abandonedMs).unref()
}
// Ctrl-C reaches every process of the terminal; the run decides what becomes of its workers.
process.on('SIGINT', () => {})
process.on('SIGTERM', interrupt)
process.stdin.on('end', abandon).on('error', abandon).resume()

fiber.addObserver((exit) => {
  if (Exit.isSuccess(exit)) finish({ type: 'done', summary: exit.value })
  else if (interrupted) finish({ type: 'interrupted' })
  else finish({ type: 'failed', ...failureOf(exit.cause) })
})
