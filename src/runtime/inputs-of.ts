import type { StageNode } from '../dsl/nodes.js'
import type { Manifest } from './store.js'

/** The artifacts that a stage reads, of those that are there. */
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
