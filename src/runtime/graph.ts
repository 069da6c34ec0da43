/** Nodes → directed acyclic graph: which stages there are, in an order in which inputs come first. */
import * as Effect from 'effect/Effect'
import * as Graph from 'effect/Graph'
import type { PipelineNode, StageNode } from '../dsl/nodes.js'
import { UsageError } from './errors.js'

const placeOf = (node: StageNode): string =>
  node.place === undefined ? '' : ` (${node.place.file}:${node.place.line}:${node.place.column})`

/** All stages reachable from the roots, each once, as they are first met. */
const reachable = (roots: readonly StageNode[]): readonly StageNode[] => {
  const seen = new Set<StageNode>()
  const pending = [...roots].reverse()
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if (seen.has(node)) continue
    seen.add(node)
    pending.push(...Object.values(node.inputs).reverse())
  }
  return [...seen]
}

/**
 * The pipeline's stages in topological order; with `only`, that stage and what it needs. Fails with a UsageError on a
 * cycle, on two different stages of one name and on an unknown `only`.
 */
export const orderStages = Effect.fnUntraced(function* (pipeline: PipelineNode, only?: string) {
  const all = reachable(pipeline.stages)
  const byName = new Map<string, StageNode>()
  for (const node of all) {
    const other = byName.get(node.name)
    if (other !== undefined) {
      return yield* new UsageError({
        message: `two stages are called '${node.name}'${placeOf(other)}${placeOf(node)}`,
        hint: 'give each stage of a pipeline a name of its own',
      })
    }
    byName.set(node.name, node)
  }
  if (only !== undefined && !byName.has(only)) {
    return yield* new UsageError({
      message: `there is no stage '${only}' in pipeline '${pipeline.name}'`,
      hint: `its stages are ${[...byName.keys()].join(', ')}`,
    })
  }
  const wanted = only === undefined ? all : reachable([byName.get(only)!])
  const indices = new Map<StageNode, Graph.NodeIndex>()
  const graph = Graph.directed<StageNode, string>((mutable) => {
    for (const node of wanted) indices.set(node, Graph.addNode(mutable, node))
    for (const node of wanted) {
      for (const [input, from] of Object.entries(node.inputs)) {
        Graph.addEdge(mutable, indices.get(from)!, indices.get(node)!, input)
      }
    }
  })
  if (!Graph.isAcyclic(graph)) {
    const cycle = Graph.stronglyConnectedComponents(graph).find((component) => component.length > 1)
    const names = (cycle ?? []).map((index) => wanted[index]?.name)
    return yield* new UsageError({
      message: `the stages ${names.join(' → ')} need each other's artifacts`,
      hint: 'a stage can only read what is made before it',
    })
  }
  return Array.from(Graph.values(Graph.topo(graph)))
})
