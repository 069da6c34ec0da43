/** `genepool plan`: each stage with its state, the time that it is expected to take and the reasons for it. */
import * as Effect from 'effect/Effect'
import type { StageNode } from '../../dsl/nodes.js'
import { genepoolLayer } from '../../compose.js'
import { duration } from '../../results/format.js'
import { ranksOf, sharingOf } from '../../runtime/definition/cell-outcomes.js'
import type { PlannedStage } from '../../runtime/events.js'
import { ExpectedTimes } from '../../runtime/records/expected-time.js'
import { machineOf } from '../../runtime/plan/machine.js'
import { estimateOf, estimateRun, type PlanEstimate } from '../../runtime/records/run-estimate.js'
import { Engines } from '../../runtime/services.js'
import { describeEstimate } from '../text/describe-estimate.js'
import { describeSharing } from '../text/describe-suite.js'
import { describeMaker, describeReasons } from '../text/describe.js'
import { inspect, type InspectFlags, type Inspected } from './inspect.js'
import { renderTable, type Column } from '../text/table.js'

interface PlanFlags extends InspectFlags {
  /** CPU stages side by side, for the time of the whole run. */
  readonly jobs: number
  readonly json: boolean
}

const estimated = (
  { graph, prepared, plan, store, engine }: Inspected,
  deviceName: string | undefined,
  jobs: number,
) => {
  const here = { definition: graph.remembered.as, engine, machine: machineOf(deviceName) }
  const ranks = ranksOf(
    graph,
    prepared.stages.map(({ node }) => node),
  )
  const options = { jobs, device: engine.device, rankOf: (node: StageNode) => ranks.get(node) ?? 0 }
  return estimateRun(prepared.stages, plan.stages, ExpectedTimes.open(store, here), options)
}

/** Nothing where nothing is to run. */
const estimateLine = (estimate: PlanEstimate | undefined): string => {
  if (estimate === undefined) return ''
  if (estimate.mostMs === 0) return 'expected time: not known, nothing like it has run yet\n'
  return `expected time: ${describeEstimate(estimate)}, with ${estimate.jobs} ${estimate.jobs === 1 ? 'stage' : 'stages'} side by side\n`
}

const planInStore = Effect.fnUntraced(function* (flags: PlanFlags) {
  const inspected = yield* inspect(flags)
  const { plan, graph, prepared, engine, notice } = inspected
  const estimate = estimated(inspected, (yield* Engines).deviceName(engine), flags.jobs)
  const expectedMs = (stage: string): number | undefined => estimate?.expected.get(stage)
  if (flags.json) {
    for (const stage of plan.stages) {
      const expected = stage.status === 'cached' ? {} : { expectedMs: expectedMs(stage.stage) ?? null }
      process.stdout.write(`${JSON.stringify({ ...stage, ...expected })}\n`)
    }
    if (estimate !== undefined)
      process.stdout.write(`${JSON.stringify({ type: 'estimate', ...estimateOf(estimate) })}\n`)
    return
  }
  const expectedColumn: Column<PlannedStage> = {
    title: 'expected',
    cell: ({ stage }) => {
      const ms = expectedMs(stage)
      return ms === undefined ? '' : duration(ms)
    },
  }
  const table = renderTable(
    [
      { title: 'stage', cell: (stage) => stage.stage, align: 'left' },
      { title: 'state', cell: (stage) => stage.status, align: 'left' },
      ...(estimate !== undefined && estimate.expected.size > 0 ? [expectedColumn] : []),
      {
        title: 'because',
        cell: (stage) => (stage.madeBy === undefined ? describeReasons(stage.reasons) : describeMaker(stage.madeBy)),
        align: 'left',
      },
    ],
    plan.stages,
  )
  const nodes = new Set(prepared.stages.map(({ node }) => node))
  const shared = graph.kind === 'suite' ? `: ${describeSharing(sharingOf(graph, nodes))}` : ''
  const number = (status: string): number => plan.stages.filter((stage) => stage.status === status).length
  if (notice !== undefined) process.stdout.write(`${notice}\n`)
  process.stdout.write(
    `${graph.name}${shared}\n${table}\n${number('cached')} cached, ${number('run')} to run, ${number('maybe')} maybe\n${estimateLine(estimate)}`,
  )
})

export const planCommand = (flags: PlanFlags) => planInStore(flags).pipe(Effect.provide(genepoolLayer(flags.store)))
