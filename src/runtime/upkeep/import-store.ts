/** Takes what another store exported: all of it is read and checked before anything of it can be found. */
import { randomBytes } from 'node:crypto'
import * as fs from 'node:fs'
import * as path from 'node:path'
import * as Effect from 'effect/Effect'
import { expectFile, writeFileAtomic } from '../../base/files.js'
import { errorCode, sentenceOf } from '../../base/errors.js'
import { StoreError, storeErrorOf, UsageError } from '../errors.js'
import { keyScheme } from '../fingerprint.js'
import { inParts } from '../in-parts.js'
import type { Taken } from '../store/blobs.js'
import { changeAcceptedEdits } from '../store/change-accepted-edits.js'
import { lockPath, tryLock } from '../store/lock.js'
import { storedFilesOf } from '../store/manifest.js'
import { Store } from '../store/store.js'
import { type ReadArchive, readArchive } from './archive.js'
import type { OnProgress } from './verify-store.js'

interface Imported {
  readonly of: string
  readonly artifacts: number
  /** How many of them were there already. */
  readonly known: number
  readonly bytes: number
  /** Edits that were declared harmless there, and are so here from now on. */
  readonly accepted: number
  /** Artifacts whose key scheme is an older one: they are kept for their lineage and never found. */
  readonly older: number
}

const writeIfMissing = (place: string, text: string): void => {
  if (!fs.existsSync(place)) writeFileAtomic(place, text)
}

/** Records first, manifests last: wherever it is cut off, what can be found is whole. */
const install = Effect.fnUntraced(function* (archive: ReadArchive) {
  const store = yield* Store
  const cannotWrite = storeErrorOf(`cannot write to the store ${store.root}`)
  yield* Effect.try({
    try: () => {
      for (const [digest, text] of archive.codes) {
        writeIfMissing(store.place('code', digest.slice(0, 2), `${digest}.json`), text)
      }
      for (const [name, text] of archive.runs) writeIfMissing(store.place(name), text)
    },
    catch: cannotWrite,
  })
  yield* changeAcceptedEdits((edits) => {
    const added = archive.accepted.filter(({ id }) => edits.every((edit) => edit.id !== id))
    return added.length === 0 ? edits : [...edits, ...added]
  })
  let known = 0
  for (const manifest of archive.manifests) {
    yield* Effect.yieldNow
    if (store.lookup(manifest.fingerprint) !== undefined) {
      known += 1
      continue
    }
    const taken = yield* Effect.mapError(
      inParts(function* () {
        const all: Taken[] = []
        for (const sha256 of new Set(storedFilesOf(manifest).map((file) => file.sha256))) {
          const staged = archive.blobs.get(sha256)
          // Taken already for another artifact, or a log that was gone.
          if (staged !== undefined && fs.existsSync(staged)) all.push(yield* store.blobs.take(staged))
        }
        return all
      }),
      cannotWrite,
    )
    yield* store.commit(manifest, taken)
  }
  return known
})

/**
 * Fails with a UsageError for a file that is no whole export, or that a later genepool wrote. Importing twice is
 * importing once.
 */
export const importArtifacts = Effect.fn('importArtifacts')(function* (file: string, onProgress: OnProgress) {
  const store = yield* Store
  yield* Effect.try({
    try: () => expectFile(file),
    catch: (cause) =>
      new UsageError({ message: errorCode(cause) === 'ENOENT' ? `there is no file ${file}` : sentenceOf(cause) }),
  })
  yield* store.make
  const token = `import-${randomBytes(4).toString('hex')}`
  const folder = store.place('staging', `${token}.0`)
  return yield* Effect.scoped(
    Effect.gen(function* () {
      yield* tryLock(lockPath(store, token))
      yield* Effect.addFinalizer(() =>
        Effect.ignore(
          Effect.try({ try: () => fs.rmSync(folder, { recursive: true, force: true }), catch: sentenceOf }),
        ),
      )
      const archive = yield* Effect.tryPromise({
        try: (signal) => {
          fs.mkdirSync(folder, { recursive: true })
          return readArchive(path.resolve(file), folder, onProgress, signal)
        },
        catch: (cause): UsageError | StoreError => {
          const message = `cannot import ${file}: ${sentenceOf(cause)}`
          if (!(cause instanceof UsageError)) return new StoreError({ message, cause })
          return new UsageError({ message, ...(cause.hint === undefined ? {} : { hint: cause.hint }) })
        },
      })
      const known = yield* install(archive)
      const { header, manifests } = archive
      return {
        of: header.of,
        artifacts: manifests.length,
        known,
        bytes: header.bytes,
        accepted: archive.accepted.filter(({ revokedAt }) => revokedAt === undefined).length,
        older: manifests.filter(({ identity }) => identity.scheme < keyScheme).length,
      } satisfies Imported
    }),
  )
})
