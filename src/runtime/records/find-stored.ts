/** The stored artifact that a word on the command line means: a fingerprint, a content hash, or a file of an artifact. */
import * as fs from 'node:fs'
import * as path from 'node:path'
import * as Effect from 'effect/Effect'
import { StoreError, UsageError, sentenceOf } from '../errors.js'
import { hashFile } from '../file-identity.js'
import { Store } from '../store/store.js'
import { storedContents, type Contents } from '../store/stored-manifests.js'

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
    hint: 'name a fingerprint or a content hash (six digits will do), PIPELINE STAGE, or a file of an artifact; genepool show PIPELINE STAGE prints all of them',
  })

const findByFile = (all: readonly Contents[], root: string, word: string): StoredMatch | undefined => {
  const file = path.resolve(word)
  const real = fs.realpathSync(file)
  const named = inArtifacts(fs.realpathSync(root), real) ?? inArtifacts(root, file)
  const own = all.find(({ fingerprint }) => fingerprint === named)
  if (own !== undefined) return { fingerprint: own.fingerprint, also: [] }
  if (!fs.statSync(real).isFile()) return undefined
  // A copy somewhere else is known by its bytes.
  const sha256 = hashFile(real)
  const [first, ...others] = all.filter(({ files }) => files.includes(sha256))
  return first === undefined
    ? undefined
    : { fingerprint: first.fingerprint, also: others.map(({ fingerprint }) => fingerprint) }
}

/** Fails with a UsageError where nothing is meant, or several artifacts with different bytes are. */
export const storedArtifact = Effect.fnUntraced(function* (word: string) {
  const store = yield* Store
  const all = yield* storedContents()
  if (fs.existsSync(word)) {
    const found = yield* Effect.try({
      try: () => findByFile(all, store.root, word),
      catch: (cause) => new StoreError({ message: `cannot read ${word}: ${sentenceOf(cause)}`, cause }),
    })
    if (found !== undefined) return found
    return yield* unknown(`no artifact in ${store.root} holds ${word}`)
  }
  if (!/^[0-9a-f]{1,64}$/.test(word)) return yield* unknown(`'${word}' is no artifact, and no file either`)
  if (word.length < shortest) return yield* unknown(`'${word}' is too short to name an artifact`)
  const made = all.filter(({ fingerprint }) => fingerprint.startsWith(word))
  const held = all.filter(({ content }) => content.startsWith(word))
  const found = made.length > 0 ? made : held
  const [first, ...others] = found
  if (first === undefined) return yield* unknown(`no artifact in ${store.root} begins with '${word}'`)
  const isOne = made.length > 0 ? others.length === 0 : others.every(({ content }) => content === first.content)
  if (isOne) return { fingerprint: first.fingerprint, also: others.map(({ fingerprint }) => fingerprint) }
  return yield* new UsageError({
    message: `${found.length} artifacts begin with '${word}'`,
    hint: `name one of ${listed(found.map(({ fingerprint }) => fingerprint))}`,
  })
})
