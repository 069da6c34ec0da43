/**
 * The artifacts, by content: `blobs/` holds files under their sha256, `actions/` one manifest a fingerprint. A manifest
 * is written last and read with its own hash, so a hit is complete or it is a miss. `artifacts/` shows each artifact as
 * a folder with its files' own names, linked to the blobs, for people and other tools; nothing is ever read back from
 * it. `equals/` has an empty file for each manifest that an engine computed or whose stage read more than it was
 * given, in a folder for all that differ in that alone.
 *
 * Why not cacache, the field's library: its newest line needs a Node newer than ours; it copies every file that it
 * takes in (a finished artifact can be renamed into place); blobs named by a manifest count as garbage to its
 * collector; and it does not flush, so a power cut after "stored" may leave an empty file under a good name.
 */
import * as fs from 'node:fs'
import * as path from 'node:path'
import * as Context from 'effect/Context'
import * as Effect from 'effect/Effect'
import * as Layer from 'effect/Layer'
import { folderOf, showAsFolder } from './artifact-folder.js'
import { makeFolder, writeFileAtomic } from '../../base/files.js'
import { Blobs, type BlobState, type Taken } from './blobs.js'
import { CorruptArtifact, type StoreError, storeErrorOf, UsageError } from '../errors.js'
import { searchKeyOf, type StageIdentity } from '../fingerprint.js'
import { type InParts, inParts } from '../in-parts.js'
import {
  contentOf,
  encodeManifest,
  flawOfNames,
  type Manifest,
  type ManifestDraft,
  readManifest,
  type StoredFile,
} from './manifest.js'
import { ensureFolder, quarantine } from './quarantine.js'
import { isSha256 } from '../shape.js'
import { formatOf, noteScheme, storeFormat } from './store-format.js'

export type { Manifest, ManifestDraft, StoredFile } from './manifest.js'

/** The very files that were verified, by their name in the artifact: whether one was replaced or written to since. */
export type Seal = Readonly<Record<string, string>>

/** Names of all files, folders with `/` between. A link or a socket has no bytes of its own to keep: an error. */
const filesBelow = (directory: string, prefix = ''): readonly string[] =>
  fs
    .readdirSync(path.join(directory, prefix), { withFileTypes: true })
    .flatMap((entry) => {
      if (entry.isDirectory()) return filesBelow(directory, `${prefix}${entry.name}/`)
      if (!entry.isFile()) throw new Error(`${prefix}${entry.name} is no plain file`)
      return [`${prefix}${entry.name}`]
    })
    .sort()

const attempt = <A>(what: string, run: () => A): Effect.Effect<A, StoreError> =>
  Effect.try({
    try: run,
    catch: storeErrorOf(`cannot ${what}`),
  })

const attemptInParts = <A>(what: string, work: () => InParts<A>): Effect.Effect<A, StoreError> =>
  Effect.mapError(inParts(work), storeErrorOf(`cannot ${what}`))

export class Store extends Context.Service<
  Store,
  {
    readonly root: string
    /** Key schemes of the artifacts that are in it, as far as it knows. */
    readonly keySchemes: readonly number[]
    /** The bytes behind all manifests. */
    readonly blobs: Blobs
    /** Path of a file or folder that belongs to the store. */
    readonly place: (...names: readonly string[]) => string
    /** Makes the store's folder where there is none. */
    readonly make: Effect.Effect<void, StoreError>
    /** Absolute path of a stored file's bytes. */
    readonly blob: (file: StoredFile) => string
    /** The manifest of a complete artifact; anything less, also what cannot be read, is undefined. */
    readonly lookup: (fingerprint: string) => Manifest | undefined
    /** The same, and whether its bytes are known to be as published without reading them. */
    readonly find: (fingerprint: string) => { readonly manifest: Manifest; readonly isWhole: boolean } | undefined
    /**
     * Complete artifacts of stage runs that differ from this one in engine, device, versions or what they read at most;
     * the best first.
     */
    readonly findLike: (
      identity: StageIdentity,
    ) => readonly { readonly manifest: Manifest; readonly isWhole: boolean }[]
    /** The artifact as a folder of files under their own names, made where it is not there. */
    readonly folder: (manifest: Manifest) => Effect.Effect<string, StoreError>
    /**
     * Takes the folder's files into the store and makes them findable, in this order. The folder is worth nothing then.
     * `log` is a file with what the stage printed.
     */
    readonly publish: (draft: ManifestDraft, outDir: string, log?: string) => Effect.Effect<Manifest, StoreError>
    /** Makes an artifact findable whose bytes have been taken in. */
    readonly commit: (manifest: Manifest, taken: readonly Taken[]) => Effect.Effect<void, StoreError>
    /** Whether the artifact was published but is not what it was then; false where it never was, or was removed. */
    readonly isDamaged: (fingerprint: string) => Effect.Effect<boolean, StoreError>
    /**
     * Makes sure that an artifact's bytes are as published, and reads them where that is not known already. What is
     * damaged goes to `quarantine/` and is a hit no more.
     */
    readonly verify: (manifest: Manifest) => Effect.Effect<Seal, CorruptArtifact | StoreError>
  }
>()('genepool/runtime/Store') {
  /**
   * The store in this folder, which need not be there yet. Fails with a UsageError where something else has its name,
   * or where a later genepool has written it.
   */
  static readonly layer = (directory: string): Layer.Layer<Store, UsageError> =>
    Layer.effect(
      Store,
      Effect.suspend(() => {
        if (directory.trim() === '') return Effect.fail(new UsageError({ message: 'the store has an empty name' }))
        const root = path.resolve(directory)
        const stat = fs.statSync(root, { throwIfNoEntry: false })
        if (stat !== undefined && !stat.isDirectory()) {
          return Effect.fail(new UsageError({ message: `the store ${root} is a file, not a folder` }))
        }
        const { format, keySchemes } = formatOf(root)
        if (format <= storeFormat) return Effect.succeed(makeStore(root, keySchemes))
        return Effect.fail(
          new UsageError({
            message:
              `the store ${root} has format ${format}, written by a later genepool; ` +
              `this one knows format ${storeFormat}`,
            hint: 'use that genepool, or another --store',
          }),
        )
      }),
    )
}

/** The same engine first, then the same device, then the newest. */
const byPreference =
  ({ engine }: StageIdentity) =>
  (a: Manifest, b: Manifest): number => {
    const likeness = ({ identity }: Manifest): number =>
      identity.engine?.engine !== engine?.engine ? 0 : identity.engine?.device !== engine?.device ? 1 : 2
    const order = (one: string, other: string): number => (one < other ? -1 : one > other ? 1 : 0)
    return likeness(b) - likeness(a) || order(b.made.at, a.made.at) || order(a.fingerprint, b.fingerprint)
  }

/** So that it is found by runs on other engines, where one computed it, and by what is known before it is computed. */
export const noteEqual = (root: string, fingerprint: string, identity: StageIdentity): void => {
  if (identity.engine === null && identity.reads === undefined) return
  const key = searchKeyOf(identity)
  const entry = path.join(ensureFolder(root, 'equals', key.slice(0, 2), key), fingerprint)
  if (!fs.existsSync(entry)) fs.writeFileSync(entry, '')
}

const namesIn = (folder: string): readonly string[] => {
  try {
    return fs.readdirSync(folder)
  } catch {
    return []
  }
}

const makeStore = (root: string, keySchemes: readonly number[]): Store['Service'] => {
  const blobs = new Blobs(root)
  const place = (...names: readonly string[]): string => path.join(root, ...names)
  const actionPath = (fingerprint: string): string => place('actions', fingerprint.slice(0, 2), `${fingerprint}.json`)

  const manifestOf = (fingerprint: string): Manifest | undefined => {
    if (!isSha256(fingerprint)) return undefined
    const manifest = readManifest(actionPath(fingerprint))
    return manifest?.fingerprint === fingerprint ? manifest : undefined
  }

  const isThere = ({ files }: Manifest): boolean => Object.values(files).every((file) => blobs.isThere(file))

  const lookup = (fingerprint: string): Manifest | undefined => {
    const manifest = manifestOf(fingerprint)
    return manifest !== undefined && isThere(manifest) ? manifest : undefined
  }

  const find: Store['Service']['find'] = (fingerprint) => {
    const manifest = manifestOf(fingerprint)
    if (manifest === undefined) return undefined
    // One look at each file says both, where all is well.
    if (Object.values(manifest.files).every((file) => blobs.isKnownWhole(file))) return { manifest, isWhole: true }
    return isThere(manifest) ? { manifest, isWhole: false } : undefined
  }

  const findLike: Store['Service']['findLike'] = (identity) => {
    const key = searchKeyOf(identity)
    const order = byPreference(identity)
    return namesIn(place('equals', key.slice(0, 2), key))
      .flatMap((fingerprint) => find(fingerprint) ?? [])
      .filter(({ manifest }) => searchKeyOf(manifest.identity) === key)
      .sort((a, b) => order(a.manifest, b.manifest))
  }

  const isDamaged = (fingerprint: string): Effect.Effect<boolean, StoreError> =>
    attempt(`read the store ${root}`, () => {
      const action = actionPath(fingerprint)
      if (!fs.existsSync(action)) return false
      const manifest = readManifest(action)
      if (manifest?.fingerprint !== fingerprint) return true
      const quarantined = namesIn(place('quarantine'))
      return Object.values(manifest.files).some((file) => {
        if (blobs.isThere(file)) return false
        return fs.existsSync(blobs.path(file)) || quarantined.some((name) => name.startsWith(`${file.sha256}.`))
      })
    })

  const folder = (manifest: Manifest): Effect.Effect<string, StoreError> =>
    attemptInParts(`write to the store ${root}`, () => showAsFolder(root, blobs, manifest))

  const commit = (manifest: Manifest, taken: readonly Taken[]): Effect.Effect<void, StoreError> =>
    attemptInParts(`write to the store ${root}`, function* () {
      const { fingerprint, identity } = manifest
      const action = actionPath(fingerprint)
      ensureFolder(root, 'actions', fingerprint.slice(0, 2))
      if (fs.existsSync(action) && readManifest(action) === undefined) quarantine(root, action)
      // Before the manifest: without one it says nothing, and a manifest never lacks it.
      noteEqual(root, fingerprint, identity)
      writeFileAtomic(action, encodeManifest(manifest))
      for (const each of taken) yield* blobs.settle(each)
    }).pipe(
      Effect.andThen(Effect.ignore(folder(manifest))),
      Effect.andThen(
        Effect.sync(() => {
          for (const each of taken) blobs.remember(each)
        }),
      ),
    )

  /** Undefined where it cannot be taken: an artifact is as good without. */
  const takeLog = function* (log: string): InParts<Taken | undefined> {
    try {
      return yield* blobs.take(log)
    } catch {
      return undefined
    }
  }

  const publish = (draft: ManifestDraft, outDir: string, log?: string): Effect.Effect<Manifest, StoreError> =>
    attemptInParts(`write to the store ${root}`, function* () {
      const names = filesBelow(outDir)
      const flaw = flawOfNames(names)
      if (flaw !== undefined) throw new Error(`'${flaw.name}' ${flaw.message}`)
      const taken = new Map<string, Taken>()
      for (const name of names) taken.set(name, yield* blobs.take(path.join(outDir, name)))
      return { taken, printed: log === undefined ? undefined : yield* takeLog(log) }
    }).pipe(
      Effect.flatMap(({ taken, printed }) => {
        const files = Object.fromEntries([...taken].map(([name, { file }]) => [name, file]))
        const made = { ...draft.made, ...(printed === undefined ? {} : { log: printed.file }) }
        const manifest: Manifest = { ...draft, made, content: contentOf(files, draft.summary), files }
        return Effect.as(commit(manifest, [...taken.values(), ...(printed === undefined ? [] : [printed])]), manifest)
      }),
    )

  const verify = (manifest: Manifest): Effect.Effect<Seal, CorruptArtifact | StoreError> =>
    attemptInParts(`verify the artifact of ${manifest.stage}`, function* () {
      const states: { readonly name: string; readonly file: StoredFile; readonly state: BlobState }[] = []
      for (const [name, file] of Object.entries(manifest.files)) {
        states.push({ name, file, state: yield* blobs.check(file) })
      }
      // The manifest stays: without its blobs it is no hit, and it tells a damaged artifact from a missing one.
      const damaged = states.filter(({ state }) => state.is === 'damaged')
      for (const { file } of damaged) blobs.quarantine(file)
      // Its links lead to the damaged bytes.
      if (damaged.length > 0) fs.rmSync(folderOf(root, manifest.fingerprint), { recursive: true, force: true })
      return states
    }).pipe(
      Effect.flatMap((states) => {
        const called = (is: BlobState['is']) => states.filter(({ state }) => state.is === is).map(({ name }) => name)
        const [gone, damaged] = [called('gone'), called('damaged')]
        if (gone.length + damaged.length === 0) {
          return Effect.succeed(
            Object.fromEntries(states.map(({ name, state }) => [name, state.is === 'whole' ? state.data : ''])),
          )
        }
        const what =
          damaged.length > 0
            ? `is damaged (${damaged.join(', ')}); it was moved to quarantine`
            : `is not there any more (${gone.join(', ')})`
        const { fingerprint, stage } = manifest
        return Effect.fail(new CorruptArtifact({ message: `the stored artifact of ${stage} ${what}`, fingerprint }))
      }),
    )

  const make = attempt(`make the store ${root}`, () => {
    makeFolder(root)
    noteScheme(root)
  })

  return Store.of({
    root,
    keySchemes,
    blobs,
    place,
    make,
    blob: (file) => blobs.path(file),
    folder,
    lookup,
    find,
    findLike,
    isDamaged,
    publish,
    commit,
    verify,
  })
}
