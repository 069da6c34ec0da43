/**
 * What lies about in a store besides artifacts: checkpoints that nobody goes on from, leftovers of kills, quarantine,
 * records.
 */
import * as fs from 'node:fs'
import * as path from 'node:path'
import * as Effect from 'effect/Effect'
import { sentenceOf } from '../../base/errors.js'
import { knownTargets } from '../records/known-targets.js'
import { isHeld, liveRuns, lockPath, sweepLocks, tryLock } from '../store/lock.js'
import type { Manifest } from '../store/manifest.js'
import { abandonedStaging } from '../store/staging.js'
import type { Store } from '../store/store.js'
import { bytesOf, codeRecordsIn, entriesIn, leftoversIn } from '../store/stored-entries.js'
import { dayMs } from './garbage-roots.js'

export interface Litter {
  readonly what:
    'checkpoint' | 'staging' | 'quarantine' | 'code record' | 'leftover' | 'artifact folder' | 'target' | 'log'
  readonly path: string
  readonly bytes: number
}

/** What is younger may be somebody's who is not done yet. */
export const litterMinAgeMs = 3_600_000

/** Of a file, or of the youngest file below a folder. */
const changedAt = (place: string): number => {
  const stat = fs.lstatSync(place, { throwIfNoEntry: false })
  if (stat === undefined) return 0
  if (!stat.isDirectory()) return stat.mtimeMs
  return Math.max(stat.mtimeMs, ...entriesIn(place).map((entry) => changedAt(entry.path)))
}

interface LitterOptions {
  readonly keepDays: number
  readonly all: boolean
  readonly namedOnly: boolean
  /** Fingerprints that a root would run now. */
  readonly wanted: ReadonlySet<string>
  readonly whole: readonly Manifest[]
  /** Runs that have a tag. */
  readonly tagged: ReadonlySet<string>
}

export const findLitter = (store: Store['Service'], options: LitterOptions): readonly Litter[] => {
  const { keepDays, all, wanted, whole } = options
  const now = Date.now()
  const isOlder = (place: string, ms: number): boolean => now - changedAt(place) >= ms
  const finished = new Set(whole.map(({ fingerprint }) => fingerprint))
  const codes = new Set(whole.map(({ identity }) => String(identity.code)))
  const litter = (what: Litter['what'], places: readonly string[]): readonly Litter[] =>
    places.map((place) => ({ what, path: place, bytes: bytesOf(place) }))
  const pathsIn = (part: string): readonly string[] => entriesIn(store.place(part)).map((entry) => entry.path)
  const checkpoints = pathsIn('checkpoints').filter((place) => {
    const fingerprint = path.basename(place)
    if (isHeld(lockPath(store, fingerprint))) return false
    return finished.has(fingerprint) || (!wanted.has(fingerprint) && isOlder(place, keepDays * dayMs))
  })
  const seals = pathsIn('seals').filter(
    (place) =>
      isOlder(place, litterMinAgeMs) && !fs.existsSync(store.place('checkpoints', path.basename(place, '.reads'))),
  )
  const folders = pathsIn('artifacts').filter(
    (place) => !finished.has(path.basename(place)) && isOlder(place, litterMinAgeMs),
  )
  const records = codeRecordsIn(store)
    .filter(({ name, path: place }) => !codes.has(name.replace(/\.json$/, '')) && isOlder(place, litterMinAgeMs))
    .map((entry) => entry.path)
  const kept = new Set([...options.tagged, ...liveRuns(store)])
  const logs = entriesIn(store.place('runs')).filter(
    ({ name, path: place }) =>
      name.endsWith('.log') && !kept.has(name.slice(0, name.indexOf('.'))) && isOlder(place, keepDays * dayMs),
  )
  const targets = options.namedOnly ? [] : knownTargets(store).whole.filter(({ target }) => !fs.existsSync(target.file))
  return [
    ...litter('checkpoint', checkpoints),
    ...litter('staging', abandonedStaging(store)),
    ...litter(
      'quarantine',
      pathsIn('quarantine').filter((place) => all || isOlder(place, 7 * dayMs)),
    ),
    ...litter('code record', records),
    ...litter('artifact folder', folders),
    ...litter(
      'log',
      logs.map((entry) => entry.path),
    ),
    ...litter('leftover', [
      ...seals,
      ...leftoversIn(store)
        .map((entry) => entry.path)
        .filter((each) => isOlder(each, litterMinAgeMs)),
    ]),
    ...litter(
      'target',
      targets.map(({ entry }) => entry),
    ),
  ]
}

/** A checkpoint only while nobody goes on from it: under its lock, which is not waited for. */
const removeCheckpoint = (store: Store['Service'], place: string): Effect.Effect<void> =>
  tryLock(lockPath(store, path.basename(place))).pipe(
    Effect.flatMap((isOurs) =>
      Effect.sync(() => {
        if (!isOurs) return
        fs.rmSync(place, { recursive: true, force: true })
        for (const end of ['', '.reads']) fs.rmSync(store.place('seals', path.basename(place) + end), { force: true })
      }),
    ),
    Effect.scoped,
    Effect.ignore,
  )

export const removeLitter = (store: Store['Service'], litter: readonly Litter[]): Effect.Effect<void> =>
  Effect.forEach(
    litter,
    ({ what, path: place }) =>
      what === 'checkpoint'
        ? removeCheckpoint(store, place)
        : Effect.ignore(
            Effect.try({ try: () => fs.rmSync(place, { recursive: true, force: true }), catch: sentenceOf }),
          ),
    { discard: true },
  ).pipe(Effect.andThen(Effect.ignore(Effect.try({ try: () => sweepLocks(store.place('locks')), catch: sentenceOf }))))
