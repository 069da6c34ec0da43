/**
 * Starts scripts of this program as processes of their own. `runChild` and `inChild` are the two ends of one that does
 * a piece of work which may crash, hang or print: native libraries do so while they are loaded.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { writeSync } from 'node:fs'
import { createRequire } from 'node:module'
import { extname } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import { closeAfterEnd } from './program.js'

/** The descriptor on which a script tells the process that started it what it has to say: one JSON value a line. */
export const messageDescriptor = 3

interface Script {
  /** `import.meta.url` of the caller; the script lies beside it, `.js` as compiled, `.ts` when run from source. */
  readonly beside: string
  /** The script's name without its ending. */
  readonly script: string
}

interface ScriptOptions {
  /** Arguments of Node itself, for a compiled script. */
  readonly nodeArguments?: readonly string[]
  readonly stdin: 'ignore' | 'pipe'
  readonly env: NodeJS.ProcessEnv
  readonly onMessage: (message: unknown) => void
  /** Of both output streams. */
  readonly onPrinted: (text: string) => void
}

const commandOf = ({ beside, script }: Script, nodeArguments: readonly string[]): readonly string[] => {
  const ending = extname(fileURLToPath(beside))
  const file = fileURLToPath(new URL(`./${script}${ending}`, beside))
  if (ending !== '.ts') return [...nodeArguments, file]
  // By path: the working directory need not have the loader.
  return ['--import', pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href, file]
}

const parse = (line: string): unknown => {
  try {
    return JSON.parse(line)
  } catch {
    // Half a line, from a process that was killed.
    return undefined
  }
}

export const startScript = (
  script: Script,
  args: readonly string[],
  { nodeArguments = [], stdin, env, onMessage, onPrinted }: ScriptOptions,
): ChildProcess => {
  const child = spawn(process.execPath, [...commandOf(script, nodeArguments), ...args], {
    stdio: [stdin, 'pipe', 'pipe', 'pipe'],
    env,
    windowsHide: true,
  })
  closeAfterEnd(child)
  child.stdout?.setEncoding('utf8').on('data', onPrinted)
  child.stderr?.setEncoding('utf8').on('data', onPrinted)
  const messages = child.stdio[messageDescriptor] as NodeJS.ReadableStream | null | undefined
  if (messages) {
    createInterface({ input: messages }).on('line', (line) => {
      const message = parse(line)
      if (message !== undefined) onMessage(message)
    })
  }
  return child
}

/** What a child is started with. */
interface Order {
  readonly argument: unknown
  readonly parent: number
}

export interface ChildEnd {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly timedOut: boolean
  /** The end of what it printed. */
  readonly said: string
}

interface ChildOptions extends Script {
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
const lastWaitMs = 1_000

/** Ctrl-C ends both processes, and may end the child so much earlier than this one hears of it. */
const interruptMs = 300

/** Runs the script to its end, however it ends. Rejects only when `signal` aborts. */
export const runChild = (options: ChildOptions): Promise<ChildEnd> =>
  new Promise((resolve, reject) => {
    const { argument, env = process.env, timeoutMs, signal, onAnswer } = options
    if (signal?.aborted) return reject(signal.reason as Error)
    let said = ''
    let timedOut = false
    let lastWait: NodeJS.Timeout | undefined
    const order = { argument, parent: process.pid } satisfies Order
    const child = startScript(options, [JSON.stringify(order)], {
      stdin: 'ignore',
      env,
      onMessage: (answer) => {
        timer.refresh()
        onAnswer(answer)
      },
      onPrinted: (text) => {
        said = (said + text).slice(-tailLength)
      },
    })
    const settle = (code: number | null, ended: NodeJS.Signals | null): void => {
      clearTimeout(timer)
      clearTimeout(lastWait)
      signal?.removeEventListener('abort', abort)
      for (const stream of child.stdio) stream?.destroy()
      child.unref()
      resolve({ code, signal: ended, timedOut, said })
    }
    const timer = setTimeout(() => {
      timedOut = true
      child.kill('SIGKILL')
      lastWait = setTimeout(() => settle(null, 'SIGKILL'), lastWaitMs)
    }, timeoutMs)
    const abort = (): void => {
      child.kill('SIGKILL')
      // First: `settle` resolves, and a promise keeps its first outcome.
      reject(signal?.reason as Error)
      settle(null, 'SIGKILL')
    }
    child.once('error', (error) => {
      said += error.message
      settle(null, null)
    })
    // `close` comes after the last line of every stream.
    child.once('close', (code: number | null, ended: NodeJS.Signals | null) => {
      // By Ctrl-C the signal aborts in a moment: then the child has not failed.
      if (ended === 'SIGINT' && signal !== undefined) setTimeout(settle, interruptMs, code, ended)
      else settle(code, ended)
    })
    signal?.addEventListener('abort', abort, { once: true })
  })

/** On a thread of its own: a library that hangs while it is loaded blocks the main thread for ever. */
const watchParent = `
  const parent = require('node:worker_threads').workerData
  setInterval(() => { if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL') }, 200)`

/** Tells the parent process; written at once, so that it is not lost when this process dies right after. */
export const answer = (value: unknown): void => {
  writeSync(messageDescriptor, `${JSON.stringify(value)}\n`)
}

/** An error's message, and on the lines below it those of its causes. */
const wordsOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error)
  return error.cause === undefined ? error.message : `${error.message}\n${wordsOf(error.cause)}`
}

/**
 * Runs the script's work, then ends the process: with 0, or with 1 where the work failed. The process ends by itself
 * when its parent is gone, even in the middle of a native call.
 */
export const inChild = async (work: (argument: unknown) => Promise<void>): Promise<void> => {
  const { argument, parent } = JSON.parse(process.argv[2] ?? '{}') as Order
  const watchdog = new Worker(watchParent, { eval: true, workerData: parent })
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
