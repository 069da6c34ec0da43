/** What a round says of its plan: each stage with what tells whether an earlier round computes the very same. */
import type { StageNode } from '../../dsl/nodes.js'
import { hashOf } from '../../runtime/canonical.js'
import { fingerprintOf } from '../../runtime/plan/fingerprint.js'
import type { Plan } from '../../runtime/plan/plan.js'
import type { Prepared, PreparedStage } from '../../runtime/plan/prepare.js'
import type { ResolvedEngine } from '../../runtime/services.js'
import type { StageGraph } from '../../runtime/definition/stage-graph.js'
import type { RoundPlan, RoundStage, SlotUse } from './watch-messages.js'

const slotOf = ({ kind }: PreparedStage, { device, deviceIndex = 0 }: ResolvedEngine): SlotUse => ({
  ...(device !== 'cpu' && kind.usesEngine ? { gpu: `${device}:${deviceIndex}` } : {}),
  exclusive: kind.exclusive === true,
})

/** Undefined where an input is not there yet. */
const fingerprintIn = ({ manifests }: Plan, stage: PreparedStage): string | undefined => {
  const contents: Record<string, string> = {}
  for (const [input, from] of Object.entries(stage.node.inputs)) {
    const manifest = manifests.get(from)
    if (manifest === undefined) return undefined
    contents[input] = manifest.content
  }
  return fingerprintOf(stage.identify(contents))
}

export const roundPlan = (
  graph: StageGraph,
  prepared: Prepared,
  plan: Plan,
  engine: ResolvedEngine,
  keys: ReadonlyMap<StageNode, string>,
): RoundPlan => {
  const stages = prepared.stages.map((stage, index): RoundStage => {
    const planned = plan.stages[index]!
    const fingerprint = planned.status === 'run' ? fingerprintIn(plan, stage) : undefined
    return {
      ...planned,
      key: keys.get(stage.node)!,
      ...(fingerprint === undefined ? {} : { fingerprint }),
      slot: slotOf(stage, engine),
    }
  })
  const cells = graph.cells.map(({ name }) => name)
  const signature = hashOf([graph.name, cells, stages.map(({ stage, key }) => [stage, key])])
  return { pipeline: graph.name, signature, stages }
}
