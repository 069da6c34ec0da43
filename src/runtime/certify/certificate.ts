/** What a certification leaves: who can check what against which store, under a hash over its own content. */
import * as Effect from 'effect/Effect'
import { readTextIfThere } from '../../base/files.js'
import { hashOf } from '../canonical.js'
import { sentenceOf } from '../../base/errors.js'
import { UsageError } from '../errors.js'
import type { StageFailure } from '../events.js'
import type { RecordedEnvironment } from '../records/run-environment.js'
import { environmentFields, failureFields, gitShape } from '../records/run-shapes.js'
import {
  casesShape,
  countShape,
  flagShape,
  jsonShape,
  listShape,
  mapShape,
  nullableShape,
  numberShape,
  oneOfShape,
  readerOf,
  recordShape,
  sha256Shape,
  textShape,
  timeShape,
  valueShape,
} from '../shape.js'
import { madeShape } from '../store/manifest.js'
import { type Manifest, Store } from '../store/store.js'
import type { FigureComparison, Tolerance, Tolerances } from './tolerance.js'
import type { ArtifactDifference, Comparison, Judgement } from './verdict.js'

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

const isSealed = ({ sha256, ...content }: Readonly<Record<string, unknown>>): boolean => {
  try {
    return hashOf(content, 'certificate') === sha256
  } catch {
    return false
  }
}

const toleranceShape = casesShape<'type', Tolerance>('type', 'tolerance', {
  exact: {},
  absolute: { within: numberShape },
  relative: { within: numberShape },
})

const environmentShape = recordShape<RecordedEnvironment>({ ...environmentFields, git: gitShape })

const stageShape = recordShape<CertifiedStage>({
  stage: textShape,
  kind: textShape,
  fingerprint: sha256Shape,
  content: sha256Shape,
  contentNow: nullableShape(sha256Shape),
  compared: casesShape<'of', Comparison>('of', 'comparison', {
    bytes: {},
    figures: { why: textShape },
    shape: { why: textShape },
  }),
  files: countShape,
  failure: nullableShape(recordShape<StageFailure>(failureFields)),
  ms: numberShape,
  made: madeShape,
  verdict: oneOfShape(['identical', 'within-tolerance', 'same-shape', 'differs', 'damaged', 'failed']),
  difference: nullableShape(
    casesShape<'type', ArtifactDifference>('type', 'difference', {
      'missing-file': { file: textShape },
      'new-file': { file: textShape },
      bytes: { file: textShape, offset: countShape },
      summary: { figure: textShape, stored: jsonShape, now: jsonShape },
    }),
  ),
  figures: listShape(
    recordShape<FigureComparison>({
      figure: textShape,
      stored: jsonShape,
      now: jsonShape,
      difference: nullableShape(numberShape),
      tolerance: nullableShape(toleranceShape),
      isWithin: flagShape,
    }),
  ),
})

const read = readerOf(
  recordShape<Certificate>({
    type: oneOfShape(['genepool-certificate']),
    version: valueShape((value): value is 1 => value === 1, 'version that this genepool knows'),
    pipeline: textShape,
    certified: flagShape,
    at: timeShape,
    ms: numberShape,
    definition: textShape,
    seeds: listShape(numberShape),
    sample: recordShape<Certificate['sample']>({ seed: numberShape, of: countShape, drawn: countShape }),
    environment: environmentShape,
    runs: mapShape(nullableShape(environmentShape)),
    tolerance: recordShape<Certificate['tolerance']>({
      named: mapShape(toleranceShape),
      defaults: mapShape(toleranceShape),
    }),
    stages: listShape(stageShape),
    key: listShape(
      recordShape<Certificate['key'][number]>({ stage: textShape, fingerprint: sha256Shape, content: sha256Shape }),
    ),
    missing: listShape(textShape),
    sha256: textShape,
  }),
)

/** With whether it is as it was written. Fails with a UsageError where the file is no certificate. */
export const readCertificate = Effect.fnUntraced(function* (file: string) {
  const value = yield* Effect.try({
    try: (): unknown => JSON.parse(readTextIfThere(file) ?? 'null'),
    catch: (cause) => new UsageError({ message: `cannot read the certificate ${file}: ${sentenceOf(cause)}`, cause }),
  })
  const hint = 'genepool certify PIPELINE --out FILE writes one'
  if (value === null) return yield* new UsageError({ message: `there is no certificate ${file}`, hint })
  return yield* Effect.try({
    // Over all that is there, also what this version does not know.
    try: () => ({ certificate: read(value), isSealed: isSealed(value as Readonly<Record<string, unknown>>) }),
    catch: (cause) => {
      const message = `${file} is no certificate of this version of genepool: ${sentenceOf(cause)}`
      return new UsageError({ message, hint, cause })
    },
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
