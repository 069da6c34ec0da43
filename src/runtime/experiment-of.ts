import type { Experiment, ExperimentCell, ExperimentStage } from './experiment.js'
import type { Plan } from './plan/plan.js'
import type { Prepared } from './plan/prepare.js'
import type { ResolvedEngine } from './services.js'
import type { GraphCell, StageGraph } from './definition/stage-graph.js'

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
