/** Nodes → directed acyclic graph: which stages there are, in an order in which inputs come first. */
import * as Effect from 'effect/Effect'
import * as Graph from 'effect/Graph'
import type { StageNode } from '../../dsl/nodes.js'
import { UsageError } from '../errors.js'
import { stagesCalled } from './find-stage.js'
import { reachable, type StageGraph } from './stage-graph.js'

/** By stage, its place in the order in which cells are finished one after another. `order` has inputs first. */
export const ranksOf = (graph: StageGraph, order: readonly StageNode[]): ReadonlyMap<StageNode, number> => {
  const place = new Map(order.map((node, index) => [node, index]))
  const ranks = new Map<StageNode, number>()
  for (const cell of graph.cells) {
    const stages = [...cell.stages.values()].filter((node) => place.has(node))
    stages.sort((a, b) => place.get(a)! - place.get(b)!)
    for (const node of stages) if (!ranks.has(node)) ranks.set(node, ranks.size)
  }
  return ranks
}

const placeOf = (node: StageNode): string =>
  node.place === undefined ? '' : ` (${node.place.file}:${node.place.line}:${node.place.column})`

/** Kahn's algorithm, in time linear in stages and inputs; what is on a cycle or behind one is left out. */
const inputsFirst = (nodes: readonly StageNode[]): readonly StageNode[] => {
  const readers = new Map<StageNode, StageNode[]>(nodes.map((node) => [node, []]))
  const pending = new Map<StageNode, number>()
  for (const node of nodes) {
    const inputs = Object.values(node.inputs)
    pending.set(node, inputs.length)
    for (const from of inputs) readers.get(from)!.push(node)
  }
  const order = nodes.filter((node) => pending.get(node) === 0)
  // The list grows while it is gone through.
  for (const node of order) {
    for (const reader of readers.get(node)!) {
      const left = pending.get(reader)! - 1
      pending.set(reader, left)
      if (left === 0) order.push(reader)
    }
  }
  return order
}

const namesInCycle = (nodes: readonly StageNode[]): readonly string[] => {
  const indices = new Map<StageNode, Graph.NodeIndex>()
  const graph = Graph.directed<StageNode, string>((mutable) => {
    for (const node of nodes) indices.set(node, Graph.addNode(mutable, node))
    for (const node of nodes) {
      for (const [input, from] of Object.entries(node.inputs)) {
        Graph.addEdge(mutable, indices.get(from)!, indices.get(node)!, input)
      }
    }
  })
  const cycle = Graph.stronglyConnectedComponents(graph).find((component) => component.length > 1)
  return (cycle ?? []).flatMap((index) => nodes[index]?.name ?? [])
}

/**
 * The stages in topological order; with `only`, the stages called so and what they need. Fails with a UsageError on a
 * cycle, on two different stages of one name and on an unknown `only`.
 */
export const orderStages = Effect.fnUntraced(function* (stages: StageGraph, only?: string) {
  const all = reachable(stages.roots)
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
  const wanted = only === undefined ? all : reachable(yield* stagesCalled(stages, only))
  const order = inputsFirst(wanted)
  if (order.length === wanted.length) return order
  return yield* new UsageError({
    message: `the stages ${namesInCycle(wanted).join(' → ')} need each other's artifacts`,
    hint: 'a stage can only read what is made before it',
  })
})
