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
import {
  figuresCalled,
  figuresOfGroups,
  hasModels,
  mainFigures,
  mainNamedFigures,
  namedFigures,
} from '../../results/figures.js'
import { plural } from '../../results/format.js'
import { comparisonNote, type GroupResult } from '../../results/group-results.js'
import { modelJson, type ResultJson } from '../../results/model-results.js'
import {
  figureColumns,
  figureLegend,
  groupColumns,
  groupCsvColumns,
  modelColumns,
  withSpreadColumns,
} from '../../results/result-columns.js'
import { UsageError } from '../../runtime/errors.js'
import { type FlagsOf, jsonFlag, switchFlag, textFlag } from '../input/flags.js'
import { inStore } from '../input/inspect.js'
import { checkModels, groupingAxes, measuredFlags, openResults } from '../input/open-results.js'
import { warn } from '../output/print.js'
import { missingNotes, modelNotes, renderModelResults, renderNamedFigures } from '../output/results-tables.js'
import { renderTable } from '../output/table.js'
import { stdout } from '../output/terminal.js'

const resultsFlags = {
  ...measuredFlags,
  by: textFlag('by', 'Of a suite: a line for each value of this axis, or of several, e.g. init,positions; seed is one'),
  models: switchFlag('models', 'Of a suite: every model of every cell, averaged over seeds'),
  metric: textFlag(
    'metric',
    'The figures that are shown: by name (bestTop1,teacher.top1), all of a stage (confusion), or one of all stages (top1)',
  ),
  all: switchFlag('all', 'Every figure that there is, of every stage, however wide the table'),
  csv: switchFlag('csv', 'Print CSV (RFC 4180)'),
  json: jsonFlag('Print one model, one figure or one line of a suite a line as JSON, with the value of every seed'),
}
type ResultsFlags = FlagsOf<typeof resultsFlags>

const terminalWidth = 120

const jsonLines = (rows: readonly ResultJson[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('')

/** At most so many figures are named in a hint. */
const mostNamed = 30

/** Those of `known` that `--metric` names. Fails with a UsageError that lists them where it names another. */
const chosenFigures = Effect.fnUntraced(function* (
  metric: string,
  known: readonly string[],
): Effect.fn.Return<readonly string[], UsageError> {
  const words = metric.split(',').map((word) => word.trim())
  const stranger = words.find((word) => figuresCalled(word, known).length === 0)
  if (stranger === undefined) return [...new Set(words.flatMap((word) => figuresCalled(word, known)))]
  const rest = known.length - mostNamed
  return yield* new UsageError({
    message: `there is no figure '${stranger}' in these results`,
    hint: `--metric takes ${known.slice(0, mostNamed).join(', ')}${rest > 0 ? ` and ${rest} more: --all` : ''}`,
  })
})

/** The figures that the table of a suite shows. */
const readFigures = Effect.fnUntraced(function* (
  groups: readonly GroupResult[],
  cells: ExperimentResults['cells'],
  flags: ResultsFlags,
): Effect.fn.Return<readonly string[], UsageError> {
  const known = figuresOfGroups(groups)
  if (flags.all) return known
  if (flags.metric !== undefined) return yield* chosenFigures(flags.metric, known)
  const main = mainFigures(groups, cells)
  return main.length > 0 ? main : known
})

/** The axes that `--by` names; undefined where it is not there. */
type By = readonly string[] | undefined

/** What has to be said of the groups: how they compare, and what has not run. */
const groupNotes = (results: ExperimentResults, groups: readonly GroupResult[], by: By): readonly string[] => {
  const compared = by === undefined ? undefined : comparisonNote(groups, otherAxesOf(results, by))
  return [...(compared === undefined ? [] : [compared]), ...missingNotes(groups)]
}

/** A pipeline's own figures below its models, all of them with `--all`. */
const furtherFigures = ({ experiment, cells }: ExperimentResults, { all }: ResultsFlags): readonly string[] => {
  if (experiment.kind === 'suite') return []
  const figures = all ? cells.flatMap(namedFigures) : cells.flatMap(mainNamedFigures)
  return figures.length === 0 ? [] : ['', renderNamedFigures(figures)]
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
    const columns = modelColumns(models, { axes, spread, stored: true })
    return renderCsv(spread ? withSpreadColumns(columns) : columns, models)
  }
  const table = renderModelResults(models, { axes, spread, stored: flags.all, cells: results.cells })
  const further = furtherFigures(results, flags)
  return `${[table, ...further, ...(notes.length === 0 ? [] : ['', ...notes])].join('\n')}\n`
}

/** A pipeline alone, a line a figure. */
const renderFigures = Effect.fnUntraced(function* (results: ExperimentResults, flags: ResultsFlags) {
  const all = results.cells.flatMap(namedFigures)
  const main = results.cells.flatMap(mainNamedFigures)
  const asked =
    flags.metric === undefined
      ? undefined
      : yield* chosenFigures(
          flags.metric,
          all.map(({ figure }) => figure),
        )
  const shown =
    asked !== undefined
      ? asked.flatMap((name) => all.filter(({ figure }) => figure === name))
      : flags.all || flags.json || flags.csv || main.length === 0
        ? all
        : main
  const notes = missingNotes(groupResults(results))
  if (flags.json || flags.csv) warn(notes)
  if (flags.json) return jsonLines(shown)
  if (flags.csv) return renderCsv(figureColumns(shown), shown)
  const rest = asked === undefined ? all.length - shown.length : 0
  const said = [...(rest > 0 ? [`${plural(rest, 'more figure')}: --all`] : []), ...notes]
  return `${[renderNamedFigures(shown), ...(said.length === 0 ? [] : ['', ...said])].join('\n')}\n`
})

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
  const figures = yield* readFigures(groups, results.cells, flags)
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
  const legend = figureLegend(
    shown.map(({ key }) => key),
    results.cells,
  )
  const said = [...spreadLegend(groups, by), ...legend, ...notes]
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
  const measured = yield* openResults(flags, flags.metric !== undefined || flags.all)
  if (flags.models) yield* checkModels(measured, flags.pipeline)
  const by = flags.by === undefined ? undefined : yield* groupingAxes(measured, flags.by)
  const isPipeline = measured.experiment.kind === 'pipeline'
  const showsModels = flags.models || (isPipeline && flags.metric === undefined && hasModels(measured.cells))
  const text = showsModels
    ? renderModelRows(measured, by, flags)
    : isPipeline
      ? yield* renderFigures(measured, flags)
      : yield* renderGroups(measured, by, flags)
  stdout.write(text)
})

export const resultsCommand = Command.make('results', resultsFlags).pipe(
  Command.withDescription(
    'Print the measured models of a pipeline and the figures of its stages, or those of a suite with their spread',
  ),
  Command.withExamples([
    { command: 'genepool results pipelines/ablation.ts', description: 'One line a cell, mean and spread over seeds' },
    { command: 'genepool results pipelines/ablation.ts --by init', description: 'One line for each value of an axis' },
    {
      command: 'genepool results pipelines/confusion.ts --metric confusion',
      description: 'What one stage has returned',
    },
  ]),
  Command.withHandler(inStore(results)),
)
