/**
 * How an artifact came about, all the way up: what each stage was, what it read, when, where and by which run it was made.
 * An artifact names what it read by content, so several stage runs may be what made it; then all of them are named.
 */
import * as Effect from 'effect/Effect'
import { hashOf } from '../canonical.js'
import { acceptancesOf, type Acceptances } from '../code/acceptances.js'
import type { EngineIdentity } from '../plan/fingerprint.js'
import type { RecordedEnvironment } from './run-environment.js'
import { readRun } from './run-log.js'
import { Store, type Manifest } from '../store/store.js'
import { storedContents } from '../store/stored-manifests.js'

export interface LineageInput {
  readonly content: string
  /**
   * Fingerprints of the stored artifacts with these bytes; the first is the one whose lineage goes on: the newest that was
   * there before its reader. Empty where the store has none any more.
   */
  readonly made: readonly string[]
}

export interface LineageRun {
  readonly run: string
  /** Null where the run's record is gone, or where an older version kept none. */
  readonly environment: RecordedEnvironment | null
}

export interface LineageArtifact {
  readonly fingerprint: string
  readonly content: string
  readonly stage: string
  readonly kind: string
  readonly params: object
  /** Of the code that computed it. */
  readonly code: string
  /** Edits that were declared harmless: in the code that computed it, and since then in what is taken for that code. */
  readonly accepted: Acceptances
  readonly engine: EngineIdentity | null
  readonly sources: Readonly<Record<string, string>>
  readonly files: Manifest['files']
  readonly summary: Manifest['summary']
  readonly made: Omit<Manifest['made'], 'run'>
  readonly run: LineageRun
  readonly inputs: Readonly<Record<string, LineageInput>>
}

export interface Lineage {
  /** Fingerprint of the artifact that was asked for. */
  readonly artifact: string
  /** Every artifact that it came from, itself first, each once; what a training went on from (`made.goesOnFrom`) too. */
  readonly artifacts: readonly LineageArtifact[]
}

/** A digest already, or the map of files that is digested here. */
const codeDigest = (code: unknown): string => (typeof code === 'string' ? code : hashOf(code, 'code'))

const newestFirst = (a: Manifest, b: Manifest): number =>
  a.made.at > b.made.at ? -1 : a.made.at < b.made.at ? 1 : a.fingerprint < b.fingerprint ? -1 : 1

/** Those that were there when the reader ran, the newest of them first; then the others, which repeat them. */
const likeliestFirst = (makers: readonly Manifest[], reader: Manifest): readonly Manifest[] => {
  const sorted = [...makers].sort(newestFirst)
  const isBefore = (maker: Manifest): boolean => maker.made.at <= reader.made.at
  return [...sorted.filter(isBefore), ...sorted.filter((maker) => !isBefore(maker))]
}

export const lineageOf = Effect.fnUntraced(function* (artifact: Manifest) {
  const store = yield* Store
  const byContent = new Map<string, string[]>()
  for (const { content, fingerprint } of yield* storedContents()) {
    const own = byContent.get(content)
    if (own === undefined) byContent.set(content, [fingerprint])
    else own.push(fingerprint)
  }
  const environments = new Map<string, RecordedEnvironment | null>()
  const artifacts = new Map<string, LineageArtifact>()
  const pending = [artifact]
  for (let manifest = pending.shift(); manifest !== undefined; manifest = pending.shift()) {
    const { fingerprint, content, stage, identity, files, summary } = manifest
    if (artifacts.has(fingerprint)) continue
    const { run, ...made } = manifest.made
    if (!environments.has(run)) environments.set(run, (yield* readRun(run))?.environment ?? null)
    const inputs: Record<string, LineageInput> = {}
    for (const [input, read] of Object.entries(identity.inputs)) {
      const makers: Manifest[] = []
      for (const each of byContent.get(read) ?? []) {
        const maker = store.lookup(each)
        if (maker?.content === read) makers.push(maker)
      }
      const ordered = likeliestFirst(makers, manifest)
      inputs[input] = { content: read, made: ordered.map((maker) => maker.fingerprint) }
      pending.push(...ordered.slice(0, 1))
    }
    const shorter = made.goesOnFrom === undefined ? undefined : store.lookup(made.goesOnFrom)
    if (shorter !== undefined) pending.push(shorter)
    artifacts.set(fingerprint, {
      fingerprint,
      content,
      stage,
      kind: identity.kind,
      params: identity.params,
      code: codeDigest(identity.code),
      accepted: acceptancesOf(store.root, codeDigest(identity.code)),
      engine: identity.engine,
      sources: identity.sources,
      files,
      summary,
      made,
      run: { run, environment: environments.get(run) ?? null },
      inputs,
    })
  }
  return { artifact: artifact.fingerprint, artifacts: [...artifacts.values()] } satisfies Lineage
})
