/**
 * How an artifact came about, all the way up: what each stage was, what it read, when, where and by which run it was
 * made. An artifact names what it read by content, so several stage runs may be what made it; then all of them are
 * named.
 */
import * as fs from 'node:fs'
import * as path from 'node:path'
import * as Effect from 'effect/Effect'
import { hashOf } from '../canonical.js'
import { type Acceptances, acceptancesOf } from '../code/acceptances.js'
import { storeErrorOf, UsageError } from '../errors.js'
import { hashInParts } from '../file-identity.js'
import type { EngineIdentity } from '../fingerprint.js'
import { type InParts, inParts } from '../in-parts.js'
import type { Reads } from '../reads.js'
import { notStored } from '../store/find-store.js'
import { type Manifest, Store } from '../store/store.js'
import { type Contents, storedContents } from '../store/stored-entries.js'
import type { RecordedEnvironment } from './run-environment.js'
import { readRun } from './run-log.js'

/** Shorter beginnings of a hash are likely to be typing mistakes. */
const shortest = 6
const mostListed = 5

const listed = (fingerprints: readonly string[]): string =>
  fingerprints
    .slice(0, mostListed)
    .map((fingerprint) => fingerprint.slice(0, 16))
    .join(', ') + (fingerprints.length > mostListed ? ', …' : '')

export interface StoredMatch {
  readonly fingerprint: string
  /** Others that the word means as well: the same bytes, made by other stage runs. */
  readonly also: readonly string[]
}

/** `…/artifacts/<fingerprint>/model.safetensors` of this store → the fingerprint. */
const inArtifacts = (root: string, file: string): string | undefined => {
  const [folder, fingerprint] = path.relative(root, file).split(path.sep)
  return folder === 'artifacts' ? fingerprint : undefined
}

const unknown = (message: string): UsageError =>
  new UsageError({
    message,
    hint:
      'name a fingerprint or a content hash (six digits will do), PIPELINE STAGE, or a file of an artifact; ' +
      'genepool show PIPELINE STAGE prints all of them',
  })

function* findByFile(all: readonly Contents[], root: string, word: string): InParts<StoredMatch | undefined> {
  const file = path.resolve(word)
  const real = fs.realpathSync(file)
  const named = inArtifacts(fs.realpathSync(root), real) ?? inArtifacts(root, file)
  const own = all.find(({ fingerprint }) => fingerprint === named)
  if (own !== undefined) return { fingerprint: own.fingerprint, also: [] }
  if (!fs.statSync(real).isFile()) return undefined
  // A copy somewhere else is known by its bytes.
  const sha256 = yield* hashInParts(real)
  const [first, ...others] = all.filter(({ files }) => files.includes(sha256))
  return first === undefined
    ? undefined
    : { fingerprint: first.fingerprint, also: others.map(({ fingerprint }) => fingerprint) }
}

/**
 * The stored artifact that a word on the command line means: a fingerprint, a content hash, or a file of an artifact.
 * Fails with a UsageError where nothing is meant, or several artifacts with different bytes are.
 */
export const storedArtifact = Effect.fnUntraced(function* (word: string) {
  const store = yield* Store
  const all = yield* storedContents()
  if (fs.existsSync(word)) {
    const found =
      all.length === 0
        ? undefined
        : yield* Effect.mapError(
            inParts(() => findByFile(all, store.root, word)),
            storeErrorOf(`cannot read ${word}`),
          )
    if (found !== undefined) return found
    return yield* notStored(unknown(`no artifact in ${store.root} holds ${word}`))
  }
  if (!/^[0-9a-f]{1,64}$/.test(word)) return yield* notStored(unknown(`'${word}' is no artifact, and no file either`))
  if (word.length < shortest) return yield* unknown(`'${word}' is too short to name an artifact`)
  const made = all.filter(({ fingerprint }) => fingerprint.startsWith(word))
  const held = all.filter(({ content }) => content.startsWith(word))
  const found = made.length > 0 ? made : held
  const [first, ...others] = found
  if (first === undefined) return yield* notStored(unknown(`no artifact in ${store.root} begins with '${word}'`))
  const isOne = made.length > 0 ? others.length === 0 : others.every(({ content }) => content === first.content)
  if (isOne) return { fingerprint: first.fingerprint, also: others.map(({ fingerprint }) => fingerprint) }
  return yield* new UsageError({
    message: `${found.length} artifacts begin with '${word}'`,
    hint: `name one of ${listed(found.map(({ fingerprint }) => fingerprint))}`,
  })
})

export interface LineageInput {
  readonly content: string
  /**
   * Fingerprints of the stored artifacts with these bytes; the first is the one whose lineage goes on: the newest that
   * was there before its reader. Empty where the store has none any more.
   */
  readonly made: readonly string[]
}

interface LineageRun {
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
  /** What it read besides, and what it vouched for. */
  readonly reads: Reads
  readonly trusts: readonly string[]
  readonly files: Manifest['files']
  readonly summary: Manifest['summary']
  readonly made: Omit<Manifest['made'], 'run'>
  readonly run: LineageRun
  readonly inputs: Readonly<Record<string, LineageInput>>
}

export interface Lineage {
  /** Fingerprint of the artifact that was asked for. */
  readonly artifact: string
  /**
   * Every artifact that it came from, itself first, each once; what a training went on from (`made.goesOnFrom`) too.
   */
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
      reads: identity.reads ?? {},
      trusts: identity.trusts ?? [],
      files,
      summary,
      made,
      run: { run, environment: environments.get(run) ?? null },
      inputs,
    })
  }
  return { artifact: artifact.fingerprint, artifacts: [...artifacts.values()] } satisfies Lineage
})
