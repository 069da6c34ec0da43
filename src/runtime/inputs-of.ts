import type { StageNode } from '../dsl/nodes.js'
import type { Manifest } from './store.js'

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
