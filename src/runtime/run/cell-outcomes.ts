/** What a run comes to, cell by cell. */
import type { StageNode } from '../../dsl/nodes.js'
import type { GraphCell, StageGraph } from '../definition/stage-graph.js'
import type { CellOutcome, Sharing } from '../events.js'
import type { Manifest } from '../store/store.js'

/** A cell with what it has. */
export interface FinishedCell extends CellOutcome {
  /** Artifacts by the stage's name in the cell: `evaluate`. */
  readonly manifests: ReadonlyMap<string, Manifest>
}

/** Of each cell, the stages that are part of the run. */
const stagesIn = (cell: GraphCell, run: ReadonlySet<StageNode>): readonly (readonly [string, StageNode])[] =>
  [...cell.stages].filter(([, node]) => run.has(node))

export const sharingOf = (graph: StageGraph, run: ReadonlySet<StageNode>): Sharing => ({
  cells: graph.cells.length,
  asked: graph.cells.reduce((sum, cell) => sum + stagesIn(cell, run).length, 0),
  distinct: run.size,
})

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
