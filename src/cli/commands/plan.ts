/** `genepool plan`: each stage with its state, the time that it is expected to take and the reasons for it. */
import * as Effect from 'effect/Effect'
import * as Command from 'effect/cli/Command'
import type { StageNode } from '../../dsl/nodes.js'
import { duration, plural } from '../../results/format.js'
import { ranksOf } from '../../runtime/definition/stage-order.js'
import { UsageError } from '../../runtime/errors.js'
import type { PlannedStage } from '../../runtime/events.js'
import { memoryBounds } from '../../runtime/execute/worker-memory.js'
import { machineOf } from '../../runtime/machine.js'
import { foresee, type ImagesOf } from '../../runtime/plan/foresee.js'
import { estimateOf, estimateRun, ExpectedTimes, type PlanEstimate } from '../../runtime/records/estimate.js'
import { sharingOf } from '../../runtime/run/cell-outcomes.js'
import { Engines } from '../../runtime/services.js'
import {
  artifactFlags,
  checkJobs,
  type FlagsOf,
  jobsFlag,
  jsonFlag,
  onlyFlag,
  pipelineArgument,
  verboseFlag,
} from '../input/flags.js'
import { inspect, type Inspected, inStore } from '../input/inspect.js'
import { describeEstimate, describeMaker, describeReasons, describeSharing } from '../output/describe.js'
import { printJson, say } from '../output/print.js'
import { renderTable, type TableColumn } from '../output/table.js'
import { stdout } from '../output/terminal.js'

const planFlags = {
  pipeline: pipelineArgument,
  ...artifactFlags,
  jobs: jobsFlag,
  only: onlyFlag,
  json: jsonFlag('Print one stage a line as JSON, and the time that the run is expected to take as the last'),
  verbose: verboseFlag,
}

const estimated = (
  { graph, prepared, plan, store, engine }: Inspected,
  images: ImagesOf,
  deviceName: string | undefined,
  jobs: number,
) => {
  const here = { definition: graph.remembered.as, engine, machine: machineOf(deviceName) }
  const ranks = ranksOf(
    graph,
    prepared.stages.map(({ node }) => node),
  )
  const options = { jobs, device: engine.device, rankOf: (node: StageNode) => ranks.get(node) ?? 0 }
  return estimateRun(prepared.stages, plan.stages, ExpectedTimes.open(store, here, images), options)
}

/** Empty where no stage is to run. */
const estimateLine = (estimate: PlanEstimate | undefined): string => {
  if (estimate === undefined) return ''
  if (estimate.mostMs === 0) return 'expected time: not known, nothing like it has run yet\n'
  return `expected time: ${describeEstimate(estimate)}, with ${plural(estimate.jobs, 'stage')} side by side\n`
}

/** A run of such a plan is refused, and so the plan is no success either. */
const refuseMissing = ({ prepared }: Inspected): Effect.Effect<void, UsageError> => {
  const refused = prepared.stages.flatMap(({ node, missing }) =>
    missing === undefined ? [] : [{ ...missing, name: node.name }],
  )
  const [first] = refused
  if (first === undefined) return Effect.void
  const { name, message, hint } = first
  const others = refused.length === 1 ? '' : `; ${refused.length - 1} more of its stages cannot either`
  return Effect.fail(
    new UsageError({
      message: `it cannot run: stage '${name}': ${message}${others}`,
      ...(hint === undefined ? {} : { hint }),
    }),
  )
}

const plan = Effect.fnUntraced(function* (flags: FlagsOf<typeof planFlags>) {
  yield* checkJobs(flags.jobs)
  const inspected = yield* inspect(flags)
  const { graph, prepared, engine, notice } = inspected
  const { stages } = inspected.plan
  const on = { engine: engine.engine, memoryBytes: memoryBounds().bytes }
  const { warnings, images } = yield* foresee(prepared.stages, stages, on)
  const estimate = estimated(inspected, images, (yield* Engines).deviceName(engine), flags.jobs)
  const expectedMs = (stage: string): number | undefined => estimate?.expected.get(stage)
  if (flags.json) {
    for (const stage of stages) {
      const expected = stage.status === 'cached' ? {} : { expectedMs: expectedMs(stage.stage) ?? null }
      printJson({ ...stage, ...expected })
    }
    for (const message of warnings) printJson({ type: 'warning', message })
    if (estimate !== undefined) printJson({ type: 'estimate', ...estimateOf(estimate) })
    return yield* refuseMissing(inspected)
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
    stages,
  )
  const nodes = new Set(prepared.stages.map(({ node }) => node))
  const shared = graph.kind === 'suite' ? `: ${describeSharing(sharingOf(graph, nodes))}` : ''
  const number = (status: string): number => stages.filter((stage) => stage.status === status).length
  if (notice !== undefined) say(notice)
  for (const message of warnings) say(`warning: ${message}`)
  say(`${graph.name}${shared}\n${table}`)
  say(`${number('cached')} cached, ${number('run')} to run, ${number('maybe')} maybe`)
  stdout.write(estimateLine(estimate))
  yield* refuseMissing(inspected)
})

export const planCommand = Command.make('plan', planFlags).pipe(
  Command.withDescription(
    'Say for each stage whether it is cached, would run or may have to, why, and how long it takes; runs nothing',
  ),
  Command.withHandler(inStore(plan)),
)
