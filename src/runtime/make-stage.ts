/**
 * One stage, once its inputs are there: a hit in the store, or computed by a worker and published. Nothing reaches the
 * store unless inputs, external files and code were the same before and after.
 */
import * as fs from 'node:fs'
import * as path from 'node:path'
import * as Effect from 'effect/Effect'
import type { StageNode } from '../dsl/nodes.js'
import { StageError, StoreError, sentenceOf, type CorruptArtifact } from './errors.js'
import type { Emit, Reason } from './events.js'
import { Executor } from './executor.js'
import { identityOf } from './file-identity.js'
import { fingerprintOf, type StageIdentity } from './fingerprint.js'
import type { LastKnown } from './last-known.js'
import { takeLock } from './lock.js'
import { explainMiss } from './plan.js'
import type { Prepared, PreparedStage } from './prepare.js'
import type { ResolvedEngine } from './services.js'
import type { Slots } from './slots.js'
import type { InputArtifact, StageSummary } from './stage-contract.js'
import { Store, type Manifest } from './store.js'

export interface MakeContext {
  readonly prepared: Prepared
  readonly engine: ResolvedEngine
  readonly slots: Slots
  readonly last: LastKnown
  readonly run: string
  readonly emit: Emit
}

export interface Made {
  readonly manifest: Manifest
  readonly how: 'cached' | 'ran'
}

type Inputs = Readonly<Record<string, Manifest>>

const attempt = <A>(what: string, run: () => A): Effect.Effect<A, StoreError> =>
  Effect.try({
    try: run,
    catch: (cause) => new StoreError({ message: `cannot ${what}: ${sentenceOf(cause)}`, cause }),
  })

const artifactOf = (store: Store['Service'], manifest: Manifest): InputArtifact => ({
  files: Object.fromEntries(Object.entries(manifest.files).map(([name, file]) => [name, store.blob(file)])),
  summary: manifest.summary,
})

/** What changed under a stage while it ran, if anything: its result then belongs to no fingerprint. */
const changedMeanwhile = (stage: PreparedStage, prepared: Prepared): string | undefined =>
  prepared.code.changedSinceRead() ??
  Object.values(stage.sources).find((file) => identityOf(file.path) !== file.identity)?.path

const compute = Effect.fnUntraced(function* (
  context: MakeContext,
  stage: PreparedStage,
  inputs: Inputs,
  identity: StageIdentity,
  reasons: readonly Reason[],
) {
  const store = yield* Store
  const executor = yield* Executor
  const { node } = stage
  const fingerprint = fingerprintOf(identity)
  for (const manifest of Object.values(inputs)) yield* store.verify(manifest)

  const staging = store.place('staging', fingerprint)
  const outDir = path.join(staging, 'out')
  const checkpointDir = store.place('checkpoints', fingerprint)
  yield* attempt(`prepare ${staging}`, () => {
    fs.rmSync(staging, { recursive: true, force: true })
    fs.mkdirSync(outDir, { recursive: true })
    fs.mkdirSync(checkpointDir, { recursive: true })
  })
  const resumes = fs.readdirSync(checkpointDir).length > 0
  const { engine, device } = context.engine
  return yield* context.slots.use(device !== 'cpu' && stage.kind.usesEngine, (threads) =>
    Effect.gen(function* () {
      const startedAt = Date.now()
      context.emit({ type: 'stage-started', stage: node.name, kind: node.kind, fingerprint, reasons, threads, resumes })
      const job = {
        stage: node.name,
        module: stage.kind.module,
        exportName: stage.kind.exportName,
        params: node.params,
        inputs: Object.fromEntries(Object.entries(inputs).map(([name, input]) => [name, artifactOf(store, input)])),
        sources: Object.fromEntries(Object.entries(stage.sources).map(([role, file]) => [role, file.path])),
        outDir,
        checkpointDir,
        engine: { engine, device, threads },
      }
      const summary: StageSummary = yield* executor.run(job, (message) =>
        context.emit({ ...message, type: 'stage-progress', stage: node.name }),
      )
      const changed = changedMeanwhile(stage, context.prepared)
      if (changed !== undefined) {
        return yield* new StageError({
          message: `${changed} changed while the stage ran, so its result was thrown away`,
          hint: 'run again: it is computed from what the file holds now',
        })
      }
      if (fs.readdirSync(outDir).length === 0) {
        return yield* new StageError({
          message: 'the stage ended without leaving a file, so there is nothing to store',
        })
      }
      const ms = Date.now() - startedAt
      const made = {
        at: new Date(startedAt).toISOString(),
        ms,
        node: process.version,
        platform: `${process.platform}-${process.arch}`,
        threads,
        run: context.run,
      }
      const before = context.last.fingerprint(node.name)
      const old = before === undefined ? undefined : yield* store.lookup(before)
      const manifest = yield* store.publish({ fingerprint, stage: node.name, summary, identity, made }, outDir)
      yield* attempt(`clean up after ${node.name}`, () => {
        fs.rmSync(staging, { recursive: true, force: true })
        fs.rmSync(checkpointDir, { recursive: true, force: true })
      })
      context.emit({
        type: 'stage-finished',
        stage: node.name,
        kind: node.kind,
        fingerprint,
        content: manifest.content,
        summary,
        ms,
        unchanged: old?.content === manifest.content,
      })
      return manifest
    }).pipe(
      Effect.onInterrupt(() =>
        Effect.sync(() => {
          fs.rmSync(staging, { recursive: true, force: true })
        }),
      ),
    ),
  )
})

/**
 * The stage's artifact, from the store or made now. Fails with CorruptArtifact when an input turns out damaged: that input
 * has to be made again first.
 */
export const makeStage = Effect.fnUntraced(function* (
  context: MakeContext,
  stage: PreparedStage,
  inputs: Inputs,
): Effect.fn.Return<Made, StageError | StoreError | CorruptArtifact, Store | Executor> {
  const store = yield* Store
  const { node } = stage
  const identity = stage.identify(
    Object.fromEntries(Object.entries(inputs).map(([name, manifest]) => [name, manifest.content])),
  )
  const fingerprint = fingerprintOf(identity)
  const cached = (manifest: Manifest): Made => {
    context.emit({ type: 'stage-cached', stage: node.name, kind: node.kind, fingerprint })
    return { manifest, how: 'cached' }
  }
  const hit = yield* store.lookup(fingerprint)
  if (hit !== undefined) return cached(hit)
  const reasons = yield* explainMiss(stage, identity, context.last)
  return yield* Effect.scoped(
    Effect.gen(function* () {
      yield* takeLock(store.place('locks', `${fingerprint}.lock`), (holder) =>
        context.emit({ type: 'stage-waiting', stage: node.name, holder }),
      )
      // Somebody else may have made it while this run waited for the lock.
      const theirs = yield* store.lookup(fingerprint)
      if (theirs !== undefined) return cached(theirs)
      return { manifest: yield* compute(context, stage, inputs, identity, reasons), how: 'ran' } as Made
    }),
  )
})

export const inputsOf = (
  node: StageNode,
  manifestOf: (from: StageNode) => Manifest | undefined,
): Record<string, Manifest> =>
  Object.fromEntries(
    Object.entries(node.inputs).flatMap(([input, from]) => {
      const manifest = manifestOf(from)
      return manifest === undefined ? [] : [[input, manifest]]
    }),
  )
