/** Runs another program to its end, and reads what it prints. */
import { type ChildProcess, spawn } from 'node:child_process'
import { errorCode } from './errors.js'

export interface ProgramEnd {
  /** `null` where a signal ended it. */
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

interface ProgramOptions {
  readonly cwd?: string
  /** Asks the program to end; the promise then rejects with the signal's reason. */
  readonly signal: AbortSignal
  readonly env?: NodeJS.ProcessEnv
  /** Called with each line of its standard output as it comes. */
  readonly onLine?: (line: string) => void
}

/** How long a program that was asked to end may take. */
const graceMs = 1_000

/** Only POSIX systems can signal a group of processes. */
const ownGroup = process.platform !== 'win32'

/** How long the streams of a process that has ended may stay open: a program that it left behind holds them. */
const drainMs = 2_000

/** Closes a process's streams some time after its end: its `close` comes whatever it has left behind. */
export const closeAfterEnd = (child: ChildProcess): void => {
  child.once('exit', () => {
    const timer = setTimeout(() => {
      for (const stream of child.stdio) stream?.destroy()
    }, drainMs)
    child.once('close', () => clearTimeout(timer))
  })
}

/** Calls `take` with each line of the text as it comes, the last one also where nothing ends it. */
export const eachLine = (stream: NodeJS.ReadableStream | null, take: (line: string) => void): void => {
  let rest = ''
  stream?.setEncoding('utf8')
  stream?.on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    lines.forEach(take)
  })
  stream?.on('end', () => {
    if (rest !== '') take(rest)
  })
}

/** Resolves with undefined where there is no such program. */
export const runProgram = (
  command: string,
  args: readonly string[],
  { cwd, signal, env = process.env, onLine }: ProgramOptions,
): Promise<ProgramEnd | undefined> =>
  new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason as Error)
    const child = spawn(command, args, {
      cwd,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      windowsHide: true,
      detached: ownGroup,
    })
    closeAfterEnd(child)
    /** To the program and all that it has started: a compiler is several programs. */
    const send = (what: NodeJS.Signals): void => {
      if (child.pid === undefined) return
      try {
        process.kill(ownGroup ? -child.pid : child.pid, what)
      } catch {
        // It has ended in the meantime.
      }
    }
    let last: NodeJS.Timeout | undefined
    const abort = (): void => {
      send('SIGTERM')
      last = setTimeout(() => send('SIGKILL'), graceMs)
    }
    signal.addEventListener('abort', abort, { once: true })
    const settle = (finish: () => void): void => {
      signal.removeEventListener('abort', abort)
      clearTimeout(last)
      if (signal.aborted) reject(signal.reason as Error)
      else finish()
    }
    let [stdout, stderr] = ['', '']
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      stdout += chunk
    })
    if (onLine !== undefined) eachLine(child.stdout, onLine)
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      stderr += chunk
    })
    child.once('error', (error) =>
      settle(() => (['ENOENT', 'EACCES'].includes(errorCode(error) ?? '') ? resolve(undefined) : reject(error))),
    )
    child.once('close', (code) => settle(() => resolve({ code, stdout, stderr })))
  })

/** The last line that is not empty, which is where programs say what was wrong. */
export const lastLine = (text: string): string =>
  text
    .split('\n')
    .map((line) => line.trim())
    .findLast((line) => line !== '') ?? ''
