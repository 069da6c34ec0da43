/**
 * Reads every byte of a store again, also what file identity says is unchanged: a disk may rot below the file system.
 */
import * as fs from 'node:fs'
import * as path from 'node:path'
import * as Effect from 'effect/Effect'
import { parseCodeRecord } from '../code/record-store.js'
import { type StoreError, storeErrorOf } from '../errors.js'
import { type InParts, inParts } from '../in-parts.js'
import { showAsFolder } from '../store/artifact-folder.js'
import { isSha256 } from '../shape.js'
import type { Manifest, StoredFile } from '../store/manifest.js'
import { quarantine } from '../store/quarantine.js'
import { noteEqual, Store } from '../store/store.js'
import { blobsIn, codeRecordsIn, entriesIn, type Entry, manifestsIn } from '../store/stored-entries.js'

/**
 * Whether a record of code is what its name says. Only explanations read it: without it they are poorer, never wrong.
 */
const isCodeRecord = ({ name, path }: Entry): boolean => {
  try {
    parseCodeRecord(name.replace(/\.json$/, ''), fs.readFileSync(path, 'utf8'))
    return true
  } catch {
    return false
  }
}

interface Damage {
  readonly what: 'manifest' | 'file' | 'shown file' | 'code record'
  readonly path: string
}

/** An artifact that is a hit no more. */
export interface LostArtifact {
  readonly fingerprint: string
  /** Null where its manifest is damaged, which named the stage. */
  readonly stage: string | null
  /** Files of it that are not as published; empty where its manifest is damaged. */
  readonly files: readonly string[]
}

interface VerifiedStore {
  readonly artifacts: number
  readonly files: number
  readonly bytes: number
  readonly damage: readonly Damage[]
  readonly lost: readonly LostArtifact[]
}

export type OnProgress = (done: number, total: number) => void

const sizeAt = (place: string): number => fs.lstatSync(place, { throwIfNoEntry: false })?.size ?? 0

/** Whether a blob holds what its name says; a name that is no hash says nothing. */
function* isSound(store: Store['Service'], { name, path: place }: Entry): InParts<boolean> {
  if (!isSha256(name) || store.blobs.path({ sha256: name, bytes: 0 }) !== place) return false
  return (yield* store.blobs.check({ sha256: name, bytes: sizeAt(place) }, true)).is !== 'damaged'
}

/** What people are shown of it, where they are shown it, mended. */
function* damagedShown(store: Store['Service'], manifest: Manifest): InParts<readonly Damage[]> {
  const folder = store.place('artifacts', manifest.fingerprint)
  const fileAt = (name: string): number | undefined =>
    fs.lstatSync(path.join(folder, name), { throwIfNoEntry: false })?.ino
  const names = Object.keys(manifest.files)
  const before = new Map(names.map((name) => [name, fileAt(name)]))
  yield* showAsFolder(store.root, store.blobs, manifest)
  return names
    .filter((name) => before.get(name) !== undefined && before.get(name) !== fileAt(name))
    .map((name) => ({ what: 'shown file', path: path.join(folder, name) }))
}

const filesOf = (manifest: Manifest): readonly [string, StoredFile][] => Object.entries(manifest.files)

/** Quarantines what is not as it was published. */
export const verifyStore = Effect.fn('verifyStore')(function* (onProgress: OnProgress) {
  const store = yield* Store
  const damage: Damage[] = []
  const lost: LostArtifact[] = []
  const cannotVerify = storeErrorOf(`cannot verify the store ${store.root}`)
  const attempt = <A>(run: () => A): Effect.Effect<A, StoreError> => Effect.try({ try: run, catch: cannotVerify })
  const attemptInParts = <A>(work: () => InParts<A>): Effect.Effect<A, StoreError> =>
    Effect.mapError(inParts(work), cannotVerify)
  const condemn = (what: Damage['what'], place: string): void => {
    damage.push({ what, path: place })
    quarantine(store.root, place)
  }

  const manifests: Manifest[] = []
  for (const { manifest, path: place, name } of yield* attempt(() => manifestsIn(store))) {
    if (manifest !== undefined) manifests.push(manifest)
    else {
      lost.push({ fingerprint: name.replace(/\.json$/, ''), stage: null, files: [] })
      yield* attempt(() => condemn('manifest', place))
    }
  }

  const blobs = yield* attempt(() => blobsIn(store))
  const total = blobs.reduce((sum, { path: place }) => sum + sizeAt(place), 0)
  let bytes = 0
  for (const blob of blobs) {
    const size = sizeAt(blob.path)
    if (!(yield* attemptInParts(() => isSound(store, blob)))) yield* attempt(() => condemn('file', blob.path))
    bytes += size
    onProgress(bytes, total)
    // So that Ctrl-C is heard.
    yield* Effect.yieldNow
  }
  for (const record of yield* attempt(() => codeRecordsIn(store))) {
    if (!(yield* attempt(() => isCodeRecord(record)))) yield* attempt(() => condemn('code record', record.path))
  }

  const shown = new Set(entriesIn(store.place('artifacts')).map(({ name }) => name))
  for (const manifest of manifests) {
    const { fingerprint, stage } = manifest
    const files = filesOf(manifest).flatMap(([name, file]) => (store.blobs.isThere(file) ? [] : [name]))
    if (files.length > 0) {
      lost.push({ fingerprint, stage, files })
      // Its links lead to the damaged bytes.
      fs.rmSync(store.place('artifacts', fingerprint), { recursive: true, force: true })
      continue
    }
    yield* attempt(() => noteEqual(store.root, fingerprint, manifest.identity))
    if (shown.has(fingerprint)) damage.push(...(yield* attemptInParts(() => damagedShown(store, manifest))))
  }
  return { artifacts: manifests.length, files: blobs.length, bytes, damage, lost } satisfies VerifiedStore
})
