/** How long each stage may compute: what the definition says of it, else the run's own limit. No part of any identity. */
import type { PipelineNode, StageNode } from '../../dsl/nodes.js'
import type { StageGraph } from '../definition/stage-graph.js'

/** Of `distill/tiny`: what is said of it, of `distill`, of every stage. */
const timeoutIn = ({ timeouts }: PipelineNode, name: string): number | undefined =>
  timeouts?.[name] ?? timeouts?.[name.split('/')[0]!] ?? timeouts?.['']

/** By stage, in milliseconds. Cells that share a stage may give it different limits: it has the longest. */
export const stageTimeouts = (
  graph: StageGraph,
  runMs: number | undefined,
): ((node: StageNode) => number | undefined) => {
  const longest = new Map<StageNode, number>()
  for (const { pipeline, stages } of graph.cells) {
    if (pipeline.timeouts === undefined) continue
    for (const [name, node] of stages) {
      const ms = timeoutIn(pipeline, name)
      if (ms !== undefined) longest.set(node, Math.max(ms, longest.get(node) ?? 0))
    }
  }
  return (node) => longest.get(node) ?? runMs
}
