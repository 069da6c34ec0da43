/** The stages whose artifacts are there already, in one pass: ten thousand of them need no ten thousand fibers. */
import * as Effect from 'effect/Effect'
import type { StageNode } from '../../dsl/nodes.js'
import { findCached, type Made, type MakeContext, takeHit } from '../execute/make-stage.js'
import type { FoundArtifact } from '../plan/plan.js'
import type { PreparedStage } from '../plan/prepare.js'
import type { Manifest, Store } from '../store/store.js'

/** The artifacts that a stage reads, of those that are there. */
export const inputsOf = (
  node: StageNode,
  manifestOf: (from: StageNode) => Manifest | undefined,
): Record<string, Manifest> => {
  const inputs: Record<string, Manifest> = {}
  for (const [input, from] of Object.entries(node.inputs)) {
    const manifest = manifestOf(from)
    if (manifest !== undefined) inputs[input] = manifest
  }
  return inputs
}

/** Whether what the plan has found needs no further look: not where it is to be read first, or an input is another by now. */
const isTaken = (
  found: FoundArtifact | undefined,
  inputs: Readonly<Record<string, Manifest>>,
): found is FoundArtifact => {
  if (found?.isWhole !== true) return false
  const before = found.manifest.identity.inputs
  for (const input in inputs) if (before[input] !== inputs[input]!.content) return false
  return true
}

/** Calls `onHit` for each, inputs first. `planned` is what a moment ago was there; `current`, what is: `onHit` adds to it. */
export const findHits = Effect.fnUntraced(function* (
  context: MakeContext,
  planned: ReadonlyMap<StageNode, FoundArtifact>,
  current: ReadonlyMap<StageNode, Manifest>,
  onHit: (stage: PreparedStage, made: Made) => void,
): Effect.fn.Return<void, never, Store> {
  for (const stage of context.prepared.stages) {
    const inputs = inputsOf(stage.node, (from) => current.get(from))
    // One that reads what is not there yet may still be cached once that is: its fiber finds out.
    if (Object.keys(inputs).length < Object.keys(stage.node.inputs).length) continue
    const found = planned.get(stage.node)
    const made = isTaken(found, inputs) ? takeHit(context, stage, found) : yield* findCached(context, stage, inputs)
    if (made !== undefined) onHit(stage, made)
  }
})
