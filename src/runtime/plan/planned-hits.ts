/** Artifacts that a run's plan, made a moment ago, has found: they need not be looked for again. */
import type { StageNode } from '../../dsl/nodes.js'
import type { FoundArtifact } from './find-artifact.js'
import type { StageIdentity } from './fingerprint.js'

/** Each once: a damaged one is looked for anew. Never one whose inputs have been made again since. */
export const takePlanned = (
  planned: Map<StageNode, FoundArtifact>,
  node: StageNode,
  { inputs }: StageIdentity,
): FoundArtifact | undefined => {
  const found = planned.get(node)
  planned.delete(node)
  const before = found?.manifest.identity.inputs
  return Object.entries(inputs).every(([input, content]) => before?.[input] === content) ? found : undefined
}
