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

/**
 * Linux: state and start time (clock ticks since boot) of a process. Elsewhere the process id has to do. A zombie is dead:
 * where nobody buries them, as in many containers, they would hold their locks for ever.
 */
const statOf = (pid: number): { readonly isZombie: boolean; readonly started: string } | undefined => {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return { isZombie: fields[0] === 'Z' || fields[0] === 'X', started: fields[19] ?? '' }
  } catch {
    return undefined
  }
}

const self = { host: os.hostname(), pid: process.pid, started: statOf(process.pid)?.started ?? '' }

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
  const stat = statOf(holder.pid)
  return stat === undefined || (!stat.isZombie && stat.started === holder.started)
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

/** Whether somebody who is alive holds the lock. */
export const isHeld = (file: string): boolean => {
  const holder = parse(readTextIfThere(file) ?? '')
  return holder !== undefined && isAlive(holder, file)
}

interface Refusal {
  readonly holder: string
  /** The holder is gone: to be tried again at once. */
  readonly dead: boolean
}

/** Tries once: the lock is ours (undefined), or whose it is. */
const tryTake = (file: string, token: string): Refusal | undefined => {
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
  if (holder !== undefined && isAlive(holder, file)) {
    return { holder: `process ${holder.pid} on ${holder.host}`, dead: false }
  }
  breakDead(file)
  return { holder: 'a process that has ended', dead: true }
}

/** Takes away every lock in the folder whose holder is dead. */
export const sweepLocks = (folder: string): void => {
  for (const name of fs.readdirSync(folder)) {
    const file = path.join(folder, name)
    // A name without a holder may be one that is being written.
    const holder = name.endsWith('.breaking') ? undefined : parse(readTextIfThere(file) ?? '')
    if (holder !== undefined && !isAlive(holder, file)) breakDead(file)
  }
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
  /** Taken and kept alive in one step: an interruption finds either no lock or one that it can release. */
  const take = (): Refusal | NodeJS.Timeout => {
    const refusal = tryTake(file, token)
    if (refusal !== undefined) return refusal
    return setInterval(() => fs.utimes(file, new Date(), new Date(), () => {}), heartbeatMs).unref()
  }
  const acquire = Effect.gen(function* () {
    for (;;) {
      const taken = yield* attempt(take)
      if (!('holder' in taken)) return taken
      if (!told && !taken.dead) {
        told = true
        onWait(taken.holder)
      }
      yield* Effect.sleep(taken.dead ? 0 : retryMs)
    }
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
