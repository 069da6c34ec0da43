/** The command line's words: flags, arguments, help. Each handler reads its flags and calls one function. */
import * as Effect from 'effect/Effect'
import * as Option from 'effect/Option'
import * as Command from 'effect/cli/Command'
import { genepoolLayer } from '../../compose.js'
import type { StageNode } from '../../dsl/nodes.js'
import { duration } from '../../results/format.js'
import { ranksOf } from '../../runtime/definition/stage-order.js'
import type { PlannedStage } from '../../runtime/events.js'
import { machineOf } from '../../runtime/machine.js'
import { estimateOf, estimateRun, ExpectedTimes, type PlanEstimate } from '../../runtime/records/estimate.js'
import { sharingOf } from '../../runtime/run/cell-outcomes.js'
import { Engines } from '../../runtime/services.js'
import { device, engine, jobs, jobsOf, json, only, pipeline, reuse, store, verbose } from '../input/flags.js'
import { inspect, type Inspected, type InspectFlags } from '../input/inspect.js'
import { describeEstimate, describeMaker, describeReasons, describeSharing } from '../output/describe.js'
import { renderTable, type TableColumn } from '../output/table.js'

/** `genepool plan`: each stage with its state, the time that it is expected to take and the reasons for it. */

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
  const expectedColumn: TableColumn<PlannedStage> = {
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

export const plan = Command.make('plan', {
  pipeline,
  store,
  engine,
  device,
  reuse,
  jobs,
  only,
  json: json('Print one stage a line as JSON, and the time that the run is expected to take as the last'),
  verbose,
}).pipe(
  Command.withHandler(
    Effect.fnUntraced(function* (flags) {
      const jobsWanted = yield* jobsOf(flags.jobs)
      return yield* planCommand({ ...flags, jobs: jobsWanted, only: Option.getOrUndefined(flags.only) })
    }),
  ),
  Command.withDescription(
    'Say for each stage whether it is cached, would run or may have to, why, and how long it takes; runs nothing',
  ),
)
