/** The stages whose artifacts are there already, in one pass: ten thousand of them need no ten thousand fibers. */
import * as Effect from 'effect/Effect'
import type { StageNode } from '../dsl/nodes.js'
import { inputsOf } from './inputs-of.js'
import { findCached, type Made, type MakeContext } from './make-stage.js'
import type { PreparedStage } from './prepare.js'
import type { Manifest, Store } from './store.js'

/** Calls `onHit` for each, inputs first. `current` is what is there; `onHit` adds to it. */
export const findHits = Effect.fnUntraced(function* (
  context: MakeContext,
  current: ReadonlyMap<StageNode, Manifest>,
  onHit: (stage: PreparedStage, made: Made) => void,
): Effect.fn.Return<void, never, Store> {
  for (const stage of context.prepared.stages) {
    const inputs = inputsOf(stage.node, (from) => current.get(from))
    // One that reads what is not there yet may still be cached once that is: its fiber finds out.
    if (Object.keys(inputs).length < Object.keys(stage.node.inputs).length) continue
    const made = yield* findCached(context, stage, inputs)
    if (made !== undefined) onHit(stage, made)
  }
})
