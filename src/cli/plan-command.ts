/** `genepool plan`: each stage with its state and the reasons for it. */
import * as Effect from 'effect/Effect'
import { sharingOf } from '../runtime/cell-outcomes.js'
import { describeSharing } from './describe-suite.js'
import { describeMaker, describeReasons } from './describe.js'
import { inspect, type InspectFlags } from './inspect.js'
import { renderTable } from './table.js'

export const planCommand = Effect.fnUntraced(function* (flags: InspectFlags & { readonly json: boolean }) {
  const { plan, graph, prepared, notice } = yield* inspect(flags)
  if (flags.json) {
    for (const stage of plan.stages) process.stdout.write(`${JSON.stringify(stage)}\n`)
    return
  }
  const table = renderTable(
    [
      { title: 'stage', cell: (stage) => stage.stage, align: 'left' },
      { title: 'state', cell: (stage) => stage.status, align: 'left' },
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
    `${graph.name}${shared}\n${table}\n${number('cached')} cached, ${number('run')} to run, ${number('maybe')} maybe\n`,
  )
})
