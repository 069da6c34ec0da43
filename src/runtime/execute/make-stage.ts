/**
 * One stage, once its inputs are there: a hit in the store, or computed by a worker and published. Nothing reaches the
 * store unless it was computed from the inputs, the external files and the code that its fingerprint names.
 */
import * as fs from 'node:fs'
import * as path from 'node:path'
import * as Data from 'effect/Data'
import * as Effect from 'effect/Effect'
import type * as Scope from 'effect/Scope'
import type { StageNode } from '../../dsl/nodes.js'
import { attempts, runUnchanged } from './attempts.js'
import { asEncoded, hashOf } from '../canonical.js'
import { attempt, type CorruptArtifact, StageError, type StoreError, storeErrorOf } from '../errors.js'
import { sentenceOf } from '../../base/errors.js'
import type { Emit, Reason, RunEvent } from '../events.js'
import type { Executor } from './executor.js'
import type { FailurePolicy } from './failure-policy.js'
import { explainMiss, findArtifact, type FoundArtifact } from '../plan/plan.js'
import { fingerprintOf, type StageIdentity } from '../fingerprint.js'
import { inParts } from '../in-parts.js'
import type { LastKnown } from '../plan/last-known.js'
import type { Lease } from './leases.js'
import { isUserStageNode } from '../definition/user-stage.js'
import { escapeWarnings } from '../plan/warnings.js'
import { type IsCovered, partsOfRead, type Reads, readsOf } from '../reads.js'
import { lockPath, tryLock, untilFree } from '../store/lock.js'
import type { Prepared, PreparedStage } from '../plan/prepare.js'
import { sealInputs } from '../store/sealed-inputs.js'
import type { ResolvedEngine } from '../services.js'
import type { InputArtifact, TimeShares } from '../stage-contract.js'
import { openExtension } from './milestones.js'
import { outputsIn } from './outputs.js'
import { openStaging } from '../store/staging.js'
import { StageLog, stageLogFile } from './stage-log.js'
import { Store, type Manifest } from '../store/store.js'
import type { Turns } from './turns.js'

export interface MakeContext {
  readonly prepared: Prepared
  readonly engine: ResolvedEngine
  readonly turns: Turns
  readonly policy: FailurePolicy
  /** How long a stage may compute, where that is limited. */
  readonly timeoutOf: (node: StageNode) => number | undefined
  readonly last: LastKnown
  readonly run: string
  readonly emit: Emit
  readonly keepsMilestones: boolean
  /** Whether the run starts nothing new any more. */
  readonly isStopped: () => boolean
}

export interface Made {
  readonly manifest: Manifest
  readonly how: 'cached' | 'ran'
}

type Inputs = Readonly<Record<string, Manifest>>

/** The run stops at its first failure, and this stage had not begun. */
export class RunStopped extends Data.TaggedError('RunStopped') {}

type MakeError = StageError | StoreError | CorruptArtifact | RunStopped

const artifactOf = (store: Store['Service'], manifest: Manifest): InputArtifact => ({
  files: Object.fromEntries(Object.entries(manifest.files).map(([name, file]) => [name, store.blob(file)])),
  summary: manifest.summary,
})

/** What the fingerprint's digest of code stands for, before anything is stored under it. */
const keepCode = ({ prepared }: MakeContext, { codeEntry, codeWithout }: PreparedStage) =>
  Effect.tryPromise({
    try: () => prepared.code.keep(codeEntry, codeWithout),
    catch: storeErrorOf('cannot write to the store'),
  })

/** All that a stage may read without telling: its inputs, its sources and what it makes. */
const givenTo = (
  store: Store['Service'],
  { sources }: PreparedStage,
  inputs: Inputs,
  outDir: string,
  checkpointDir: string,
): readonly string[] => [
  path.dirname(outDir),
  checkpointDir,
  ...Object.values(sources).map((file) => file.path),
  ...Object.values(inputs).flatMap(({ files }) => Object.values(files).map((file) => store.blob(file))),
]

/** Says of modules and packages whether the digest of the stage's code stands for them. */
const coverageOf = ({ prepared }: MakeContext, stage: PreparedStage) =>
  Effect.tryPromise({
    try: async (): Promise<IsCovered> => {
      if (!isUserStageNode(stage.node)) return () => false
      const { files, packages } = await prepared.code.covers(stage.codeEntry, stage.codeWithout)
      const { codeWithout } = stage
      const packageOf = (place: string): string | undefined => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(place)?.[1]
      return ({ name, file, value, of }) => {
        const { kind, what } = partsOfRead(name)
        if (kind === 'package') {
          const called = packageOf(what) ?? what
          return codeWithout.includes(called) || packages[called] === value
        }
        const module = kind === 'module' ? file : of
        if (module === undefined) return false
        const called = packageOf(module)
        if (called !== undefined && (codeWithout.includes(called) || Object.hasOwn(packages, called))) return true
        // One that has been moved away meanwhile was loaded all the same.
        return files.has(fs.existsSync(module) ? fs.realpathSync(module) : module)
      }
    },
    catch: storeErrorOf('cannot read what the stage has read'),
  })

/** What the stage read besides; what its code's digest stands for is no part of it. */
const tracedReads = ({ prepared, emit }: MakeContext, stage: PreparedStage, trace: string, isCovered: IsCovered) =>
  inParts(function* () {
    const reads = yield* readsOf(trace, prepared.readsNow(), stage.root, isCovered)
    for (const message of escapeWarnings(stage.node.name, reads)) emit({ type: 'warning', message })
    return reads
  }).pipe(Effect.mapError(storeErrorOf('cannot read what the stage has read')))

/** The worker's part, in a slot and in a folder of its own. Whatever happens, the folder is gone afterwards. */
const compute = Effect.fnUntraced(function* (
  context: MakeContext,
  stage: PreparedStage,
  inputs: Inputs,
  identity: StageIdentity,
  reasons: readonly Reason[],
  { threads, worker }: Lease,
): Effect.fn.Return<Manifest, StageError | StoreError | CorruptArtifact, Store | Executor | Scope.Scope> {
  const store = yield* Store
  const { node } = stage
  const fingerprint = fingerprintOf(identity)
  const sealed = yield* sealInputs(stage.sources, inputs)
  const isCovered = yield* coverageOf(context, stage)
  const { outDir, checkpointDir, trace, resumes } = yield* openStaging(
    store,
    fingerprint,
    sealed,
    stage.root,
    isCovered,
  )
  const startedAt = Date.now()
  let shares: TimeShares | undefined
  const made = (): Manifest['made'] => ({
    at: new Date(startedAt).toISOString(),
    ms: Date.now() - startedAt,
    node: process.version,
    platform: `${process.platform}-${process.arch}`,
    threads,
    run: context.run,
    ...(shares && { shares }),
  })
  yield* keepCode(context, stage)
  const extension = yield* openExtension({
    stage,
    identity,
    staging: path.dirname(outDir),
    made,
    artifactOf: (manifest) => artifactOf(store, manifest),
    sealed,
    emit: context.emit,
    keeps: context.keepsMilestones,
  })
  context.emit({
    type: 'stage-started',
    stage: node.name,
    kind: node.kind,
    fingerprint,
    reasons,
    threads,
    resumes,
    ...(extension?.goesOnFrom && { goesOnFrom: extension.goesOnFrom }),
  })
  const log = yield* Effect.acquireRelease(
    Effect.sync(
      () =>
        new StageLog(stageLogFile(store, context.run, fingerprint), (lines) =>
          context.emit({ type: 'stage-printed', stage: node.name, lines }),
        ),
    ),
    (opened) => Effect.sync(() => opened.close()),
  )
  const { engine, device, deviceIndex, identity: numeric } = context.engine
  const job = {
    stage: node.name,
    module: stage.kind.module,
    entry: stage.kind.entry,
    params: asEncoded(node.params),
    inputs: Object.fromEntries(Object.entries(inputs).map(([name, input]) => [name, artifactOf(store, input)])),
    sources: Object.fromEntries(Object.entries(stage.sources).map(([role, file]) => [role, file.path])),
    outDir,
    checkpointDir,
    engine: {
      engine,
      device,
      threads,
      versions: numeric.versions,
      ...(deviceIndex === undefined ? {} : { deviceIndex }),
    },
    ...(extension && { extension: extension.job }),
    ...(isUserStageNode(node) && {
      trace: {
        log: trace,
        root: stage.root,
        given: givenTo(store, stage, inputs, outDir, checkpointDir),
        trusts: node.trusts,
      },
    }),
  }
  const tries = {
    ...context,
    timeoutMs: context.timeoutOf(node),
    key: fingerprint,
    emit: (event: RunEvent) => {
      if (event.type === 'stage-retrying') log.note(`${event.because}; attempt ${event.attempt} of ${event.of}`)
      context.emit(event)
    },
    onPrinted: log.take,
    onWorker: worker,
    ...(stage.kind.warm === true ? { warm: hashOf([job.module, identity.code], 'code') } : {}),
  }
  // One that cannot be removed does no harm: a run goes on from it only where its seal holds.
  const dropCheckpoint = Effect.ignore(
    Effect.try({ try: () => fs.rmSync(checkpointDir, { recursive: true, force: true }), catch: sentenceOf }),
  )
  const sealedReads = extension?.seals(sealed) ?? sealed
  const emit: Emit = (event) => {
    if (event.type === 'stage-progress') shares = event.shares ?? shares
    context.emit(event)
  }
  const summary = yield* attempts(job, tries, (care) =>
    runUnchanged({ ...context, emit }, stage, job, care, (milestone) => extension?.take(milestone), sealedReads),
  ).pipe(Effect.tapErrorTag('CorruptArtifact', () => dropCheckpoint))
  if (extension !== undefined) yield* extension.settled
  log.close()
  const outputs = yield* attempt(() => outputsIn(outDir))
  if (outputs.isEmpty && Object.keys(summary).length === 0) {
    const message = 'the stage ended without leaving a file or returning figures, so there is nothing to store'
    return yield* new StageError({ message })
  }
  if (outputs.lost !== undefined) {
    context.emit({ type: 'warning', message: `${node.name}: not stored with its files: ${outputs.lost}` })
  }
  const goesOnFrom = extension?.goesOnFrom?.fingerprint
  const finished = { ...made(), ...(goesOnFrom !== undefined && { goesOnFrom }) }
  const before = context.last.fingerprint(node.name)
  const old = before === undefined ? undefined : store.lookup(before)
  const traced = yield* tracedReads(context, stage, trace, isCovered)
  const whole = traced === undefined ? identity : { ...identity, reads: traced }
  const published = fingerprintOf(whole)
  const printed = path.join(path.dirname(outDir), 'log')
  const manifest = yield* store.publish(
    { fingerprint: published, stage: node.name, summary, identity: whole, made: finished },
    outDir,
    log.writeTo(printed) ? printed : undefined,
  )
  log.drop()
  yield* dropCheckpoint
  context.emit({
    type: 'stage-finished',
    stage: node.name,
    kind: node.kind,
    fingerprint: published,
    content: manifest.content,
    summary,
    ms: finished.ms,
    unchanged: old?.content === manifest.content,
  })
  return manifest
})

/** Says that this artifact serves the stage. */
export const takeHit = (
  { emit }: MakeContext,
  { node: { name: stage, kind } }: PreparedStage,
  { manifest, madeBy }: FoundArtifact,
): Made => {
  const { fingerprint } = manifest
  emit({ type: 'stage-cached', stage, kind, fingerprint, ...(madeBy === undefined ? {} : { madeBy }) })
  return { manifest, how: 'cached' }
}

/**
 * The artifact, if it is there and whole: a damaged one is no hit, whoever reads it. That costs a look at each file;
 * its bytes are read where they may have changed since they last were.
 */
const findHit = Effect.fnUntraced(function* (
  context: MakeContext,
  stage: PreparedStage,
  identity: StageIdentity,
): Effect.fn.Return<Made | undefined, StoreError, Store> {
  const store = yield* Store
  // Which code made a stored one is not known.
  if (stage.opaque.length > 0) return undefined
  // A damaged artifact goes to quarantine; another engine's may still do.
  for (;;) {
    const now = context.prepared.readsNow()
    const isAsThen = (reads: Reads) => now.areAsThen(stage.root, reads)
    const found = yield* findArtifact(store, identity, context.prepared.reuse, isAsThen)
    if (found === undefined) return undefined
    if (found.isWhole) return takeHit(context, stage, found)
    const damage = yield* store.verify(found.manifest).pipe(
      Effect.as(undefined),
      Effect.catchTag('CorruptArtifact', (corrupt) => Effect.succeed(corrupt.message)),
    )
    if (damage === undefined) return takeHit(context, stage, found)
    context.emit({ type: 'warning', message: damage })
  }
})

const identityOfStage = (stage: PreparedStage, inputs: Inputs): StageIdentity => {
  const contents: Record<string, string> = {}
  for (const name in inputs) contents[name] = inputs[name]!.content
  return stage.identify(contents)
}

/** The stage's artifact, if it is there; where the store cannot be read, making the stage says so. */
export const findCached = (
  context: MakeContext,
  stage: PreparedStage,
  inputs: Inputs,
): Effect.Effect<Made | undefined, never, Store> =>
  findHit(context, stage, identityOfStage(stage, inputs)).pipe(
    Effect.catchTag('StoreError', () => Effect.succeed(undefined)),
  )

/**
 * The stage's artifact, from the store or made now. Fails with CorruptArtifact when an input turns out damaged: that
 * input has to be made again first; with RunStopped when the run starts nothing new any more.
 */
export const makeStage = Effect.fnUntraced(function* (
  context: MakeContext,
  stage: PreparedStage,
  inputs: Inputs,
): Effect.fn.Return<Made, MakeError, Store | Executor> {
  const store = yield* Store
  const { node } = stage
  const identity = identityOfStage(stage, inputs)
  const fingerprint = fingerprintOf(identity)
  const hit = yield* findHit(context, stage, identity)
  if (hit !== undefined) return hit
  const reasons = yield* explainMiss(stage, identity, context.last, context.prepared)
  const lock = lockPath(store, fingerprint)
  /** Undefined where somebody else has begun to make it meanwhile. */
  const inTurn = Effect.fnUntraced(function* (
    lease: Lease,
  ): Effect.fn.Return<Made | undefined, MakeError, Store | Executor | Scope.Scope> {
    if (!(yield* tryLock(lock))) return undefined
    // Somebody else may have made it while it waited for its turn, or a longer stage left it on its way.
    const theirs = yield* findHit(context, stage, identity)
    if (theirs !== undefined) return theirs
    if (context.isStopped()) return yield* new RunStopped()
    return { manifest: yield* compute(context, stage, inputs, identity, reasons, lease), how: 'ran' }
  })
  // Its turn first, its lock afterwards: a lock is held only while the stage computes, so that no run waits for a stage
  // that is merely queued, and a run that waits for a lock holds no slot that others could use.
  for (;;) {
    yield* untilFree(lock, (holder) => context.emit({ type: 'stage-waiting', stage: node.name, holder }))
    const theirs = yield* findHit(context, stage, identity)
    if (theirs !== undefined) return theirs
    const made = yield* context.turns.take(stage, (lease) => Effect.scoped(inTurn(lease)))
    if (made !== undefined) return made
  }
})
