/**
 * What a stage reads, held still: external files and stored bytes are what the fingerprint names before the stage
 * starts, and nobody touched them until it ended. A file that was edited and put back meanwhile has been touched: what
 * the stage read of it nobody knows, so the result is worth nothing, whatever the file holds now.
 */
import * as fs from 'node:fs'
import * as Effect from 'effect/Effect'
import { hashOf } from '../canonical.js'
import { asStageError, CorruptArtifact, StageError, type StoreError } from '../errors.js'
import { changedAtMs, clockTickMs, dataIdentityOf, identityOf } from '../file-identity.js'
import { hashSource, isFolderSource, sourceIdentity } from '../folder-source.js'
import { type InParts, inParts } from '../in-parts.js'
import { type Manifest, type Seal, Store } from './store.js'

export interface SourceFile {
  readonly path: string
  readonly sha256: string
  /** The file's identity when it was hashed: what a finished stage is held against. */
  readonly identity: string
}

interface SealedSource extends SourceFile {
  /** It was written to so shortly before that another write might leave no trace: read again at the end. */
  readonly young: boolean
  /** Names that it has; undefined of a folder. */
  readonly links: number | undefined
}

const linksOf = (file: string): number | undefined =>
  isFolderSource(file) ? undefined : fs.statSync(file, { throwIfNoEntry: false })?.nlink

export interface SealedInputs {
  readonly sources: readonly SealedSource[]
  readonly artifacts: readonly { readonly manifest: Manifest; readonly seal: Seal }[]
}

function* sealSource(file: SourceFile): InParts<SealedSource> {
  const now = Date.now()
  const identity = yield* sourceIdentity(file.path)
  // Its identity moves when it is copied back or gets other rights; its bytes are what counts, as long as nothing runs.
  if (identity === undefined || (identity !== file.identity && (yield* hashSource(file.path)) !== file.sha256)) {
    throw new StageError({
      message: `${file.path} has changed since this run began`,
      hint: 'run again: it is computed from what the file holds now',
    })
  }
  return { ...file, identity, young: changedAtMs(identity) + clockTickMs >= now, links: linksOf(file.path) }
}

/** Verifies all that the stage is about to read. */
export const sealInputs = Effect.fnUntraced(function* (
  sources: Readonly<Record<string, SourceFile>>,
  inputs: Readonly<Record<string, Manifest>>,
): Effect.fn.Return<SealedInputs, StageError | CorruptArtifact | StoreError, Store> {
  const store = yield* Store
  const artifacts: SealedInputs['artifacts'][number][] = []
  for (const manifest of Object.values(inputs)) artifacts.push({ manifest, seal: yield* store.verify(manifest) })
  const sealed: SealedSource[] = []
  for (const file of Object.values(sources)) {
    sealed.push(
      yield* Effect.mapError(
        inParts(() => sealSource(file)),
        asStageError,
      ),
    )
  }
  return { sources: sealed, artifacts }
})

/**
 * Whether a file got or lost a name of its own, and nothing else: so does one of a package that another project
 * installs from the same store.
 */
const isLinked = ({ path, identity, links }: SealedSource, now: string | undefined): boolean =>
  now !== undefined && now !== identity && dataIdentityOf(now) === dataIdentityOf(identity) && linksOf(path) !== links

const isTouched = (source: SealedSource): boolean => {
  const { path, identity } = source
  // Looking at all files of a folder takes too long to be done while a stage runs.
  if (isFolderSource(path)) return false
  try {
    const now = identityOf(path)
    return now !== identity && !isLinked(source, now)
  } catch {
    return true
  }
}

/**
 * The first external file that was touched, if any; cheap enough to be asked while the stage runs. Folders are looked
 * at when it has ended.
 */
export const touchedSource = (sealed: SealedInputs): string | undefined => sealed.sources.find(isTouched)?.path

/** The same once the stage has ended. */
export const changedSource = (sealed: SealedInputs): Effect.Effect<string | undefined, StageError> =>
  Effect.mapError(
    inParts(function* () {
      const touched = touchedSource(sealed)
      if (touched !== undefined) return touched
      for (const source of sealed.sources) {
        const { young, path, sha256, identity } = source
        const now = yield* sourceIdentity(path)
        if (isFolderSource(path) && now !== identity) return path
        if ((young || isLinked(source, now)) && (yield* hashSource(path)) !== sha256) return path
      }
      return undefined
    }),
    asStageError,
  )

/** Fails where stored bytes that the stage read are damaged or gone now, or have been replaced meanwhile. */
export const verifyAgain = Effect.fnUntraced(function* (
  sealed: SealedInputs,
): Effect.fn.Return<void, CorruptArtifact | StoreError, Store> {
  const store = yield* Store
  for (const { manifest, seal } of sealed.artifacts) {
    const now = yield* store.verify(manifest)
    const replaced = Object.keys(seal).find((name) => seal[name] !== now[name])
    if (replaced === undefined) continue
    const { fingerprint, stage } = manifest
    return yield* new CorruptArtifact({
      message: `the stored artifact of ${stage} was replaced (${replaced}) while a stage read it`,
      fingerprint,
    })
  }
})

/** Whether nothing that the stage reads was touched; of stored bytes only by their identity. */
export const isUntouched = (store: Store['Service'], sealed: SealedInputs): boolean =>
  touchedSource(sealed) === undefined &&
  sealed.artifacts.every(({ manifest, seal }) =>
    Object.entries(manifest.files).every(
      ([name, file]) => dataIdentityOf(identityOf(store.blob(file)) ?? '') === seal[name],
    ),
  )

/** The file system's number is another one after a restart of the machine. */
const withoutDevice = (identity: string | undefined): string => identity?.slice(identity.indexOf(':') + 1) ?? ''

/** The same as long as nobody has touched anything of it. */
export const sealOf = (sealed: SealedInputs): string =>
  hashOf([
    sealed.sources.map(({ path, identity }) => [path, withoutDevice(identity)]),
    sealed.artifacts.map(({ manifest, seal }) =>
      Object.keys(manifest.files).map((name) => [manifest.files[name]!.sha256, withoutDevice(seal[name])]),
    ),
  ])
