/** Programs of the test run as a shell runs them: in a process group of their own, which a test can signal or kill. */
import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { RunEvent } from '../../src/runtime/events.js'

export interface Finished {
  /** Null when a signal ended it. */
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
  /** Standard output, where every line is an event. */
  readonly events: readonly RunEvent[]
  readonly ms: number
}

export interface Running {
  readonly pid: number
  readonly done: Promise<Finished>
  /** Resolves with the first event, past ones included, that matches; rejects when the program ends without one. */
  readonly waitFor: (matches: (event: RunEvent) => boolean) => Promise<RunEvent>
  /** Resolves once standard output, from its beginning, matches; rejects when the program ends before. */
  readonly waitForText: (pattern: RegExp) => Promise<void>
  /** To every process of the group, as a terminal does it. */
  readonly signalGroup: (signal: NodeJS.Signals) => void
  /** To the program alone; its workers are not told. */
  readonly signal: (signal: NodeJS.Signals) => void
}

export interface StartOptions {
  readonly cwd: string
  readonly env?: Readonly<Record<string, string>>
  /** Nobody reads standard output. */
  readonly closeStdout?: boolean
  /** After this the whole group is killed. */
  readonly timeoutMs?: number
}

interface Waiter {
  readonly matches: (event: RunEvent) => boolean
  readonly found: (event: RunEvent) => void
  readonly ended: (error: Error) => void
}

interface TextWaiter {
  readonly pattern: RegExp
  readonly found: () => void
  readonly ended: (error: Error) => void
}

const parse = (line: string): readonly RunEvent[] => {
  try {
    return [JSON.parse(line) as RunEvent]
  } catch {
    return []
  }
}

/** Starts `node ...args`. */
export const start = (
  args: readonly string[],
  { cwd, env = {}, closeStdout = false, timeoutMs = 60_000 }: StartOptions,
): Running => {
  const began = performance.now()
  const child = spawn(process.execPath, args, {
    cwd,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    // The test run's own loaders are not part of what is tested.
    // Nor do its runs share the machine's queue with whatever else runs on it.
    env: { ...process.env, NODE_OPTIONS: '', GENEPOOL_LEASES: join(cwd, 'node_modules', '.leases'), ...env },
  })
  const pid = child.pid
  if (pid === undefined) throw new Error('no process could be started')
  let [stdout, stderr, rest] = ['', '', '']
  const events: RunEvent[] = []
  const waiters = new Set<Waiter>()
  const textWaiters = new Set<TextWaiter>()
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
    for (const waiter of textWaiters) {
      if (!waiter.pattern.test(stdout)) continue
      textWaiters.delete(waiter)
      waiter.found()
    }
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    for (const event of lines.flatMap(parse)) {
      events.push(event)
      for (const waiter of waiters) {
        if (!waiter.matches(event)) continue
        waiters.delete(waiter)
        waiter.found(event)
      }
    }
  })
  if (closeStdout) child.stdout.destroy()
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  /** What those are told who still wait when it has ended. */
  let over: Error | undefined
  const signalGroup = (signal: NodeJS.Signals): void => {
    process.kill(-pid, signal)
  }
  const timer = setTimeout(() => signalGroup('SIGKILL'), timeoutMs)
  const done = new Promise<Finished>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => {
      clearTimeout(timer)
      over = new Error(`the program ended (${code ?? signal}) before the event: …${stdout.slice(-500)}\n${stderr}`)
      for (const waiter of [...waiters, ...textWaiters]) waiter.ended(over)
      resolve({ code, signal, stdout, stderr, events, ms: performance.now() - began })
    })
  })
  const waitFor: Running['waitFor'] = (matches) => {
    const past = events.find(matches)
    if (past !== undefined) return Promise.resolve(past)
    if (over !== undefined) return Promise.reject(over)
    return new Promise((found, ended) => waiters.add({ matches, found, ended }))
  }
  const waitForText: Running['waitForText'] = (pattern) => {
    if (pattern.test(stdout)) return Promise.resolve()
    if (over !== undefined) return Promise.reject(over)
    return new Promise((found, ended) => textWaiters.add({ pattern, found, ended }))
  }
  return { pid, done, waitFor, waitForText, signalGroup, signal: (signal) => child.kill(signal) }
}

/** Whether a process of this id runs: one that only waits to be buried does not. */
export const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2)[0] !== 'Z'
  } catch (cause) {
    // Without /proc the signal has to do.
    return (cause as NodeJS.ErrnoException).code === 'ENOENT' && !existsSync('/proc/self/stat')
  }
}

/** Waits until the process is gone; whether it was in time. */
export const endsWithin = async (pid: number, ms: number): Promise<boolean> => {
  for (const start = performance.now(); performance.now() - start < ms; await pause(20)) if (!isAlive(pid)) return true
  return !isAlive(pid)
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
