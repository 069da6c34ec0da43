/** The command line's words: flags, arguments, help. Each handler reads its flags and calls one function. */
import * as Effect from 'effect/Effect'
import * as Command from 'effect/cli/Command'
import * as Flag from 'effect/cli/Flag'
import { renderCsv } from '../../results/data-table.js'
import { axesOf, groupResults, modelResults } from '../../results/experiment-results.js'
import { batchesOf } from '../../results/model-row.js'
import { modelColumns, withSpreadColumns } from '../../results/result-columns.js'
import { type Cost, type Metric, paretoFront } from '../../results/pareto.js'
import { modelJson } from '../../results/model-results.js'
import { UsageError } from '../../runtime/errors.js'
import { measured } from '../input/flags.js'
import type { InspectFlags } from '../input/inspect.js'
import { checkBatch, checkScores, metricFlag, openResults } from '../input/open-results.js'
import { warn } from '../output/print.js'
import { missingNotes, modelNotes } from '../output/results-tables.js'
import { renderTable } from '../output/table.js'

/** `genepool pareto`: the models that no other beats at their cost. */

export const paretoFlags = {
  cost: Flag.Literals('cost', ['params', 'macs', 'latency']).pipe(
    Flag.withDescription(
      'What a model costs: parameters (the default), multiply-accumulates, or the measured time of a pass',
    ),
    Flag.withDefault('params'),
  ),
  metric: metricFlag,
  batch: Flag.Int('batch').pipe(Flag.withDescription('Images of a timed pass; default: 1'), Flag.withDefault(1)),
  csv: Flag.Boolean('csv').pipe(Flag.withDescription('Print CSV (RFC 4180)'), Flag.withDefault(false)),
  json: Flag.Boolean('json').pipe(Flag.withDescription('Print one model a line as JSON'), Flag.withDefault(false)),
} as const

export interface ParetoFlags extends InspectFlags {
  readonly cost: Cost
  readonly metric: Metric
  readonly batch: number
  readonly csv: boolean
  readonly json: boolean
}

const costNames: Readonly<Record<Cost, string>> = { params: 'parameters', macs: 'MACs', latency: 'latency' }

export const paretoCommand = Effect.fnUntraced(function* (flags: ParetoFlags) {
  if (flags.json && flags.csv) return yield* new UsageError({ message: '--json and --csv exclude each other' })
  const { results } = yield* openResults(flags)
  const { kind } = results.experiment
  const models = modelResults(results, flags.metric)
  yield* checkScores(models, flags.metric, flags.pipeline)
  if (flags.cost === 'latency') yield* checkBatch(results, models, flags.batch, flags.pipeline)
  const notes = [...modelNotes(models, flags.metric), ...missingNotes(groupResults(results))]
  if (flags.json || flags.csv) warn(notes)
  const front = paretoFront(models, flags.cost, flags.metric, flags.batch)
  if (flags.json) {
    process.stdout.write(front.map((model) => `${JSON.stringify(modelJson(kind, model))}\n`).join(''))
    return undefined
  }
  const spread = kind === 'suite'
  const axes = axesOf(results)
  const columns = modelColumns({ axes, batches: batchesOf(front), spread })
  if (flags.csv) {
    process.stdout.write(renderCsv(spread ? withSpreadColumns(columns) : columns, front))
    return undefined
  }
  const measure = flags.cost === 'latency' ? `latency at batch ${flags.batch}` : costNames[flags.cost]
  const shown = columns.filter(({ key }) => key !== 'dominated')
  const table = renderTable(shown, front)
  const said = `${front.length} of ${models.length} models are on the front of ${measure} and ${flags.metric}`
  process.stdout.write(`${[table, '', said, ...notes].join('\n')}\n`)
  return undefined
})

export const pareto = Command.make('pareto', { ...measured, ...paretoFlags }).pipe(
  Command.withHandler((flags) => paretoCommand(flags)),
  Command.withDescription('Print the models that no other beats at their cost'),
)
