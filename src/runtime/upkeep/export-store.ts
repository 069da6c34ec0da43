/** Writes artifacts, all that they were made from, the code behind them and the runs that made them into one file. */
import { randomBytes } from 'node:crypto'
import * as fs from 'node:fs'
import * as path from 'node:path'
import { pipeline } from 'node:stream/promises'
import * as Effect from 'effect/Effect'
import { atOnce } from '../in-parts.js'
import { acceptedPath } from '../code/record-store.js'
import { storeErrorOf } from '../errors.js'
import { keyScheme } from '../fingerprint.js'
import { lockPath, tryLock } from '../store/lock.js'
import type { Manifest, StoredFile } from '../store/manifest.js'
import { Store } from '../store/store.js'
import { entriesIn, manifestsIn } from '../store/stored-entries.js'
import { archiveFormat, type ArchiveHeader, headerName, isOfRun } from './archive.js'
import { markKept } from './garbage-roots.js'
import type { OnProgress } from './verify-store.js'

interface ExportOptions {
  /** The pipeline, cell or run, in the user's words. */
  readonly of: string
  readonly manifests: readonly Manifest[]
  /** Runs to export besides those that made the artifacts. */
  readonly runs: readonly string[]
  readonly file: string
  readonly genepool: string
  readonly onProgress: OnProgress
}

/** With those that they were made from, all the way up. */
const withLineage = (store: Store['Service'], manifests: readonly Manifest[]): readonly Manifest[] => {
  const all = manifestsIn(store).flatMap(({ manifest }) => (manifest === undefined ? [] : [manifest]))
  const isWhole = (manifest: Manifest): boolean =>
    Object.values(manifest.files).every((file) => store.blobs.isThere(file))
  const fingerprints = new Set(manifests.map(({ fingerprint }) => fingerprint))
  const root = { label: '', kind: 'named' as const, fingerprints, wanted: new Set<string>() }
  const { kept } = markKept(all.filter(isWhole), [root])
  return all.filter(({ fingerprint }) => kept.has(fingerprint))
}

/** Names inside the store, inputs before what is found by them. */
const namesOf = (
  store: Store['Service'],
  manifests: readonly Manifest[],
  runs: readonly string[],
): readonly string[] => {
  const within = (place: string): string => path.relative(store.root, place).split(path.sep).join('/')
  const hashed = (part: string, hash: string): string => `${part}/${hash.slice(0, 2)}/${hash}`
  const isThere = (log: StoredFile): boolean => atOnce(store.blobs.check(log)).is === 'whole'
  const blobs = manifests
    .flatMap(({ files, made: { log } }) => [...Object.values(files), ...(log && isThere(log) ? [log] : [])])
    .map(({ sha256 }) => hashed('blobs', sha256))
  const codes = manifests.map(({ identity }) => `${hashed('code', String(identity.code))}.json`)
  const made = new Set([...runs, ...manifests.map(({ made: { run } }) => run)])
  const records = entriesIn(store.place('runs')).filter((entry) => [...made].some((run) => isOfRun(run, entry)))
  // Where they are in force, what was made before them is a hit; and lineage says who declared what.
  const accepted = fs.existsSync(acceptedPath(store.root)) ? [within(acceptedPath(store.root))] : []
  return [
    ...new Set(blobs),
    ...[...new Set(codes)].filter((name) => fs.existsSync(store.place(name))),
    ...accepted,
    ...records.filter((entry) => fs.statSync(entry.path).isFile()).map((entry) => within(entry.path)),
    ...manifests.map(({ fingerprint }) => `${hashed('actions', fingerprint)}.json`),
  ]
}

/** Writes `names` of the folder as a tar, the header first; `signal` ends it. */
const writeTar = async (
  options: { readonly root: string; readonly header: string; readonly names: readonly string[]; readonly file: string },
  onBytes: (done: number) => void,
  signal: AbortSignal,
): Promise<void> => {
  const { create } = await import('tar')
  const { root, header, names, file } = options
  const pack = create(
    {
      cwd: root,
      portable: true,
      strict: true,
      noDirRecurse: true,
      onWriteEntry: (entry) => {
        if (entry.path === header) entry.path = headerName
      },
    },
    [header, ...names],
  )
  const counted = async function* (): AsyncGenerator<Buffer> {
    let done = 0
    for await (const chunk of pack as AsyncIterable<Buffer>) {
      onBytes((done += chunk.length))
      yield chunk
    }
  }
  await pipeline(counted, fs.createWriteStream(file, { flush: true }), { signal })
}

/**
 * The file is there whole or not at all. Fails with CorruptArtifact where what is to be exported is damaged, before
 * anything is written. Gives the header.
 */
export const exportArtifacts = Effect.fn('exportArtifacts')(function* (options: ExportOptions) {
  const store = yield* Store
  const cannotWrite = storeErrorOf(`cannot write ${options.file}`)
  const manifests = withLineage(store, options.manifests)
  for (const manifest of manifests) {
    yield* store.verify(manifest)
    yield* Effect.yieldNow
  }
  const names = namesOf(store, manifests, options.runs)
  const bytes = names.reduce((sum, name) => sum + fs.statSync(store.place(name)).size, 0)
  const header: ArchiveHeader = {
    format: archiveFormat,
    keyScheme,
    genepool: options.genepool,
    exportedAt: new Date().toISOString(),
    of: options.of,
    artifacts: manifests.length,
    entries: names.length,
    bytes,
  }
  const token = randomBytes(4).toString('hex')
  const part = `${options.file}.${token}.part`
  const staged = `staging/export-${token}.0/${headerName}`
  yield* Effect.scoped(
    Effect.gen(function* () {
      yield* tryLock(lockPath(store, `export-${token}`))
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => {
          fs.rmSync(part, { force: true })
          fs.rmSync(path.dirname(store.place(staged)), { recursive: true, force: true })
        }),
      )
      yield* Effect.tryPromise({
        try: async (signal) => {
          fs.mkdirSync(path.dirname(store.place(staged)), { recursive: true })
          fs.writeFileSync(store.place(staged), JSON.stringify(header))
          await writeTar(
            { root: store.root, header: staged, names, file: part },
            (done) => options.onProgress(done, bytes),
            signal,
          )
          fs.renameSync(part, options.file)
        },
        catch: cannotWrite,
      })
    }),
  )
  return header
})
