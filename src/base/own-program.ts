/** The other end of `runChild`: what a script does with its argument, and how it answers. */
import { spawn } from 'node:child_process'
import { writeSync } from 'node:fs'
import { createRequire } from 'node:module'
import { extname } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'

/**
 * Runs one of this program's scripts in a process of its own and survives whatever becomes of it: native libraries crash,
 * hang and print while they are loaded. Its answers come line by line as JSON on a descriptor of their own.
 */

/** The descriptor on which a child answers. */
export const answerDescriptor = 3

export interface ChildEnd {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly timedOut: boolean
  /** The end of what it printed. */
  readonly said: string
}

export interface ChildOptions {
  /** `import.meta.url` of the caller; the script lies beside it, `.js` as compiled, `.ts` when run from source. */
  readonly beside: string
  /** Without its ending. */
  readonly script: string
  readonly argument: unknown
  /** Default: this process's. */
  readonly env?: NodeJS.ProcessEnv | undefined
  /** How long it may go without an answer. */
  readonly timeoutMs: number
  /** Ends the child at once; the promise then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined
  readonly onAnswer: (answer: unknown) => void
}

const tailLength = 8_000

/** A process that hangs in a driver may outlive even SIGKILL; nobody waits for it longer than this. */
const burialMs = 1_000

const commandOf = ({ beside, script }: ChildOptions): readonly string[] => {
  const ending = extname(fileURLToPath(beside))
  const file = fileURLToPath(new URL(`./${script}${ending}`, beside))
  if (ending !== '.ts') return [file]
  return ['--import', pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href, file]
}

const parse = (line: string): unknown => {
  try {
    return JSON.parse(line)
  } catch {
    // Half a line, from a child that was cut short.
    return undefined
  }
}

/** How much later this process may hear of a Ctrl-C than its child. */
const interruptMs = 300

/** Runs the script to its end, however it ends. Rejects only when `signal` aborts. */
export const runChild = (options: ChildOptions): Promise<ChildEnd> =>
  new Promise((resolve, reject) => {
    const { argument, env = process.env, timeoutMs, signal, onAnswer } = options
    if (signal?.aborted) return reject(signal.reason as Error)
    const child = spawn(process.execPath, [...commandOf(options), JSON.stringify({ argument, parent: process.pid })], {
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      env,
      windowsHide: true,
    })
    let said = ''
    let timedOut = false
    let burial: NodeJS.Timeout | undefined
    const settle = (code: number | null, ended: NodeJS.Signals | null): void => {
      clearTimeout(timer)
      clearTimeout(burial)
      signal?.removeEventListener('abort', abort)
      for (const stream of child.stdio) stream?.destroy()
      child.unref()
      resolve({ code, signal: ended, timedOut, said })
    }
    const timer = setTimeout(() => {
      timedOut = true
      child.kill('SIGKILL')
      burial = setTimeout(() => settle(null, 'SIGKILL'), burialMs)
    }, timeoutMs)
    const abort = (): void => {
      child.kill('SIGKILL')
      // Before `settle`, whose `resolve` then comes too late.
      reject(signal?.reason as Error)
      settle(null, 'SIGKILL')
    }
    const keep = (chunk: Buffer): void => {
      said = (said + chunk.toString()).slice(-tailLength)
    }
    child.stdout?.on('data', keep)
    child.stderr?.on('data', keep)
    createInterface({ input: child.stdio[answerDescriptor] as NodeJS.ReadableStream }).on('line', (line) => {
      const answer = parse(line)
      if (answer === undefined) return
      timer.refresh()
      onAnswer(answer)
    })
    child.once('error', (error) => {
      said += error.message
      settle(null, null)
    })
    // `close` comes after the last line of every stream.
    child.once('close', (code: number | null, ended: NodeJS.Signals | null) => {
      // Ctrl-C reaches this process too, if a moment later: then it is no failure of the child's.
      if (ended === 'SIGINT' && signal !== undefined) setTimeout(settle, interruptMs, code, ended)
      else settle(code, ended)
    })
    signal?.addEventListener('abort', abort, { once: true })
  })

interface Order {
  readonly argument: unknown
  readonly parent: number
}

/** Runs beside the main thread, which a library that hangs while it is loaded never gives back. */
const watch = `
  const parent = require('node:worker_threads').workerData
  setInterval(() => { if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL') }, 200)`

/** Written at once, so that it is there even when the process dies right after. */
export const answer = (value: unknown): void => {
  writeSync(answerDescriptor, `${JSON.stringify(value)}\n`)
}

/** An error's sentence, and below it what is behind it. */
const wordsOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error)
  return error.cause === undefined ? error.message : `${error.message}\n${wordsOf(error.cause)}`
}

/**
 * Runs the script's work, then ends the process: with 0, or with 1 where the work failed. The process ends by itself when
 * its parent is gone, even in the middle of a native call.
 */
export const inChild = async (work: (argument: unknown) => Promise<void>): Promise<void> => {
  const { argument, parent } = JSON.parse(process.argv[2] ?? '{}') as Order
  const watchdog = new Worker(watch, { eval: true, workerData: parent })
  await new Promise((resolve) => watchdog.once('online', resolve))
  watchdog.unref()
  try {
    await work(argument)
    process.exit(0)
  } catch (error) {
    answer({ type: 'failed', message: wordsOf(error) })
    process.exit(1)
  }
}
