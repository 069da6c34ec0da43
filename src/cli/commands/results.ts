/** `genepool results`: what the definition as it stands has measured. */
import * as Effect from 'effect/Effect'
import * as Command from 'effect/cli/Command'
import { fitColumns, renderCsv } from '../../results/data-table.js'
import {
  axesOf,
  type ExperimentResults,
  groupResults,
  modelResults,
  otherAxesOf,
} from '../../results/experiment-results.js'
import { figuresOfGroups, mainFigures } from '../../results/figures.js'
import { comparisonNote, type GroupResult } from '../../results/group-results.js'
import { modelJson, type ResultJson } from '../../results/model-results.js'
import { batchesOf } from '../../results/model-row.js'
import { groupColumns, groupCsvColumns, modelColumns, withSpreadColumns } from '../../results/result-columns.js'
import { UsageError } from '../../runtime/errors.js'
import { type FlagsOf, jsonFlag, switchFlag, textFlag } from '../input/flags.js'
import { inStore } from '../input/inspect.js'
import { groupingAxes, measuredFlags, openResults } from '../input/open-results.js'
import { warn } from '../output/print.js'
import { missingNotes, modelNotes, renderModelResults } from '../output/results-tables.js'
import { renderTable } from '../output/table.js'

const resultsFlags = {
  ...measuredFlags,
  by: textFlag('by', 'Of a suite: a line for each value of this axis, or of several, e.g. init,positions; seed is one'),
  models: switchFlag('models', 'Of a suite: every model of every cell, averaged over seeds'),
  metric: textFlag('metric', 'Of a suite: the figures that are shown, e.g. bestTop1,teacher.top1'),
  all: switchFlag('all', 'Every figure that there is, however wide the table'),
  csv: switchFlag('csv', 'Print CSV (RFC 4180)'),
  json: jsonFlag('Print one model, or one line of a suite, a line as JSON, with the value of every seed'),
}
type ResultsFlags = FlagsOf<typeof resultsFlags>

const terminalWidth = 120

const jsonLines = (rows: readonly ResultJson[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('')

const readFigures = Effect.fnUntraced(function* (
  groups: readonly GroupResult[],
  flags: ResultsFlags,
): Effect.fn.Return<readonly string[], UsageError> {
  const known = figuresOfGroups(groups)
  if (flags.all) return known
  if (flags.metric === undefined) return mainFigures(groups)
  const asked = flags.metric.split(',').map((figure) => figure.trim())
  const stranger = asked.find((figure) => !known.includes(figure))
  if (stranger === undefined) return asked
  return yield* new UsageError({
    message: `there is no figure '${stranger}' in these results`,
    hint: `--metric takes ${known.join(', ')}`,
  })
})

/** The axes that `--by` names; undefined where it is not there. */
type By = readonly string[] | undefined

/** What has to be said of the groups: how they compare, and what has not run. */
const groupNotes = (results: ExperimentResults, groups: readonly GroupResult[], by: By): readonly string[] => {
  const compared = by === undefined ? undefined : comparisonNote(groups, otherAxesOf(results, by))
  return [...(compared === undefined ? [] : [compared]), ...missingNotes(groups)]
}

const renderModelRows = (results: ExperimentResults, by: By, flags: ResultsFlags): string => {
  const { kind } = results.experiment
  const axes = by ?? axesOf(results)
  const models = modelResults(results, 'top1', by)
  const spread = kind === 'suite'
  const notes = [...modelNotes(models, 'top1'), ...groupNotes(results, groupResults(results, by), by)]
  // Lines for a program hold no notes, so those go to stderr.
  if (flags.json || flags.csv) warn(notes)
  if (flags.json) return jsonLines(models.map((model) => modelJson(kind, model)))
  if (flags.csv) {
    const columns = modelColumns({ axes, batches: batchesOf(models), spread, stored: true })
    return renderCsv(spread ? withSpreadColumns(columns) : columns, models)
  }
  const table = renderModelResults(models, { axes, spread, stored: flags.all })
  return `${[table, ...(notes.length === 0 ? [] : ['', ...notes])].join('\n')}\n`
}

const spreadLegend = (groups: readonly GroupResult[], by: By): readonly string[] => {
  if (!groups.some(({ n }) => n > 1)) return []
  const over = by === undefined ? 'seeds' : 'measurements: seeds and all other axes'
  return [`mean ± sample standard deviation over n ${over}`]
}

/** The groups without any other figures. */
const withFigures = (groups: readonly GroupResult[], figures: readonly string[]): readonly GroupResult[] =>
  groups.map((group) => ({
    ...group,
    figures: Object.fromEntries(Object.entries(group.figures).filter(([figure]) => figures.includes(figure))),
  }))

const renderGroups = Effect.fnUntraced(function* (results: ExperimentResults, by: By, flags: ResultsFlags) {
  const axes = by ?? axesOf(results)
  const groups = groupResults(results, by)
  const figures = yield* readFigures(groups, flags)
  // A program gets everything unless it asks for less.
  const asked = flags.metric === undefined ? figuresOfGroups(groups) : figures
  if (flags.json) return jsonLines(withFigures(groups, asked))
  const notes = groupNotes(results, groups, by)
  if (flags.csv) {
    warn(notes)
    return renderCsv(groupCsvColumns(axes, asked), groups)
  }
  const columns = groupColumns(axes, figures)
  const isFixed = flags.all || flags.metric !== undefined
  const shown = isFixed ? columns : fitColumns(columns, groups, terminalWidth, axes.length + 2)
  const said = [...spreadLegend(groups, by), ...notes]
  return `${[renderTable(shown, groups), ...(said.length === 0 ? [] : ['', ...said])].join('\n')}\n`
})

/** Fails with a UsageError for flags that exclude each other. */
const checkFlags = Effect.fnUntraced(function* (flags: ResultsFlags): Effect.fn.Return<void, UsageError> {
  const refused = (message: string): UsageError => new UsageError({ message })
  if (flags.json && flags.csv) return yield* refused('--json and --csv exclude each other')
  if (flags.metric === undefined) return undefined
  if (flags.models) return yield* refused('--metric chooses figures of groups of cells, and --models prints models')
  if (flags.all) return yield* refused('--metric and --all exclude each other')
  return undefined
})

const results = Effect.fnUntraced(function* (flags: ResultsFlags) {
  yield* checkFlags(flags)
  const measured = yield* openResults(flags)
  const { kind, name } = measured.experiment
  if (kind === 'pipeline' && flags.metric !== undefined) {
    return yield* new UsageError({ message: `--metric chooses figures of a suite, and ${name} is a single pipeline` })
  }
  const by = flags.by === undefined ? undefined : yield* groupingAxes(measured, flags.by)
  const text =
    kind === 'pipeline' || flags.models
      ? renderModelRows(measured, by, flags)
      : yield* renderGroups(measured, by, flags)
  process.stdout.write(text)
  return undefined
})

export const resultsCommand = Command.make('results', resultsFlags).pipe(
  Command.withDescription('Print the measured models of a pipeline, or the figures of a suite with their spread'),
  Command.withExamples([
    { command: 'genepool results pipelines/ablation.ts', description: 'One line a cell, mean and spread over seeds' },
    { command: 'genepool results pipelines/ablation.ts --by init', description: 'One line for each value of an axis' },
  ]),
  Command.withHandler(inStore(results)),
)
