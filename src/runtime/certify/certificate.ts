/** What a certification leaves: who can check what against which store, under a hash over its own content. */
import * as Effect from 'effect/Effect'
import type { Json } from '../../dsl/nodes.js'
import { readTextIfThere } from '../../base/files.js'
import { hashOf } from '../canonical.js'
import { sentenceOf } from '../../base/errors.js'
import { UsageError } from '../errors.js'
import type { StageFailure } from '../events.js'
import type { RecordedEnvironment } from '../records/run-environment.js'
import { type Manifest, Store } from '../store/store.js'
import type { Tolerance, Tolerances } from './tolerance.js'
import type { Comparison, Judgement } from './verdict.js'

export interface CertifiedStage extends Judgement {
  readonly stage: string
  readonly kind: string
  readonly fingerprint: string
  readonly content: string
  /** Of what was computed now; null where nothing was. */
  readonly contentNow: string | null
  readonly compared: Comparison
  readonly files: number
  readonly failure: StageFailure | null
  readonly ms: number
  readonly made: Manifest['made']
}

export interface Certificate {
  readonly type: 'genepool-certificate'
  readonly version: 1
  readonly pipeline: string
  /** Whether every stage that was computed again came out as it was stored. */
  readonly certified: boolean
  readonly at: string
  readonly ms: number
  /** Hash of names, kinds, parameters and inputs of all stages. */
  readonly definition: string
  /** Seeds of the definition. */
  readonly seeds: readonly number[]
  readonly sample: { readonly seed: number; readonly of: number; readonly drawn: number }
  /** Where it was computed again. */
  readonly environment: RecordedEnvironment
  /** Of every run that made one of the compared artifacts, where it took place; null where no record says. */
  readonly runs: Readonly<Record<string, RecordedEnvironment | null>>
  readonly tolerance: { readonly named: Tolerances; readonly defaults: Readonly<Record<string, Tolerance>> }
  readonly stages: readonly CertifiedStage[]
  /** All stages whose artifacts are stored. */
  readonly key: readonly Pick<Manifest, 'stage' | 'fingerprint' | 'content'>[]
  /** Stages of which the store has nothing. */
  readonly missing: readonly string[]
  /** Over all of the above, as `hashOf` encodes it. */
  readonly sha256: string
}

/** As a reader will have it: without what JSON does not keep. */
const plain = <A>(value: A): A => JSON.parse(JSON.stringify(value)) as A

export const sealCertificate = (content: Omit<Certificate, 'sha256'>): Certificate => {
  const kept = plain(content)
  return { ...kept, sha256: hashOf(kept, 'certificate') }
}

/** Whether it is as it was written. */
export const isSealed = ({ sha256, ...content }: Certificate): boolean => {
  try {
    return hashOf(content, 'certificate') === sha256
  } catch {
    return false
  }
}

/** Fails with a UsageError where the file is no certificate. */
export const readCertificate = Effect.fnUntraced(function* (file: string): Effect.fn.Return<Certificate, UsageError> {
  const value = yield* Effect.try({
    try: () => JSON.parse(readTextIfThere(file) ?? 'null') as Json,
    catch: (cause) => new UsageError({ message: `cannot read the certificate ${file}: ${sentenceOf(cause)}`, cause }),
  })
  const found = value as unknown as Partial<Certificate> | null
  if (found?.type === 'genepool-certificate' && found.version === 1 && Array.isArray(found.key)) {
    return found as Certificate
  }
  return yield* new UsageError({
    message:
      value === null ? `there is no certificate ${file}` : `${file} is no certificate of this version of genepool`,
    hint: 'genepool certify PIPELINE --out FILE writes one',
  })
})

export interface CheckedKey {
  readonly stage: string
  readonly fingerprint: string
  readonly state: 'held' | 'gone' | 'other' | 'damaged'
}

/** Whether the store holds what the certificate names, byte for byte: every file is read again. */
export const checkKey = Effect.fnUntraced(function* ({ stage, fingerprint, content }: Certificate['key'][number]) {
  const store = yield* Store
  const about = { stage, fingerprint }
  const manifest = store.lookup(fingerprint)
  if (manifest === undefined) return { ...about, state: 'gone' } satisfies CheckedKey
  if (manifest.content !== content) return { ...about, state: 'other' } satisfies CheckedKey
  return yield* store.verify(manifest).pipe(
    Effect.as({ ...about, state: 'held' } satisfies CheckedKey as CheckedKey),
    Effect.catchTag('CorruptArtifact', () => Effect.succeed({ ...about, state: 'damaged' } satisfies CheckedKey)),
  )
})
