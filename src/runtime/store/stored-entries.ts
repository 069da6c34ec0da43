/** What lies in a store, listed: for whoever cleans it up, reads it whole or looks for an artifact by what it holds. */
import * as fs from 'node:fs'
import * as path from 'node:path'
import * as Effect from 'effect/Effect'
import { storeErrorOf } from '../errors.js'
import { FileIndex, identityOf } from '../file-identity.js'
import { type Manifest, readManifest } from './manifest.js'
import { isSha256 } from '../shape.js'
import { Store } from './store.js'

/** A file or folder of the store. */
export interface Entry {
  readonly path: string
  readonly name: string
}

export interface FoundManifest extends Entry {
  /** Undefined for one that is damaged, or is not what its name says. */
  readonly manifest: Manifest | undefined
  /** Which file it was: one that was written anew since has another. */
  readonly file: string
  /** When it came to its place, in milliseconds since 1970: an imported one was made before. */
  readonly arrivedAt: number
}

export const entriesIn = (folder: string): readonly Entry[] => {
  try {
    return fs.readdirSync(folder).map((name) => ({ path: path.join(folder, name), name }))
  } catch {
    return []
  }
}

/** Entries of the folders by the first two letters of their hash. */
const hashedIn = (store: Store['Service'], part: string): readonly Entry[] =>
  entriesIn(store.place(part)).flatMap((folder) => entriesIn(folder.path))

/** Inode and times that a link or a rename leaves as they are; undefined where there is no such file any more. */
export const fileAt = (place: string): string | undefined => {
  const stat = fs.lstatSync(place, { throwIfNoEntry: false })
  return stat === undefined ? undefined : `${stat.dev}:${stat.ino}:${stat.mtimeMs}`
}

/** `known` saves reading those that have not been written since. */
export const manifestsIn = (
  store: Store['Service'],
  known: ReadonlyMap<string, FoundManifest> = new Map(),
): readonly FoundManifest[] =>
  hashedIn(store, 'actions').flatMap((entry) => {
    const file = fileAt(entry.path)
    if (file === undefined || !entry.name.endsWith('.json')) return []
    const before = known.get(entry.name)
    if (before?.file === file) return [before]
    const manifest = readManifest(entry.path)
    const isItself = manifest !== undefined && `${manifest.fingerprint}.json` === entry.name
    const arrivedAt = fs.lstatSync(entry.path, { throwIfNoEntry: false })?.mtimeMs ?? 0
    return [{ ...entry, manifest: isItself ? manifest : undefined, file, arrivedAt }]
  })

export const blobsIn = (store: Store['Service']): readonly Entry[] => hashedIn(store, 'blobs')

export const codeRecordsIn = (store: Store['Service']): readonly Entry[] => hashedIn(store, 'code')

/** What a kill left of a file that was being written, or was moved aside. */
export const leftoversIn = (store: Store['Service']): readonly Entry[] => {
  const flat = ['index', 'last', 'targets', 'runs', 'tags'].flatMap((part) => entriesIn(store.place(part)))
  const all = [...flat, ...hashedIn(store, 'actions'), ...codeRecordsIn(store), ...entriesIn(store.root)]
  return all.filter(({ name }) => /\.tmp(\.aside)?$/.test(name))
}

/** Bytes of a file or of all files below a folder, each inode once. */
export const bytesOf = (place: string, seen = new Set<string>()): number => {
  const stat = fs.lstatSync(place, { throwIfNoEntry: false })
  if (stat === undefined) return 0
  if (stat.isDirectory()) return entriesIn(place).reduce((sum, entry) => sum + bytesOf(entry.path, seen), 0)
  const inode = `${stat.dev}:${stat.ino}`
  if (seen.has(inode)) return 0
  seen.add(inode)
  return stat.size
}

/** Fingerprints of all manifests, complete or not. Throws where the store cannot be read. */
const storedFingerprints = (store: Store['Service']): readonly string[] => {
  const namesIn = (folder: string): readonly string[] => (fs.existsSync(folder) ? fs.readdirSync(folder) : [])
  return namesIn(store.place('actions'))
    .flatMap((prefix) => namesIn(store.place('actions', prefix)))
    .filter((name) => name.endsWith('.json'))
    .map((name) => name.slice(0, -'.json'.length))
    .filter(isSha256)
}

/** All complete artifacts, read one after the other: for a store that has no index of what is asked. */
export const manifestsNow = (store: Store['Service']): Manifest[] =>
  storedFingerprints(store).flatMap((fingerprint) => store.lookup(fingerprint) ?? [])

/** What is found of an artifact without reading its manifest again. */
export interface Contents {
  readonly fingerprint: string
  readonly content: string
  /** sha256 of each file. */
  readonly files: readonly string[]
}

/** Of every manifest what it holds; of those that have not changed since they were read, from an index. */
export const storedContents = Effect.fnUntraced(function* () {
  const store = yield* Store
  return yield* Effect.try({
    try: (): readonly Contents[] => {
      const index = new FileIndex<Contents>(store.place('index', 'contents.json'), '1')
      const all = storedFingerprints(store).flatMap((fingerprint) => {
        const file = store.place('actions', fingerprint.slice(0, 2), `${fingerprint}.json`)
        const known = index.peek(file)
        if (known !== undefined) return [known]
        const identity = identityOf(file)
        const manifest = store.lookup(fingerprint)
        if (identity === undefined || manifest === undefined) return []
        const { content } = manifest
        const contents = { fingerprint, content, files: Object.values(manifest.files).map(({ sha256 }) => sha256) }
        index.remember(file, identity, contents)
        return [contents]
      })
      index.save()
      return all
    },
    catch: storeErrorOf(`cannot read the store ${store.root}`),
  })
})
