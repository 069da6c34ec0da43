/** Computes a stage in a process of its own, so that a crash, an out-of-memory or a leak costs one stage. */
import * as fs from 'node:fs'
import * as path from 'node:path'
import * as readline from 'node:readline'
import { spawn, type ChildProcess } from 'node:child_process'
import { createRequire } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'
import * as Context from 'effect/Context'
import * as Effect from 'effect/Effect'
import * as Layer from 'effect/Layer'
import { StageError, sentenceOf } from './errors.js'
import { messageDescriptor, type Job, type WorkerMessage } from './job.js'
import type { StageSummary } from './stage-contract.js'
import { workerEnvironment } from './worker-memory.js'

/** How long a worker may take to save its checkpoint once it is asked to stop. */
const graceMs = 700
/** How much of what a worker printed last is kept to explain a crash. */
const tailLength = 4_000

/** The worker beside this file: `.js` as compiled, `.ts` when run from source, which needs a loader. */
const workerCommand = (): readonly string[] => {
  const extension = path.extname(fileURLToPath(import.meta.url))
  const worker = fileURLToPath(new URL(`./worker${extension}`, import.meta.url))
  if (extension !== '.ts') return ['--enable-source-maps', worker]
  // By path: the working directory need not have the loader.
  return ['--import', pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href, worker]
}

const maxSaid = 200

/** The line of a crash report that says what happened: the error itself, else the last line that is no stack frame. */
const lastWords = (tail: string): string | undefined => {
  const lines = tail
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !/^(at |\d+: 0x|-----|Node\.js v|\^+$|node:|file:)/.test(line))
  const line = lines.findLast((candidate) => /\b(error|fatal|abort)/i.test(candidate)) ?? lines.at(-1)
  return line === undefined || line.length <= maxSaid ? line : `${line.slice(0, maxSaid)}…`
}

const describeExit = (code: number | null, signal: NodeJS.Signals | null, tail: string): StageError => {
  const words = lastWords(tail)
  const said = words === undefined ? '' : `: ${words}`
  // All that it printed, for those who ask for stack traces.
  const cause = tail.trim() === '' ? {} : { cause: tail.trim() }
  if (signal === 'SIGKILL' || code === 137 || /heap out of memory|bad_alloc|Failed to allocate/i.test(tail)) {
    return new StageError({
      message: `the worker ran out of memory or was killed (${signal ?? `exit code ${code}`})${said}`,
      hint: 'a smaller batchSize needs less memory, fewer --jobs share it between fewer stages',
      ...cause,
    })
  }
  return new StageError({
    message: `the worker ended without a result (${signal === null ? `exit code ${code}` : `signal ${signal}`})${said}`,
    ...cause,
  })
}

export class Executor extends Context.Service<
  Executor,
  {
    /** Runs a job to its end. Interrupting it stops the worker, which saves its checkpoint first. */
    readonly run: (
      job: Job,
      onMessage: (message: Extract<WorkerMessage, { type: 'progress' | 'milestone' }>) => void,
    ) => Effect.Effect<StageSummary, StageError>
  }
>()('genepool/runtime/Executor') {
  static readonly layerLocal = Layer.succeed(Executor, { run: (job, onMessage) => runLocally(job, onMessage) })
}

const cannotStart = (cause: unknown): StageError =>
  new StageError({ message: `cannot start a worker: ${sentenceOf(cause)}`, cause })

/** A line as the worker wrote it; undefined for one that a killed worker left unfinished. */
const parseMessage = (line: string): WorkerMessage | undefined => {
  try {
    return JSON.parse(line) as WorkerMessage
  } catch {
    return undefined
  }
}

const hasEnded = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null

/** Asks the worker to stop, then makes it; done once the process is gone. */
const stop = (child: ChildProcess): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    if (hasEnded(child) || child.pid === undefined) return resume(Effect.void)
    const timer = setTimeout(() => child.kill('SIGKILL'), graceMs)
    child.once('exit', () => {
      clearTimeout(timer)
      resume(Effect.void)
    })
    child.kill('SIGTERM')
  })

const runLocally: Executor['Service']['run'] = (job, onMessage) =>
  Effect.gen(function* () {
    const jobFile = path.join(path.dirname(job.outDir), 'job.json')
    const child = yield* Effect.acquireRelease(
      Effect.try({
        try: () => {
          fs.writeFileSync(jobFile, JSON.stringify(job))
          // stdin stays open as long as this process lives: a worker whose stdin ends has lost its run.
          return spawn(process.execPath, [...workerCommand(), jobFile], {
            stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
            env: workerEnvironment(),
          })
        },
        catch: cannotStart,
      }),
      stop,
    )
    return yield* Effect.callback<StageSummary, StageError>((resume) => {
      let tail = ''
      let result: Extract<WorkerMessage, { type: 'done' | 'failed' }> | undefined
      const keep = (chunk: Buffer): void => {
        tail = (tail + chunk.toString()).slice(-tailLength)
      }
      child.stdout?.on('data', keep)
      child.stderr?.on('data', keep)
      const messages = child.stdio[messageDescriptor] as NodeJS.ReadableStream
      const lines = readline.createInterface({ input: messages })
      lines.on('line', (line) => {
        const message = parseMessage(line)
        if (message?.type === 'progress' || message?.type === 'milestone') onMessage(message)
        else if (message?.type === 'done' || message?.type === 'failed') result = message
      })
      child.on('error', (cause) => resume(Effect.fail(cannotStart(cause))))
      // `close` comes after the last line of every stream.
      child.once('close', (code, signal) => {
        if (result?.type === 'failed') {
          const { message, hint, stack } = result
          const cause = stack === undefined ? {} : { cause: stack }
          resume(Effect.fail(new StageError({ message, ...(hint === undefined ? {} : { hint }), ...cause })))
        } else if (result === undefined || code !== 0) resume(Effect.fail(describeExit(code, signal, tail)))
        else resume(Effect.succeed(result.summary))
      })
    })
  }).pipe(Effect.scoped)
