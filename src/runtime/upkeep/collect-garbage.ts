/**
 * Removes what no root keeps, beside runs that go on. What a run has found it has logged, and the log is read again
 * after manifests have been taken away; what it publishes meanwhile is seen because manifests are listed again after
 * blobs have been taken away, and a publisher looks again once its manifest is there (`Blobs.settle`). What is lost all
 * the same, by a run that has looked something up and not logged it yet, it finds missing when it reads it, and makes
 * again.
 */
import { randomBytes } from 'node:crypto'
import * as fs from 'node:fs'
import * as path from 'node:path'
import * as Effect from 'effect/Effect'
import { storeErrorOf } from '../errors.js'
import { searchKeyOf } from '../fingerprint.js'
import { folderOf } from '../store/artifact-folder.js'
import { readTags } from '../records/run-tags.js'
import { lockPath, tryLock, untilFree } from '../store/lock.js'
import { type Manifest, storedFilesOf } from '../store/manifest.js'
import { writeFormat } from '../store/store-format.js'
import { Store } from '../store/store.js'
import { blobsIn, bytesOf, type Entry, fileAt, type FoundManifest, manifestsIn } from '../store/stored-entries.js'
import { findLitter, type Litter, litterMinAgeMs, removeLitter } from './garbage-litter.js'
import {
  findRoots,
  liveRoots,
  markKept,
  type Marks,
  type NamedTarget,
  type Roots,
  tagRoots,
  youngIn,
} from './garbage-roots.js'

interface Trashed {
  readonly from: string
  readonly at: string
}

/**
 * How garbage is taken from under runs that go on: never deleted where it lies, but renamed away, looked at again, and
 * put back if it is needed after all. Renaming is one step, so a reader finds an entry whole or not at all.
 */
class Trash {
  readonly #folder: string
  readonly #trashed = new Map<string, Trashed>()

  constructor(folder: string) {
    this.#folder = folder
    fs.mkdirSync(folder, { recursive: true })
  }

  /** Takes it, if it still is the file that was looked at; whether it did. */
  take(place: string, file: string | undefined): boolean {
    if (file === undefined) return false
    const at = path.join(this.#folder, String(this.#trashed.size))
    try {
      fs.renameSync(place, at)
    } catch {
      // Somebody else was faster, or it cannot be moved: it stays.
      return false
    }
    this.#trashed.set(place, { from: place, at })
    if (fileAt(at) === file) return true
    this.putBack(place)
    return false
  }

  /** Where something new has come to its place meanwhile, that is as good. */
  putBack(place: string): void {
    const trashed = this.#trashed.get(place)
    if (trashed === undefined) return
    try {
      fs.linkSync(trashed.at, trashed.from)
    } catch {
      if (!fs.existsSync(trashed.from)) fs.renameSync(trashed.at, trashed.from)
    }
  }

  empty(): void {
    fs.rmSync(this.#folder, { recursive: true, force: true })
  }
}

interface GarbageOptions {
  readonly named: readonly NamedTarget[]
  /** Whether definitions that are only known from runs keep nothing. */
  readonly namedOnly: boolean
  /** Artifacts and checkpoints younger than this many days are kept. */
  readonly keepDays: number
  /** Whether all of quarantine goes, instead of what has been there for a week. */
  readonly all: boolean
  readonly dryRun: boolean
}

export interface Garbage {
  readonly roots: Roots
  readonly marks: Marks
  readonly manifests: ReadonlyMap<string, Manifest>
  /** Artifacts that nothing keeps. */
  readonly artifacts: readonly Manifest[]
  readonly damaged: number
  /** Bytes that only these artifacts, or no artifact at all, need. */
  readonly blobs: { readonly number: number; readonly bytes: number }
  readonly litter: readonly Litter[]
}

interface Found {
  readonly garbage: Garbage
  readonly listed: ReadonlyMap<string, FoundManifest>
  readonly doomed: readonly FoundManifest[]
  readonly doomedBlobs: readonly (Entry & { readonly file: string | undefined })[]
}

const blobNames = (manifests: Iterable<Manifest>): ReadonlySet<string> =>
  new Set([...manifests].flatMap((manifest) => storedFilesOf(manifest).map(({ sha256 }) => sha256)))

/** A blob that no manifest names may belong to one that is being published. */
const isOld = (place: string): boolean => {
  const stat = fs.lstatSync(place, { throwIfNoEntry: false })
  return stat !== undefined && Date.now() - stat.ctimeMs > litterMinAgeMs
}

const wholeOf = (found: readonly FoundManifest[]): readonly Manifest[] =>
  found.flatMap(({ manifest }) => (manifest === undefined ? [] : [manifest]))

const find = Effect.fnUntraced(function* (options: GarbageOptions) {
  const store = yield* Store
  const roots = yield* findRoots(options.named, options.namedOnly)
  const found = manifestsIn(store)
  const whole = wholeOf(found)
  const marks = markKept(whole, roots.roots, youngIn(found, options.keepDays))
  const doomed = found.filter(({ manifest }) => manifest === undefined || !marks.kept.has(manifest.fingerprint))
  const artifacts = wholeOf(doomed)
  const needed = blobNames(whole.filter(({ fingerprint }) => marks.kept.has(fingerprint)))
  const named = blobNames(artifacts)
  const doomedBlobs = blobsIn(store)
    .filter(({ name, path: place }) => !needed.has(name) && (named.has(name) || isOld(place)))
    .map((entry) => ({ ...entry, file: fileAt(entry.path) }))
  const bytes = doomedBlobs.reduce((sum, blob) => sum + bytesOf(blob.path), 0)
  const garbage: Garbage = {
    roots,
    marks,
    manifests: new Map(whole.map((manifest) => [manifest.fingerprint, manifest])),
    artifacts,
    damaged: doomed.length - artifacts.length,
    blobs: { number: doomedBlobs.length, bytes },
    litter: findLitter(store, {
      ...options,
      wanted: new Set(roots.roots.flatMap(({ wanted }) => [...wanted])),
      whole,
      tagged: new Set((yield* readTags()).values()),
    }),
  }
  const listed = new Map(found.map((each) => [each.name, each]))
  return { garbage, listed, doomed, doomedBlobs } satisfies Found
})

/** The artifact's other entries, after its manifest: without one they say nothing. */
const removeEntriesOf = (store: Store['Service'], manifest: Manifest): void => {
  const { fingerprint, files, identity } = manifest
  const key = searchKeyOf(identity)
  fs.rmSync(store.place('equals', key.slice(0, 2), key, fingerprint), { recursive: true, force: true })
  const folder = folderOf(store.root, fingerprint)
  for (const [name, file] of Object.entries(files)) {
    store.blobs.renaming(file, () => fs.rmSync(path.join(folder, name), { recursive: true, force: true }))
  }
  fs.rmSync(folder, { recursive: true, force: true })
}

const sweep = Effect.fnUntraced(function* ({ garbage, listed, doomed, doomedBlobs }: Found, trash: Trash) {
  const store = yield* Store
  const taken = doomed.filter(({ path: place, file }) => trash.take(place, file))
  // What a run has found, or somebody has tagged, while the manifests were still there.
  const putAllBack = Effect.sync(() => {
    for (const { path: place } of taken) trash.putBack(place)
  })
  const now = yield* Effect.all([liveRoots(), tagRoots()]).pipe(Effect.tapError(() => putAllBack))
  const { kept } = markKept([...garbage.manifests.values()], now.flat())
  const gone = taken.filter(({ manifest, path: place }) => {
    const isNeeded = manifest !== undefined && kept.has(manifest.fingerprint)
    if (isNeeded) trash.putBack(place)
    return !isNeeded
  })
  const needed = (): ReadonlySet<string> => blobNames(wholeOf(manifestsIn(store, listed)))
  const before = needed()
  const takenBlobs = doomedBlobs.filter(({ name, path: place, file }) => !before.has(name) && trash.take(place, file))
  const after = needed()
  for (const { name, path: place } of takenBlobs) if (after.has(name)) trash.putBack(place)
  for (const manifest of wholeOf(gone)) {
    // Made again meanwhile: all of it is new.
    const { fingerprint } = manifest
    if (!fs.existsSync(store.place('actions', fingerprint.slice(0, 2), `${fingerprint}.json`))) {
      removeEntriesOf(store, manifest)
    }
  }
  trash.empty()
  const blobs = new Set(blobsIn(store).map(({ name }) => name))
  store.blobs.verified.keepOnly((sha256) => blobs.has(sha256))
  writeFormat(store.root, [...new Set(wholeOf(manifestsIn(store, listed)).map(({ identity }) => identity.scheme))])
})

/** Finds what nothing keeps, and removes it unless this is a dry run. One collector at a time. */
export const collectGarbage = Effect.fn('collectGarbage')(function* (options: GarbageOptions) {
  const store = yield* Store
  if (options.dryRun) return (yield* find(options)).garbage
  return yield* Effect.scoped(
    Effect.gen(function* () {
      const lock = lockPath(store, 'gc')
      while (!(yield* tryLock(lock))) yield* untilFree(lock, () => {})
      const found = yield* find(options)
      const trash = yield* Effect.try({
        try: () => new Trash(store.place('staging', `gc.${randomBytes(4).toString('hex')}`)),
        catch: storeErrorOf(`cannot write to the store ${store.root}`),
      })
      yield* Effect.uninterruptible(sweep(found, trash))
      yield* removeLitter(store, found.garbage.litter)
      return found.garbage
    }),
  )
})
