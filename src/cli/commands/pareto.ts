/** `genepool pareto`: the models that no other beats at their cost. */
import * as Effect from 'effect/Effect'
import * as Command from 'effect/cli/Command'
import * as Flag from 'effect/cli/Flag'
import { plural } from '../../results/format.js'
import { renderCsv } from '../../results/data-table.js'
import { axesOf, groupResults, modelResults } from '../../results/experiment-results.js'
import { modelJson } from '../../results/model-results.js'
import { type Cost, paretoFront } from '../../results/pareto.js'
import { modelColumns, scoreLegend, withSpreadColumns } from '../../results/result-columns.js'
import { UsageError } from '../../runtime/errors.js'
import { type FlagsOf, jsonFlag, switchFlag } from '../input/flags.js'
import { inStore } from '../input/inspect.js'
import { checkBatch, checkScores, measuredFlags, metricFlag, openModels } from '../input/open-results.js'
import { printJson, say, warn } from '../output/print.js'
import { stdout } from '../output/terminal.js'
import { missingNotes, modelNotes } from '../output/results-tables.js'
import { renderTable } from '../output/table.js'

const paretoFlags = {
  ...measuredFlags,
  cost: Flag.Literals('cost', ['params', 'macs', 'latency']).pipe(
    Flag.withDescription(
      'What a model costs: parameters (the default), multiply-accumulates, or the measured time of a pass',
    ),
    Flag.withDefault('params'),
  ),
  metric: metricFlag,
  batch: Flag.Int('batch').pipe(Flag.withDescription('Images of a timed pass; default: 1'), Flag.withDefault(1)),
  csv: switchFlag('csv', 'Print CSV (RFC 4180)'),
  json: jsonFlag('Print one model a line as JSON'),
}

const costNames: Readonly<Record<Cost, string>> = { params: 'parameters', macs: 'MACs', latency: 'latency' }

const pareto = Effect.fnUntraced(function* (flags: FlagsOf<typeof paretoFlags>) {
  if (flags.json && flags.csv) return yield* new UsageError({ message: '--json and --csv exclude each other' })
  const results = yield* openModels(flags)
  const { kind } = results.experiment
  const models = modelResults(results, flags.metric)
  yield* checkScores(models, flags.metric, flags.pipeline)
  if (flags.cost === 'latency') yield* checkBatch(results, models, flags.batch, flags.pipeline)
  const notes = [...modelNotes(models, flags.metric), ...missingNotes(groupResults(results))]
  if (flags.json || flags.csv) warn(notes)
  const front = paretoFront(models, flags.cost, flags.metric, flags.batch)
  if (flags.json) {
    for (const model of front) printJson(modelJson(kind, model))
    return undefined
  }
  const spread = kind === 'suite'
  const axes = axesOf(results)
  const columns = modelColumns(front, { axes, spread })
  if (flags.csv) {
    stdout.write(renderCsv(spread ? withSpreadColumns(columns) : columns, front))
    return undefined
  }
  const measure = flags.cost === 'latency' ? `latency at batch ${flags.batch}` : costNames[flags.cost]
  const shown = columns.filter(({ key }) => key !== 'dominated')
  const table = renderTable(shown, front)
  const said = `${front.length} of ${plural(models.length, 'model')} are on the front of ${measure} and ${flags.metric}`
  return say([table, '', ...scoreLegend(models, results.cells), said, ...notes].join('\n'))
})

export const paretoCommand = Command.make('pareto', paretoFlags).pipe(
  Command.withDescription('Print the models that no other beats at their cost'),
  Command.withHandler(inStore(pareto)),
)
