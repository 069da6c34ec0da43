/** Which stages a stage holds up: they run only if it gives something else than before. */
import type { StageNode } from '../../dsl/nodes.js'
import type { Plan } from './plan.js'
import type { Prepared } from './prepare.js'

/** Stages that may have to run, with those that they wait for, by node. */
export const cutOffBehind = ({ stages }: Prepared, plan: Plan): ReadonlyMap<StageNode, readonly string[]> => {
  const behind = new Map<StageNode, Set<string>>()
  const status = new Map(stages.map(({ node }, index) => [node, plan.stages[index]!.status]))
  const above = new Map<StageNode, Set<StageNode>>()
  // Inputs come first.
  for (const { node } of stages) {
    const all = new Set<StageNode>()
    for (const from of Object.values(node.inputs)) {
      if (status.get(from) === undefined || status.get(from) === 'cached') continue
      all.add(from)
      for (const further of above.get(from) ?? []) all.add(further)
    }
    above.set(node, all)
    if (status.get(node) !== 'maybe') continue
    for (const from of all) behind.set(from, (behind.get(from) ?? new Set()).add(node.name))
  }
  return new Map([...behind].map(([node, names]) => [node, [...names]]))
}
