/**
 * The run's side of a stage that extends: what it may go on from goes into its job, what it leaves on its way into the
 * store, under the fingerprint of the stage that ends there. The same conditions hold as for its result.
 */
import * as fs from 'node:fs'
import * as path from 'node:path'
import type * as Cause from 'effect/Cause'
import * as Effect from 'effect/Effect'
import * as Fiber from 'effect/Fiber'
import * as Queue from 'effect/Queue'
import type * as Scope from 'effect/Scope'
import { type JobExtension, milestoneFolder, type WorkerMessage } from './job.js'
import { StageError, type StoreError } from '../errors.js'
import { sentenceOf } from '../../base/errors.js'
import type { Emit, RunEvent } from '../events.js'
import { endingAt, extensionBy, keptOnTheWay, type Shorter, shorterStages } from '../plan/extension.js'
import { fingerprintOf, type StageIdentity } from '../fingerprint.js'
import type { PreparedStage } from '../plan/prepare.js'
import { touchedSource, verifyAgain, type SealedInputs } from '../store/sealed-inputs.js'
import type { InputArtifact } from '../stage-contract.js'
import { Store, type Manifest, type Seal } from '../store/store.js'

export type Milestone = Extract<WorkerMessage, { type: 'milestone' }>

interface ExtendingStage {
  readonly stage: PreparedStage
  readonly identity: StageIdentity
  /** A folder of the attempt's own. */
  readonly staging: string
  readonly made: () => Manifest['made']
  readonly artifactOf: (manifest: Manifest) => InputArtifact
  /** What it reads, besides what it goes on from. */
  readonly sealed: SealedInputs
  readonly emit: Emit
  /** Whether what it leaves on its way is wanted at all. */
  readonly keeps: boolean
}

interface OpenExtension {
  readonly job: JobExtension
  readonly goesOnFrom: Extract<RunEvent, { type: 'stage-started' }>['goesOnFrom']
  readonly take: (milestone: Milestone) => void
  /** With what it goes on from, which has to stay what it is as well. */
  readonly seals: (sealed: SealedInputs) => SealedInputs
  /** Whatever was taken is in the store, or told in a warning. */
  readonly settled: Effect.Effect<void>
}

/** The longest that is what it was when it was published. */
const firstWhole = Effect.fnUntraced(function* (
  found: readonly Shorter[],
  emit: Emit,
): Effect.fn.Return<
  { readonly from: Shorter | undefined; readonly seal?: Seal; readonly damaged: readonly number[] },
  StoreError,
  Store
> {
  const store = yield* Store
  const damaged: number[] = []
  for (const shorter of found) {
    const seal = yield* store
      .verify(shorter.manifest)
      .pipe(Effect.catchTag('CorruptArtifact', ({ message }) => Effect.succeed(message)))
    if (typeof seal !== 'string') return { from: shorter, seal, damaged }
    emit({ type: 'warning', message: seal })
    damaged.push(shorter.at)
  }
  return { from: undefined, damaged }
})

/** Undefined where the stage does not extend. What it takes is published as long as the scope is open. */
export const openExtension = Effect.fnUntraced(function* (
  extending: ExtendingStage,
): Effect.fn.Return<OpenExtension | undefined, StoreError, Store | Scope.Scope> {
  const { stage, identity, staging, sealed, emit } = extending
  const by = extensionBy(stage.kind, identity.params)
  // Nothing that unknown code has left is gone on from.
  if (by === undefined || stage.opaque.length > 0) return undefined
  const store = yield* Store
  const { there, missing } = yield* shorterStages(by, identity, true)
  const { from, seal, damaged } = yield* firstWhole(there, emit)
  const wanted = extending.keeps ? keptOnTheWay(by, stage.node.params, [...missing, ...damaged]) : []
  const folder = path.join(staging, 'milestones')

  const publish = Effect.fnUntraced(function* ({ at, summary }: Milestone) {
    const identityThere = endingAt(by, identity, at)
    const fingerprint = fingerprintOf(identityThere)
    // The stage itself fails for that.
    if (touchedSource(sealed) !== undefined) return
    // Another run may have made it meanwhile: an artifact is made once.
    if (!wanted.includes(at) || store.lookup(fingerprint) !== undefined) return
    yield* verifyAgain(sealed)
    const outDir = milestoneFolder(folder, at)
    if (fs.readdirSync(outDir).length === 0) return yield* new StageError({ message: 'it left no file' })
    const made = { ...extending.made(), milestoneOf: fingerprintOf(identity) }
    const draft = { fingerprint, stage: stage.node.name, summary, identity: identityThere, made }
    const { content } = yield* store.publish(draft, outDir)
    emit({ type: 'stage-milestone', stage: stage.node.name, at, unit: by.unit, fingerprint, content })
  })
  const queue = yield* Queue.unbounded<Milestone, Cause.Done>()
  const publishing = yield* Queue.take(queue).pipe(
    Effect.flatMap((milestone) =>
      publish(milestone).pipe(
        // What cannot be stored on the way must not end the training.
        Effect.catch((error) =>
          Effect.sync(() => {
            const what = `${stage.node.name} as it was after ${by.unit} ${milestone.at}`
            emit({ type: 'warning', message: `${what} was not stored: ${error.message}` })
          }),
        ),
        Effect.ensuring(Effect.ignore(removeFolder(milestoneFolder(folder, milestone.at)))),
      ),
    ),
    Effect.forever,
    Effect.ignore,
    Effect.forkScoped,
  )
  const goesOnFrom = from && { fingerprint: from.manifest.fingerprint, at: from.at, unit: by.unit }
  return {
    job: { ...(from && { from: { at: from.at, artifact: extending.artifactOf(from.manifest) } }), wanted, folder },
    goesOnFrom,
    seals: (sealed) =>
      from === undefined || seal === undefined
        ? sealed
        : { ...sealed, artifacts: [...sealed.artifacts, { manifest: from.manifest, seal }] },
    take: (milestone) => void Queue.offerUnsafe(queue, milestone),
    settled: Effect.suspend(() => {
      Queue.endUnsafe(queue)
      return Effect.asVoid(Fiber.await(publishing))
    }),
  }
})

const removeFolder = (folder: string) =>
  Effect.try({ try: () => fs.rmSync(folder, { recursive: true, force: true }), catch: sentenceOf })
