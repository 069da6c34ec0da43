/** What the lines of a run's record must be: each is read by its shape, whoever has written it. */
import { type Escape, ESCAPES } from '../../dsl/option-tables.js'
import type { AxisLabel } from '../../dsl/nodes.js'
import type { Place } from '../../dsl/place.js'
import { isThrownError } from '../errors.js'
import type { CellOutcome, PlannedStage, Reason, RunEstimate, RunEvent, Sharing, StageFailure } from '../events.js'
import { engineShape } from '../fingerprint.js'
import { machineFields } from '../machine.js'
import {
  casesShape,
  countShape,
  dataShape,
  type Fields,
  flagShape,
  jsonShape,
  listShape,
  mapShape,
  nullableShape,
  numberShape,
  oneOfShape,
  optionalShape,
  recordShape,
  sha256Shape,
  textShape,
  timeShape,
  valueShape,
} from '../shape.js'
import type { EngineChoice } from '../stage-contract.js'
import { sharesShape } from '../store/manifest.js'
import type { GitState } from './git-state.js'
import type { RunEnvironment } from './run-environment.js'

const reasonShape = casesShape<'type', Reason>('type', 'reason', {
  'never-ran': {},
  'parameter-changed': { parameter: textShape, before: jsonShape, now: jsonShape },
  'input-changed': { input: textShape, stage: textShape },
  'source-changed': { source: textShape, path: textShape },
  'code-changed': {
    symbol: textShape,
    file: textShape,
    line: numberShape,
    change: oneOfShape(['edited', 'added', 'removed']),
    through: nullableShape(textShape),
    chain: listShape(textShape),
  },
  'code-opaque': { file: textShape, line: numberShape, what: textShape },
  'read-changed': { what: textShape, before: nullableShape(textShape), now: nullableShape(textShape) },
  escape: { escape: oneOfShape<Escape | 'changed'>([...ESCAPES, 'changed']), place: textShape },
  'package-changed': { name: textShape, before: textShape, now: textShape },
  'engine-changed': { before: textShape, now: textShape },
  'machine-changed': { before: textShape, now: textShape },
  'scheme-changed': { before: countShape, now: countShape },
  'source-missing': { path: nullableShape(textShape), message: textShape, hint: optionalShape(textShape) },
  'artifact-missing': {},
  'artifact-corrupt': {},
  'artifact-unverified': {},
  'input-unverified': { input: textShape, stage: textShape },
  'input-pending': { input: textShape, stage: textShape },
  'goes-on': { at: numberShape, unit: textShape },
  'from-start': { because: textShape },
})

const reasonsShape = listShape(reasonShape)

const plannedStageShape = recordShape<PlannedStage>({
  stage: textShape,
  kind: textShape,
  status: oneOfShape(['cached', 'run', 'maybe']),
  reasons: reasonsShape,
  madeBy: optionalShape(engineShape),
})

const sharing = { cells: countShape, asked: countShape, distinct: countShape }

const isLabel = (value: unknown): value is AxisLabel => ['string', 'number', 'boolean'].includes(typeof value)

const outcomeShape = recordShape<CellOutcome>({
  name: textShape,
  at: mapShape(valueShape(isLabel, 'label')),
  seed: numberShape,
  state: oneOfShape(['done', 'failed', 'skipped']),
  failure: optionalShape(recordShape<NonNullable<CellOutcome['failure']>>({ stage: textShape, message: textShape })),
})

const engineChoiceShape = recordShape<EngineChoice & { readonly why: string }>({
  engine: oneOfShape(['onnxruntime', 'tensorflow', 'cpu']),
  device: oneOfShape(['cpu', 'cuda', 'webgpu']),
  deviceIndex: optionalShape(countShape),
  threads: numberShape,
  versions: optionalShape(mapShape(textShape)),
  why: textShape,
})

export const failureFields: Fields<StageFailure> = {
  message: textShape,
  hint: optionalShape(textShape),
  place: optionalShape(recordShape<Place>({ file: textShape, line: numberShape, column: numberShape })),
  stack: optionalShape(textShape),
  causes: optionalShape(listShape(valueShape(isThrownError, 'error'))),
}

type Of<T extends RunEvent['type']> = Extract<RunEvent, { readonly type: T }>

export const gitShape = casesShape<'state', GitState>('state', 'state of a repository', {
  none: {},
  unknown: { why: textShape },
  known: { commit: nullableShape(textShape), branch: nullableShape(textShape), changes: nullableShape(textShape) },
})

export const environmentFields: Fields<RunEnvironment> = {
  genepool: textShape,
  node: textShape,
  packages: recordShape<RunEnvironment['packages']>({
    lockFile: nullableShape(textShape),
    sha256: nullableShape(textShape),
    versions: mapShape(textShape),
  }),
  engine: engineShape,
  machine: recordShape<RunEnvironment['machine']>({
    ...machineFields,
    host: textShape,
    memory: numberShape,
    os: textShape,
    platform: textShape,
  }),
  definition: recordShape<RunEnvironment['definition']>({
    file: nullableShape(textShape),
    sha256: nullableShape(textShape),
  }),
  command: listShape(textShape),
  who: textShape,
  directory: textShape,
  jobs: numberShape,
  reuse: textShape,
  only: nullableShape(textShape),
  variables: mapShape(textShape),
}

/** What a record holds besides events. */
export type RecordLine =
  | ({ readonly type: 'environment' } & RunEnvironment)
  | { readonly type: 'plan'; readonly stages: readonly PlannedStage[] }
  | { readonly type: 'git'; readonly git: GitState }

export const lineShape = casesShape<'type', RunEvent | RecordLine>('type', 'line of a record', {
  environment: environmentFields,
  plan: { stages: listShape(plannedStageShape) },
  git: { git: gitShape },
  'run-started': {
    run: textShape,
    pipeline: textShape,
    file: nullableShape(textShape),
    store: textShape,
    stages: countShape,
    suite: optionalShape(recordShape<Sharing>(sharing)),
    engine: engineChoiceShape,
    jobs: numberShape,
    expected: optionalShape(
      recordShape<RunEstimate>({
        jobs: numberShape,
        leastMs: numberShape,
        mostMs: numberShape,
        unknown: countShape,
      }),
    ),
    at: timeShape,
  },
  'stage-cached': {
    stage: textShape,
    kind: textShape,
    fingerprint: sha256Shape,
    madeBy: optionalShape(engineShape),
  },
  'stage-started': {
    stage: textShape,
    kind: textShape,
    fingerprint: sha256Shape,
    reasons: reasonsShape,
    threads: numberShape,
    resumes: flagShape,
    goesOnFrom: optionalShape(
      recordShape<NonNullable<Of<'stage-started'>['goesOnFrom']>>({
        fingerprint: sha256Shape,
        at: numberShape,
        unit: textShape,
      }),
    ),
  },
  'stage-milestone': {
    stage: textShape,
    at: numberShape,
    unit: textShape,
    fingerprint: sha256Shape,
    content: sha256Shape,
  },
  'stage-waiting': { stage: textShape, holder: textShape, resource: optionalShape(textShape) },
  'stage-retrying': {
    stage: textShape,
    attempt: countShape,
    of: countShape,
    delayMs: numberShape,
    because: textShape,
  },
  'stage-saving': { stage: textShape, bytes: numberShape },
  'stage-progress': {
    stage: textShape,
    phase: textShape,
    step: numberShape,
    steps: numberShape,
    epoch: optionalShape(numberShape),
    epochs: optionalShape(numberShape),
    loss: optionalShape(numberShape),
    validationTop1: optionalShape(numberShape),
    shares: optionalShape(sharesShape),
    images: optionalShape(numberShape),
    madeReady: optionalShape(flagShape),
    stepMs: optionalShape(numberShape),
    imagesPerSecond: optionalShape(numberShape),
    secondsLeft: optionalShape(numberShape),
  },
  'run-progress': { leftMs: numberShape, unknown: countShape, maybe: flagShape },
  'stage-printed': { stage: textShape, lines: listShape(textShape) },
  'stage-finished': {
    stage: textShape,
    kind: textShape,
    fingerprint: sha256Shape,
    content: sha256Shape,
    summary: dataShape,
    ms: numberShape,
    unchanged: flagShape,
  },
  'stage-failed': {
    stage: textShape,
    kind: textShape,
    ms: numberShape,
    changed: optionalShape(textShape),
    log: optionalShape(textShape),
    ...failureFields,
  },
  'stage-skipped': { stage: textShape, because: textShape, failed: optionalShape(textShape) },
  'stage-interrupted': { stage: textShape, ms: numberShape, resumable: flagShape },
  warning: { message: textShape },
  'run-finished': {
    run: textShape,
    ran: countShape,
    cached: countShape,
    failed: countShape,
    skipped: countShape,
    suite: optionalShape(
      recordShape<NonNullable<Of<'run-finished'>['suite']>>({ ...sharing, outcomes: listShape(outcomeShape) }),
    ),
    interrupted: flagShape,
    ms: numberShape,
    at: timeShape,
  },
})
