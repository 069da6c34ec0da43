/**
 * Makes the stages of a run: what is there already in one pass, all others side by side, each as soon as its inputs are
 * there.
 */
import * as Cause from 'effect/Cause'
import * as Deferred from 'effect/Deferred'
import * as Effect from 'effect/Effect'
import type { StageNode } from '../../dsl/nodes.js'
import { StageError } from '../errors.js'
import { findCached, type Made, type MakeContext, makeStage, takeHit } from '../execute/make-stage.js'
import type { FoundArtifact } from '../plan/plan.js'
import type { PreparedStage } from '../plan/prepare.js'
import type { Manifest, Store } from '../store/store.js'
import type { Steering } from './options.js'
import type { RunState } from './state.js'

interface Loop {
  readonly context: MakeContext
  readonly state: RunState
  /** What the plan has found a moment ago. */
  readonly found: ReadonlyMap<StageNode, FoundArtifact>
  readonly steering: Steering | undefined
}

/**
 * Whether what the plan has found needs no further look: not where it is to be read first, or an input is another by
 * now.
 */
const isTaken = (
  found: FoundArtifact | undefined,
  inputs: Readonly<Record<string, Manifest>>,
): found is FoundArtifact => {
  if (found?.isWhole !== true) return false
  const before = found.manifest.identity.inputs
  for (const input in inputs) if (before[input] !== inputs[input]!.content) return false
  return true
}

/**
 * The stages whose artifacts are there, inputs first, in a plain loop: ten thousand of them need no ten thousand
 * fibers.
 */
const findHits = Effect.fnUntraced(function* ({
  context,
  state,
  found: planned,
}: Loop): Effect.fn.Return<void, never, Store> {
  for (const stage of context.prepared.stages) {
    const inputs = state.inputsOf(stage.node)
    // One that reads what is not there yet may still be cached once that is: its fiber finds out.
    if (Object.keys(inputs).length < Object.keys(stage.node.inputs).length) continue
    const found = planned.get(stage.node)
    const made = isTaken(found, inputs) ? takeHit(context, stage, found) : yield* findCached(context, stage, inputs)
    if (made !== undefined) state.stands(stage.node, made)
  }
})

/** Makes the stage, and before it those of its inputs that turn out to be damaged. */
const makeFromWhole = (loop: Loop, stage: PreparedStage): ReturnType<typeof makeStage> => {
  const { context, state } = loop
  const { node } = stage
  return Effect.suspend(() => makeStage(context, stage, state.inputsOf(node))).pipe(
    Effect.onInterrupt(() => Effect.sync(() => state.interrupts(node))),
    Effect.tap((made: Made) => Effect.sync(() => state.stands(node, made))),
    Effect.catchTag('CorruptArtifact', ({ message, fingerprint }) => {
      if (!state.repairs(node, fingerprint)) {
        const hint = `check the disk that holds the store, and whether ${node.name} writes to the files that it reads`
        return Effect.fail(new StageError({ message, hint }))
      }
      state.tell({ type: 'warning', message })
      const maker = state.makerOf(fingerprint)
      const damaged = context.prepared.stages.find((each) => each.node === maker)
      const again = makeFromWhole(loop, stage)
      // What a training went on from is nobody's input: without it, it goes on from another or begins anew.
      return damaged === undefined ? again : Effect.andThen(makeFromWhole(loop, damaged), again)
    }),
  )
}

/** Until every stage is there, has failed or is skipped. */
export const makeStages = Effect.fnUntraced(function* (loop: Loop) {
  const { context, state, steering } = loop
  yield* findHits(loop)
  const missing = context.prepared.stages.filter(({ node }) => !state.manifests.has(node))
  /** Whether the artifact is there, as soon as that is known. */
  const isThere = new Map(missing.map(({ node }) => [node, Deferred.makeUnsafe<boolean>()]))
  const settle = Effect.fnUntraced(function* (stage: PreparedStage) {
    const { node } = stage
    for (const from of Object.values(node.inputs)) {
      const outcome = isThere.get(from)
      if (outcome === undefined || (yield* Deferred.await(outcome))) continue
      state.skipsWithout(node, from)
      return false
    }
    if (state.isStopped) {
      state.skipsStopped(node)
      return false
    }
    const made = makeFromWhole(loop, stage)
    return yield* (steering === undefined ? made : Effect.raceFirst(steering.leave(node.name), made)).pipe(
      Effect.as(true),
      Effect.catchTag('RunStopped', () =>
        Effect.as(
          Effect.sync(() => state.skipsStopped(node)),
          false,
        ),
      ),
      Effect.catchTag('Withdrawn', () =>
        Effect.as(
          Effect.sync(() => state.withdraws()),
          false,
        ),
      ),
      Effect.catchCause((cause) =>
        Cause.hasInterruptsOnly(cause)
          ? Effect.failCause(cause as Cause.Cause<never>)
          : Effect.as(
              Effect.sync(() => state.fails(node, Cause.squash(cause))),
              false,
            ),
      ),
    )
  })
  yield* Effect.forEach(
    missing,
    (stage) => Effect.flatMap(settle(stage), (there) => Deferred.succeed(isThere.get(stage.node)!, there)),
    { concurrency: 'unbounded', discard: true },
  )
})
