/**
 * One holder at a time, across processes. A lock is a file that names its holder; a holder that has died (or, on another
 * machine, has not been seen for a while) loses it, so that a killed run never blocks the next one.
 */
import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import { randomBytes } from 'node:crypto'
import * as Effect from 'effect/Effect'
import type * as Scope from 'effect/Scope'
import { readTextIfThere } from './atomic-file.js'
import { StoreError, sentenceOf } from './errors.js'

interface Holder {
  readonly host: string
  readonly pid: number
  /** When the process started: a process id alone is used again. */
  readonly started: string
  readonly token: string
}

const heartbeatMs = 2_000
/** How long a holder on another machine may go unseen. */
const foreignTimeoutMs = 30_000
const retryMs = 100

/** Linux: start time in clock ticks since boot. Elsewhere the process id has to do. */
const startTimeOf = (pid: number): string | undefined => {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return undefined
  }
}

const self = { host: os.hostname(), pid: process.pid, started: startTimeOf(process.pid) ?? '' }

const isAlive = (holder: Holder, file: string): boolean => {
  if (holder.host !== self.host) {
    const stat = fs.statSync(file, { throwIfNoEntry: false })
    return stat !== undefined && Date.now() - stat.mtimeMs < foreignTimeoutMs
  }
  try {
    process.kill(holder.pid, 0)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ESRCH') return false
  }
  const started = startTimeOf(holder.pid)
  return started === undefined || started === holder.started
}

const parse = (text: string): Holder | undefined => {
  try {
    return JSON.parse(text) as Holder
  } catch {
    return undefined
  }
}

/**
 * Takes a dead holder's lock away. Whoever links the guard does it alone, so that nobody removes the lock of somebody who
 * came in between.
 */
const breakDead = (file: string): void => {
  const guard = `${file}.breaking`
  try {
    fs.mkdirSync(guard)
  } catch {
    const stat = fs.statSync(guard, { throwIfNoEntry: false })
    if (stat !== undefined && Date.now() - stat.mtimeMs > 5_000) fs.rmSync(guard, { recursive: true, force: true })
    return
  }
  try {
    const text = readTextIfThere(file)
    const holder = text === undefined ? undefined : parse(text)
    if (text !== undefined && (holder === undefined || !isAlive(holder, file))) fs.rmSync(file, { force: true })
  } finally {
    fs.rmSync(guard, { recursive: true, force: true })
  }
}

/** Tries once: the lock is ours (undefined), or whose it is. */
const tryTake = (file: string, token: string): string | undefined => {
  const mine = `${file}.${token}`
  // Linked rather than opened: a lock that exists is complete, so nobody reads half a holder.
  fs.writeFileSync(mine, JSON.stringify({ ...self, token }))
  try {
    fs.linkSync(mine, file)
    return undefined
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause
  } finally {
    fs.rmSync(mine, { force: true })
  }
  const text = readTextIfThere(file)
  const holder = text === undefined ? undefined : parse(text)
  if (holder !== undefined && isAlive(holder, file)) return `process ${holder.pid} on ${holder.host}`
  breakDead(file)
  return 'a process that has ended'
}

/** Holds `file` as long as the scope is open; `onWait` is called once, with the holder's name, when there is another. */
export const takeLock = Effect.fnUntraced(function* (
  file: string,
  onWait: (holder: string) => void,
): Effect.fn.Return<void, StoreError, Scope.Scope> {
  const token = randomBytes(8).toString('hex')
  const attempt = <A>(run: () => A): Effect.Effect<A, StoreError> =>
    Effect.try({
      try: run,
      catch: (cause) => new StoreError({ message: `cannot lock ${file}: ${sentenceOf(cause)}`, cause }),
    })
  yield* attempt(() => fs.mkdirSync(path.dirname(file), { recursive: true }))
  let told = false
  const acquire = Effect.gen(function* () {
    for (;;) {
      const holder = yield* attempt(() => tryTake(file, token))
      if (holder === undefined) break
      if (!told && holder.startsWith('process')) {
        told = true
        onWait(holder)
      }
      yield* Effect.sleep(retryMs)
    }
    const timer = setInterval(() => fs.utimes(file, new Date(), new Date(), () => {}), heartbeatMs)
    timer.unref()
    return timer
  })
  yield* Effect.acquireRelease(
    acquire,
    (timer) =>
      Effect.sync(() => {
        clearInterval(timer)
        if (parse(readTextIfThere(file) ?? '')?.token === token) fs.rmSync(file, { force: true })
      }),
    { interruptible: true },
  )
})
