/**
 * One holder at a time, across processes. A lock is a file that names its holder; a holder that has died (or, on
 * another machine, has not been seen for a while) loses it, so that a killed run never blocks the next one.
 */
import { randomBytes } from 'node:crypto'
import * as fs from 'node:fs'
import * as path from 'node:path'
import * as Effect from 'effect/Effect'
import type * as Scope from 'effect/Scope'
import { errorCode, sentenceOf } from '../../base/errors.js'
import { readTextIfThere } from '../../base/files.js'
import { StoreError } from '../errors.js'
import { isAlive, keepAlive, type ProcessIdentity, thisProcess } from '../../base/process.js'
import { diskFullText, saysDiskFull } from './disk-full.js'
import type { Store } from './store.js'

interface Holder extends ProcessIdentity {
  readonly token: string
}

const retryMs = 100

/** Of a lock that is never held for long. */
const shortRetryMs = 4

const parse = (text: string): Holder | undefined => {
  try {
    const holder = JSON.parse(text) as Holder | null
    return typeof holder?.token === 'string' ? holder : undefined
  } catch {
    return undefined
  }
}

/** Of what is no file, or cannot be read, nothing: then nobody holds it. */
const textOf = (file: string): string | undefined => {
  try {
    return readTextIfThere(file)
  } catch {
    return ''
  }
}

/**
 * Takes a dead holder's lock away. Whoever links the guard does it alone, so that nobody removes the lock of somebody
 * who came in between.
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
    const text = textOf(file)
    const holder = text === undefined ? undefined : parse(text)
    if (text !== undefined && (holder === undefined || !isAlive(holder, file)))
      fs.rmSync(file, { recursive: true, force: true })
  } finally {
    fs.rmSync(guard, { recursive: true, force: true })
  }
}

const nameOf = ({ pid, host }: Holder): string => `process ${pid} on ${host}`

/** Whether somebody who is alive holds the lock. */
export const isHeld = (file: string): boolean => {
  const holder = parse(textOf(file) ?? '')
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
  fs.writeFileSync(mine, JSON.stringify({ ...thisProcess, token }))
  try {
    fs.linkSync(mine, file)
    return undefined
  } catch (cause) {
    if (errorCode(cause) !== 'EEXIST') throw cause
  } finally {
    fs.rmSync(mine, { force: true })
  }
  const text = textOf(file)
  const holder = text === undefined ? undefined : parse(text)
  if (holder !== undefined && isAlive(holder, file)) {
    return { holder: nameOf(holder), dead: false }
  }
  breakDead(file)
  return { holder: 'a process that has ended', dead: true }
}

/** Takes away every lock in the folder whose holder is dead. */
export const sweepLocks = (folder: string): void => {
  for (const name of fs.readdirSync(folder)) {
    const file = path.join(folder, name)
    // A name without a holder may be one that is being written.
    const holder = name.endsWith('.breaking') ? undefined : parse(textOf(file) ?? '')
    if (holder !== undefined && !isAlive(holder, file)) breakDead(file)
  }
}

const attempt = <A>(file: string, run: () => A): Effect.Effect<A, StoreError> =>
  Effect.try({
    try: run,
    catch: (cause) => {
      const said = `cannot lock ${file}: ${sentenceOf(cause)}`
      const message = saysDiskFull(said) ? `${diskFullText(path.dirname(file))}: ${said}` : said
      return new StoreError({ message, cause })
    },
  })

/** Holds `file` as long as the scope is open, if nobody who lives does; whether it is held. Never waits. */
export const tryLock = (file: string): Effect.Effect<boolean, StoreError, Scope.Scope> => {
  const token = randomBytes(8).toString('hex')
  const take = (): NodeJS.Timeout | undefined => {
    fs.mkdirSync(path.dirname(file), { recursive: true })
    // A dead holder's lock is there to be broken, by one at a time.
    for (let tries = 0; tries < 3; tries++) {
      const refusal = tryTake(file, token)
      if (refusal === undefined) return keepAlive(file)
      if (!refusal.dead) return undefined
    }
    return undefined
  }
  return Effect.acquireRelease(attempt(file, take), (timer) =>
    Effect.sync(() => {
      if (timer === undefined) return
      clearInterval(timer)
      if (parse(textOf(file) ?? '')?.token === token) fs.rmSync(file, { force: true })
    }),
  ).pipe(Effect.map((timer) => timer !== undefined))
}

/** Waits until nobody who lives holds `file`; `onWait` is called once, with the holder's name, when somebody does. */
export const untilFree = Effect.fnUntraced(function* (
  file: string,
  onWait: (holder: string) => void,
): Effect.fn.Return<void, StoreError> {
  let told = false
  for (;;) {
    const holder = yield* attempt(file, () => parse(textOf(file) ?? ''))
    if (holder === undefined || !isAlive(holder, file)) return
    if (!told) onWait(nameOf(holder))
    told = true
    yield* Effect.sleep(retryMs)
  }
})

/**
 * Does something short and synchronous while nobody else does something under the same lock. Fails with what `work`
 * throws, or with what is wrong with the lock's folder.
 */
export const whileLocked = <A>(file: string, work: () => A): Effect.Effect<A, unknown> => {
  const token = randomBytes(8).toString('hex')
  // Taken, used and given back in one step: no interruption finds it held.
  const step = (): { readonly result: A } | Refusal => {
    const refusal = tryTake(file, token)
    if (refusal !== undefined) return refusal
    try {
      return { result: work() }
    } finally {
      fs.rmSync(file, { force: true })
    }
  }
  const again: Effect.Effect<A, unknown> = Effect.try({ try: step, catch: (cause) => cause }).pipe(
    Effect.flatMap((taken) =>
      'result' in taken
        ? Effect.succeed(taken.result)
        : Effect.andThen(Effect.sleep(1 + Math.random() * shortRetryMs), again),
    ),
  )
  return again
}

/** The lock of whoever makes the artifact of this fingerprint, or does something else of this name to the store. */
export const lockPath = (store: Store['Service'], name: string): string => store.place('locks', `${name}.lock`)

const namePattern = /^run\.(.+)\.lock$/

/**
 * Tells others that the run goes on, so that nothing that it has found is taken from under it, for as long as the scope
 * is open. A store in which no lock can be made has nothing collected from it either.
 */
export const markAsLive = (store: Store['Service'], run: string): Effect.Effect<void, never, Scope.Scope> =>
  Effect.ignore(tryLock(lockPath(store, `run.${run}`)))

/** Ids of the runs that are going on. */
export const liveRuns = (store: Store['Service']): readonly string[] => {
  const folder = store.place('locks')
  if (!fs.existsSync(folder)) return []
  return fs.readdirSync(folder).flatMap((name) => {
    const run = namePattern.exec(name)?.[1]
    return run !== undefined && isHeld(store.place('locks', name)) ? [run] : []
  })
}
