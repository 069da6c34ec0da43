/** What a file defines, one pipeline or a suite of them, with what the store holds of it. */
import type { AxisLabel, StageNode } from '../../dsl/nodes.js'
import type { GraphCell, StageGraph } from '../definition/stage-graph.js'
import type { PlannedStage } from '../events.js'
import type { ResolvedEngine } from '../services.js'
import type { Manifest } from '../store/store.js'
import type { Plan } from './plan.js'
import type { Prepared } from './prepare.js'

export interface ExperimentStage {
  /** One object for all cells that share the stage; its name is unique in a suite: `teacher[seed=1]`. */
  readonly node: StageNode
  readonly planned: PlannedStage
  /** Its artifact, where the store has it. */
  readonly manifest: Manifest | undefined
}

export interface ExperimentCell extends Omit<GraphCell, 'stages'> {
  /** By the stage's name in this pipeline: `teacher`, `evaluate`. Inputs come first. */
  readonly stages: ReadonlyMap<string, ExperimentStage>
}

export interface Experiment {
  readonly kind: 'pipeline' | 'suite'
  readonly name: string
  /** The file that defines it, as it was named. */
  readonly file: string
  /** Axis → labels; empty for a pipeline alone. */
  readonly axes: Readonly<Record<string, readonly AxisLabel[]>>
  readonly seeds: readonly number[]
  /** One for a pipeline alone. */
  readonly cells: readonly ExperimentCell[]
  readonly engine: ResolvedEngine
}

/** What a graph and its plan say of each cell. `file` is what the user calls it. */
export const experimentOf = (
  graph: StageGraph,
  prepared: Prepared,
  plan: Plan,
  engine: ResolvedEngine,
  file: string,
): Experiment => {
  const order = new Map(prepared.stages.map(({ node }, index) => [node, index]))
  const stageOf = (cell: GraphCell): ReadonlyMap<string, ExperimentStage> => {
    // With `only`, some of a cell's stages are not planned.
    const planned = [...cell.stages].filter(([, node]) => order.has(node))
    planned.sort(([, a], [, b]) => order.get(a)! - order.get(b)!)
    return new Map(
      planned.map(([name, node]) => [
        name,
        { node, planned: plan.stages[order.get(node)!]!, manifest: plan.manifests.get(node) },
      ]),
    )
  }
  const cells = graph.cells.map((cell): ExperimentCell => ({
    name: cell.name,
    at: cell.at,
    seed: cell.seed,
    pipeline: cell.pipeline,
    stages: stageOf(cell),
  }))
  const { kind, name, axes, seeds } = graph
  return { kind, name, file, axes, seeds, cells, engine }
}
