/** `genepool results`: what the definition as it stands has measured. */
import * as Flag from 'effect/cli/Flag'
import * as Effect from 'effect/Effect'
import * as Option from 'effect/Option'
import { axesOf, groupResults, modelResults, type ExperimentResults } from '../results/experiment-results.js'
import { renderCsv } from '../results/data-table.js'
import type { GroupResult } from '../results/group-cells.js'
import { figuresOfGroups, fitColumns, groupColumns, groupCsvColumns, mainFigures } from '../results/group-columns.js'
import { batchesOf, modelColumns, withSpreadColumns } from '../results/model-columns.js'
import { modelJson, type ResultJson } from '../results/results-json.js'
import { UsageError } from '../runtime/errors.js'
import type { InspectFlags } from './inspect.js'
import { renderModelResults } from './models-table.js'
import { openResults, readAxes } from './open-results.js'
import { renderTable } from './table.js'

const flag = (name: string, description: string) =>
  Flag.Boolean(name).pipe(Flag.withDescription(description), Flag.withDefault(false))

export const resultsFlags = {
  by: Flag.String('by').pipe(
    Flag.withDescription(
      'Of a suite: a line for each value of this axis, or of several, e.g. init,positions; seed is one',
    ),
    Flag.optional,
  ),
  models: flag('models', 'Of a suite: every model of every cell, averaged over seeds'),
  metric: Flag.String('metric').pipe(
    Flag.withDescription('Of a suite: the figures that are shown, e.g. bestTop1,teacher.top1'),
    Flag.optional,
  ),
  all: flag('all', 'Every figure that there is, however wide the table'),
  csv: flag('csv', 'Print CSV (RFC 4180)'),
  json: flag('json', 'Print one model, or one line of a suite, a line as JSON, with the value of every seed'),
} as const

export interface ResultsFlags extends InspectFlags {
  readonly by: Option.Option<string>
  readonly models: boolean
  readonly metric: Option.Option<string>
  readonly all: boolean
  readonly csv: boolean
  readonly json: boolean
}

const terminalWidth = 120

const jsonLines = (rows: readonly ResultJson[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('')

const renderMissing = (groups: readonly GroupResult[]): readonly string[] => {
  const missing = groups.flatMap((group) => group.missing)
  const shown = missing.slice(0, 5).map(({ cell, stages }) => `missing: ${cell} (${stages.join(', ')})`)
  const rest = missing.length - shown.length
  return rest > 0 ? [...shown, `… and ${rest} more cells; genepool plan shows all`] : shown
}

const readFigures = Effect.fnUntraced(function* (
  groups: readonly GroupResult[],
  flags: ResultsFlags,
): Effect.fn.Return<readonly string[], UsageError> {
  const known = figuresOfGroups(groups)
  if (flags.all) return known
  if (Option.isNone(flags.metric)) return mainFigures(groups)
  const asked = flags.metric.value.split(',').map((figure) => figure.trim())
  const stranger = asked.find((figure) => !known.includes(figure))
  if (stranger === undefined) return asked
  return yield* new UsageError({
    message: `there is no figure '${stranger}' in these results`,
    hint: `--metric takes ${known.join(', ')}`,
  })
})

const renderModelRows = (results: ExperimentResults, axes: readonly string[], flags: ResultsFlags): string => {
  const { kind } = results.experiment
  const models = modelResults(results, 'top1', axes)
  const spread = kind === 'suite'
  if (flags.json) return jsonLines(models.map((model) => modelJson(kind, model)))
  if (flags.csv) {
    const columns = modelColumns({ axes, batches: batchesOf(models), spread, stored: true })
    return renderCsv(spread ? withSpreadColumns(columns) : columns, models)
  }
  return `${renderModelResults(models, { axes, spread, stored: flags.all })}\n`
}

const spreadLegend = (groups: readonly GroupResult[], by: boolean): string =>
  groups.some(({ n }) => n > 1)
    ? `mean ± sample standard deviation over n ${by ? 'cells: seeds and all other axes' : 'seeds'}`
    : ''

const renderGroups = Effect.fnUntraced(function* (
  results: ExperimentResults,
  axes: readonly string[],
  flags: ResultsFlags,
) {
  const groups = groupResults(results, axes)
  if (flags.json) return jsonLines(groups)
  const figures = yield* readFigures(groups, flags)
  // A program gets everything unless it asks for less.
  if (flags.csv) {
    const all = Option.isNone(flags.metric) ? figuresOfGroups(groups) : figures
    return renderCsv(groupCsvColumns(axes, all), groups)
  }
  const columns = groupColumns(axes, figures)
  const isFixed = flags.all || Option.isSome(flags.metric)
  const shown = isFixed ? columns : fitColumns(columns, groups, terminalWidth, axes.length + 2)
  const notes = [spreadLegend(groups, Option.isSome(flags.by)), ...renderMissing(groups)].filter((note) => note !== '')
  return `${[renderTable(shown, groups), ...(notes.length === 0 ? [] : ['', ...notes])].join('\n')}\n`
})

export const resultsCommand = Effect.fnUntraced(function* (flags: ResultsFlags) {
  if (flags.json && flags.csv) return yield* new UsageError({ message: '--json and --csv exclude each other' })
  const { results } = yield* openResults(flags)
  const { kind, name } = results.experiment
  if (kind === 'pipeline' && Option.isSome(flags.metric)) {
    return yield* new UsageError({ message: `--metric chooses figures of a suite, and ${name} is a single pipeline` })
  }
  const axes = Option.isSome(flags.by) ? yield* readAxes(results, flags.by.value) : axesOf(results)
  const text =
    kind === 'pipeline' || flags.models
      ? renderModelRows(results, axes, flags)
      : yield* renderGroups(results, axes, flags)
  process.stdout.write(text)
  return undefined
})
