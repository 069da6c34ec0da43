/**
 * The artifacts, by content: `blobs/` holds files under their sha256, `actions/` one manifest a fingerprint. A manifest is
 * written last and read with its own hash, so a hit is complete or it is a miss. `artifacts/` shows each artifact as a
 * folder with its files' own names, linked to the blobs, for people and other tools; nothing is ever read back from it.
 * `equals/` has an empty file for each manifest, in a folder for all that differ in what computed them alone.
 *
 * Why not cacache, the field's library: its newest line needs a Node newer than ours; it copies every file that it takes in
 * (a finished artifact can be renamed into place); blobs named by a manifest count as garbage to its collector; and it
 * does not flush, so a power cut after "stored" may leave an empty file under a good name.
 */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { createHash, randomBytes } from 'node:crypto'
import * as Context from 'effect/Context'
import * as Effect from 'effect/Effect'
import * as Layer from 'effect/Layer'
import type { Json } from '../dsl/nodes.js'
import { readTextIfThere, writeFileAtomic } from './atomic-file.js'
import { hashOf } from './canonical.js'
import { CorruptArtifact, StoreError, UsageError, sentenceOf } from './errors.js'
import { hashFile } from './file-identity.js'
import { engineFreeKeyOf, type StageIdentity } from './fingerprint.js'

export interface StoredFile {
  readonly sha256: string
  readonly bytes: number
}

/** What is known of one artifact. Only `content` goes into the fingerprints of what reads it. */
export interface Manifest {
  readonly fingerprint: string
  readonly stage: string
  /** Hash over the files' names and bytes and the summary. */
  readonly content: string
  readonly files: Readonly<Record<string, StoredFile>>
  readonly summary: Readonly<Record<string, Json>>
  readonly identity: StageIdentity
  /** How it came about; never part of an identity. */
  readonly made: {
    readonly at: string
    readonly ms: number
    readonly node: string
    readonly platform: string
    readonly threads: number
    readonly run: string
    /** Of a stage that extends: what it was given to go on from, so that `ms` is the time of the rest. */
    readonly goesOnFrom?: string
    /** Of what a stage left on its way: the stage's own fingerprint; `ms` is its time so far. */
    readonly milestoneOf?: string
  }
}

export type ManifestDraft = Pick<Manifest, 'fingerprint' | 'stage' | 'summary' | 'identity' | 'made'>

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

/** Bytes of a stored file, flushed before it gets its name: a power cut must not leave an empty blob behind a hit. */
const flush = (file: string): void => {
  const descriptor = fs.openSync(file, 'r+')
  try {
    fs.fsyncSync(descriptor)
  } finally {
    fs.closeSync(descriptor)
  }
}

/** Another name for the same bytes; a file system without hard links gets a copy. */
const linkOrCopy = (from: string, to: string): void => {
  try {
    fs.linkSync(from, to)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'EEXIST') return
    fs.copyFileSync(from, to)
  }
}

const attempt = <A>(what: string, run: () => A): Effect.Effect<A, StoreError> =>
  Effect.try({
    try: run,
    catch: (cause) => new StoreError({ message: `cannot ${what}: ${sentenceOf(cause)}`, cause }),
  })

const checksum = (text: string): string => createHash('sha256').update(text).digest('hex')

export class Store extends Context.Service<
  Store,
  {
    readonly root: string
    /** Path of a file or folder that belongs to the store. */
    readonly place: (...names: readonly string[]) => string
    /** Makes the store's folder where there is none. */
    readonly make: Effect.Effect<void, StoreError>
    /** Absolute path of a stored file's bytes. */
    readonly blob: (file: StoredFile) => string
    /** The manifest of a complete artifact; anything less is undefined. */
    readonly lookup: (fingerprint: string) => Effect.Effect<Manifest | undefined, StoreError>
    /** Complete artifacts of stage runs that differ from this one in engine, device or versions at most; the best first. */
    readonly lookupAnyEngine: (identity: StageIdentity) => Effect.Effect<readonly Manifest[], StoreError>
    /** The artifact as a folder of files under their own names, made where it is not there. */
    readonly folder: (manifest: Manifest) => Effect.Effect<string, StoreError>
    /** Takes the folder's files into the store and makes them findable, in this order. The folder is emptied. */
    readonly publish: (draft: ManifestDraft, outDir: string) => Effect.Effect<Manifest, StoreError>
    /** Whether the artifact was published but is not what it was then; false where it never was, or was removed. */
    readonly isDamaged: (fingerprint: string) => Effect.Effect<boolean, StoreError>
    /** Reads every byte of an artifact again; what is not as published goes to `quarantine/` and is a hit no more. */
    readonly verify: (manifest: Manifest) => Effect.Effect<void, CorruptArtifact | StoreError>
  }
>()('genepool/runtime/Store') {
  /** The store in this folder, which need not be there yet. Fails with a UsageError where something else has its name. */
  static readonly layer = (directory: string): Layer.Layer<Store, UsageError> =>
    Layer.effect(
      Store,
      Effect.suspend(() => {
        if (directory.trim() === '') return Effect.fail(new UsageError({ message: 'the store has an empty name' }))
        const root = path.resolve(directory)
        const stat = fs.statSync(root, { throwIfNoEntry: false })
        if (stat === undefined || stat.isDirectory()) return Effect.succeed(makeStore(root))
        return Effect.fail(new UsageError({ message: `the store ${root} is a file, not a folder` }))
      }),
    )
}

/** One level at a time: Node's recursive form never returns where a folder cannot be made (below /proc). */
const makeFolder = (folder: string): void => {
  if (fs.existsSync(folder)) return
  makeFolder(path.dirname(folder))
  fs.mkdirSync(folder)
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

const makeStore = (root: string): Store['Service'] => {
  const place = (...names: readonly string[]): string => path.join(root, ...names)
  const actionPath = (fingerprint: string): string => place('actions', fingerprint.slice(0, 2), `${fingerprint}.json`)
  const blob = (file: StoredFile): string => place('blobs', file.sha256.slice(0, 2), file.sha256)

  const readManifest = (file: string): Manifest | undefined => {
    const text = readTextIfThere(file)
    const end = text?.indexOf('\n') ?? -1
    if (text === undefined || end < 0) return undefined
    const body = text.slice(end + 1)
    return text.slice(0, end) === checksum(body) ? (JSON.parse(body) as Manifest) : undefined
  }

  const isWhole = (manifest: Manifest): boolean =>
    Object.values(manifest.files).every(
      (file) => fs.statSync(blob(file), { throwIfNoEntry: false })?.size === file.bytes,
    )

  const wholeManifest = (fingerprint: string): Manifest | undefined => {
    const manifest = readManifest(actionPath(fingerprint))
    return manifest?.fingerprint === fingerprint && isWhole(manifest) ? manifest : undefined
  }

  const lookup = (fingerprint: string): Effect.Effect<Manifest | undefined, StoreError> =>
    attempt(`read the store ${root}`, () => wholeManifest(fingerprint))

  const equalsFolder = (identity: StageIdentity): string => {
    const key = engineFreeKeyOf(identity)
    return place('equals', key.slice(0, 2), key)
  }

  const lookupAnyEngine = (identity: StageIdentity): Effect.Effect<readonly Manifest[], StoreError> =>
    attempt(`read the store ${root}`, () => {
      const folder = equalsFolder(identity)
      const fingerprints = fs.existsSync(folder) ? fs.readdirSync(folder) : []
      return fingerprints
        .map((fingerprint) => wholeManifest(fingerprint))
        .filter((manifest) => manifest !== undefined)
        .sort(byPreference(identity))
    })

  const quarantine = (file: string): void => {
    fs.mkdirSync(place('quarantine'), { recursive: true })
    fs.renameSync(file, place('quarantine', `${path.basename(file)}.${randomBytes(4).toString('hex')}`))
  }

  const isQuarantined = (file: StoredFile): boolean =>
    fs.existsSync(place('quarantine')) &&
    fs.readdirSync(place('quarantine')).some((name) => name.startsWith(`${file.sha256}.`))

  const isDamaged = (fingerprint: string): Effect.Effect<boolean, StoreError> =>
    attempt(`read the store ${root}`, () => {
      const action = actionPath(fingerprint)
      if (!fs.existsSync(action)) return false
      const manifest = readManifest(action)
      if (manifest === undefined) return true
      return Object.values(manifest.files).some((file) => {
        const size = fs.statSync(blob(file), { throwIfNoEntry: false })?.size
        return size === undefined ? isQuarantined(file) : size !== file.bytes
      })
    })

  const take = (source: string): StoredFile => {
    const file = { sha256: hashFile(source), bytes: fs.statSync(source).size }
    const target = blob(file)
    fs.mkdirSync(path.dirname(target), { recursive: true })
    fs.chmodSync(source, 0o644)
    flush(source)
    // Also when the blob is there already: the same bytes again heal one that was damaged.
    fs.renameSync(source, target)
    fs.chmodSync(target, 0o444)
    return file
  }

  const folderOf = (fingerprint: string): string => place('artifacts', fingerprint)

  const showAsFolder = (manifest: Manifest): string => {
    const folder = folderOf(manifest.fingerprint)
    for (const [name, file] of Object.entries(manifest.files)) {
      const shown = path.join(folder, name)
      if (fs.existsSync(shown)) continue
      fs.mkdirSync(path.dirname(shown), { recursive: true })
      linkOrCopy(blob(file), shown)
    }
    return folder
  }

  const folder = (manifest: Manifest): Effect.Effect<string, StoreError> =>
    attempt(`write to the store ${root}`, () => showAsFolder(manifest))

  const publish = (draft: ManifestDraft, outDir: string): Effect.Effect<Manifest, StoreError> =>
    attempt(`write to the store ${root}`, () => {
      const files: Record<string, StoredFile> = {}
      for (const name of filesBelow(outDir)) files[name] = take(path.join(outDir, name))
      const manifest: Manifest = { ...draft, content: hashOf({ files, summary: draft.summary }), files }
      const body = JSON.stringify(manifest)
      const action = actionPath(draft.fingerprint)
      if (fs.existsSync(action) && readManifest(action) === undefined) quarantine(action)
      writeFileAtomic(action, `${checksum(body)}\n${body}`)
      const equals = equalsFolder(draft.identity)
      fs.mkdirSync(equals, { recursive: true })
      fs.writeFileSync(path.join(equals, draft.fingerprint), '')
      return manifest
    }).pipe(Effect.tap((manifest) => Effect.ignore(folder(manifest))))

  const verify = (manifest: Manifest): Effect.Effect<void, CorruptArtifact | StoreError> =>
    attempt(`verify the artifact of ${manifest.stage}`, () => {
      const bad = Object.entries(manifest.files).filter(([, file]) => {
        const stat = fs.statSync(blob(file), { throwIfNoEntry: false })
        return stat?.size !== file.bytes || hashFile(blob(file)) !== file.sha256
      })
      // The manifest stays: without its blobs it is no hit, and it tells a damaged artifact from a missing one.
      for (const [, file] of bad) if (fs.existsSync(blob(file))) quarantine(blob(file))
      // Its links lead to the damaged bytes.
      if (bad.length > 0) fs.rmSync(folderOf(manifest.fingerprint), { recursive: true, force: true })
      return bad.map(([name]) => name)
    }).pipe(
      Effect.flatMap((bad) =>
        bad.length === 0
          ? Effect.void
          : Effect.fail(
              new CorruptArtifact({
                message: `the stored artifact of ${manifest.stage} is damaged (${bad.join(', ')}); it was moved to quarantine`,
                fingerprint: manifest.fingerprint,
              }),
            ),
      ),
    )

  const make = attempt(`make the store ${root}`, () => makeFolder(root))

  return Store.of({ root, place, make, blob, folder, lookup, lookupAnyEngine, isDamaged, publish, verify })
}
