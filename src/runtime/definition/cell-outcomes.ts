/** What a run comes to, cell by cell. */
import type { AxisLabel, StageNode } from '../../dsl/nodes.js'
import type { GraphCell, StageGraph } from './stage-graph.js'
import type { Manifest } from '../store/store.js'

export interface CellOutcome {
  readonly name: string
  readonly at: Readonly<Record<string, AxisLabel>>
  readonly seed: number
  /** `done`: all of its stages are there. `skipped`: not all of them were run, although none of them failed. */
  readonly state: 'done' | 'failed' | 'skipped'
  /** The stage that failed, by its name in the run, and what it said. */
  readonly failure?: { readonly stage: string; readonly message: string }
}

/** A cell with what it has. */
export interface FinishedCell extends CellOutcome {
  /** Artifacts by the stage's name in the cell: `evaluate`. */
  readonly manifests: ReadonlyMap<string, Manifest>
}

/** How much a suite's cells share. */
export interface Sharing {
  readonly cells: number
  /** Stages of all cells together. */
  readonly asked: number
  /** Stages that are not the same. */
  readonly distinct: number
}

/** Of each cell, the stages that are part of the run. */
const stagesIn = (cell: GraphCell, run: ReadonlySet<StageNode>): readonly (readonly [string, StageNode])[] =>
  [...cell.stages].filter(([, node]) => run.has(node))

export const sharingOf = (graph: StageGraph, run: ReadonlySet<StageNode>): Sharing => ({
  cells: graph.cells.length,
  asked: graph.cells.reduce((sum, cell) => sum + stagesIn(cell, run).length, 0),
  distinct: run.size,
})

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

/** `order` holds the stages of the run, inputs first: a cell's failure is its first one. */
export const finishedCells = (
  graph: StageGraph,
  order: readonly StageNode[],
  current: ReadonlyMap<StageNode, Manifest>,
  failures: ReadonlyMap<StageNode, string>,
): readonly FinishedCell[] => {
  const run = new Set(order)
  const failed = order.filter((node) => failures.has(node))
  return graph.cells.map((cell): FinishedCell => {
    const stages = stagesIn(cell, run)
    const nodes = new Set(stages.map(([, node]) => node))
    const manifests = new Map(
      stages.flatMap(([name, node]) => {
        const manifest = current.get(node)
        return manifest === undefined ? [] : [[name, manifest] as const]
      }),
    )
    const { name, at, seed } = cell
    const first = failed.find((node) => nodes.has(node))
    if (first === undefined) {
      return { name, at, seed, manifests, state: manifests.size === cell.stages.size ? 'done' : 'skipped' }
    }
    const failure = { stage: first.name, message: failures.get(first)! }
    return { name, at, seed, manifests, state: 'failed', failure }
  })
}

/** For records: without the artifacts. */
export const outcomeOf = ({ manifests: _, ...outcome }: FinishedCell): CellOutcome => outcome
