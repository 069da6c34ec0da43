/** Results as text: tables of models, what has to be said beside them, and the table that a run ends with. */
import * as Effect from 'effect/Effect'
import { type Cell, type CellResults, readCellResults } from '../../results/cell-results.js'
import { type DataColumn, fitColumns } from '../../results/data-table.js'
import { warningsOf } from '../../results/experiment-results.js'
import { mainFigures, mainNamedFigures, type NamedFigure } from '../../results/figures.js'
import { plural } from '../../results/format.js'
import {
  type AxisLabels,
  describeLabels,
  groupCells,
  type GroupResult,
  summariseGroup,
} from '../../results/group-results.js'
import { type ModelResult, modelsOfGroup } from '../../results/model-results.js'
import { hasScore, type Metric } from '../../results/pareto.js'
import { batchesOf } from '../../results/model-row.js'
import {
  dominatedLegend,
  figureColumns,
  figureLegend,
  groupColumns,
  modelColumns,
  scoreLegend,
} from '../../results/result-columns.js'
import { extentOf } from '../../results/statistics.js'
import type { StageGraph } from '../../runtime/definition/stage-graph.js'
import type { StoreError } from '../../runtime/errors.js'
import type { FinishedCell } from '../../runtime/run/cell-outcomes.js'
import type { Store } from '../../runtime/store/store.js'
import { warn } from './print.js'
import { renderTable } from './table.js'

interface ModelTableOptions {
  readonly axes: readonly string[]
  readonly spread: boolean
  readonly stored?: boolean
  /** Cells that the models are of. */
  readonly cells: readonly CellResults[]
}

/** Rows with what people need to read them: on which images, which are dominated, and what the times are. */
export const renderModelResults = (
  models: readonly ModelResult[],
  { cells, ...options }: ModelTableOptions,
): string => {
  const batches = batchesOf(models)
  const table = renderTable(modelColumns(models, options), models)
  const legends = [
    ...scoreLegend(models, cells),
    ...(batches.length === 0 ? [] : [`batch ${batches.join(', batch ')}: median time of a pass over so many images`]),
    ...(models.some(({ dominated }) => dominated) ? [dominatedLegend] : []),
  ]
  return [table, ...(legends.length === 0 ? [] : ['']), ...legends].join('\n')
}

/** A pipeline's figures, a line each. */
export const renderNamedFigures = (figures: readonly NamedFigure[]): string =>
  renderTable(figureColumns(figures), figures)

/** So many cells of which something is missing have a line each, with so many of their stages. */
const [mostCells, mostStages] = [5, 8]

const listed = (stages: readonly string[]): string => {
  const rest = stages.length - mostStages
  return rest > 0 ? `${stages.slice(0, mostStages).join(', ')} and ${rest} more` : stages.join(', ')
}

/** A line for each cell of which something has not run, as long as they are few. */
export const missingNotes = (groups: readonly GroupResult[]): readonly string[] => {
  const missing = groups.flatMap((group) => group.missing)
  const shown = missing
    .slice(0, mostCells)
    .map(({ cell, stages }) => `missing: ${cell === '' ? listed(stages) : `${cell} (${listed(stages)})`}`)
  const rest = missing.length - shown.length
  return rest > 0 ? [...shown, `… and ${plural(rest, 'more cell')}; genepool plan shows all`] : shown
}

/** Where models are means over different numbers of cells, and where losses are no numbers. */
export const modelNotes = (models: readonly ModelResult[], metric: Metric): readonly string[] => {
  const [least, most] = extentOf(models.map(({ n }) => n))
  const without = models.filter((model) => !hasScore(model, metric)).length
  return [
    ...(least < most ? [`models are means over ${least} to ${most} cells: the column n says over how many`] : []),
    ...(without > 0 ? [`${plural(without, 'model')} left out: the ${metric} is not a number`] : []),
  ]
}

const tableWidth = 120

/** `done`, or, where seeds differ, `2 done, 1 failed`. */
const stateOf = (cells: readonly FinishedCell[]): string => {
  const states = (['done', 'failed', 'skipped'] as const)
    .map((state) => ({ state, number: cells.filter((cell) => cell.state === state).length }))
    .filter(({ number }) => number > 0)
    .map(({ state, number }) => ({ number, said: state === 'skipped' ? 'not run' : state }))
  return states.length === 1 ? states[0].said : states.map(({ number, said }) => `${number} ${said}`).join(', ')
}

const stateColumn = (cells: readonly FinishedCell[]): DataColumn<GroupResult> => {
  const keyOf = (at: AxisLabels): string => describeLabels(at)
  const byKey = new Map<string, FinishedCell[]>()
  for (const cell of cells) {
    const own = byKey.get(keyOf(cell.at))
    if (own === undefined) byKey.set(keyOf(cell.at), [cell])
    else own.push(cell)
  }
  const state = ({ at }: GroupResult): string => stateOf(byKey.get(keyOf(at)) ?? [])
  return { key: 'state', title: 'state', cell: state, raw: state, align: 'left' }
}

/** A line for every cell without its seed, as in `genepool results`, with how its seeds ended. */
const renderSuite = (finished: readonly FinishedCell[], cells: readonly CellResults[]): string => {
  const axes = Object.keys(finished[0]?.at ?? {})
  const groups = groupCells(cells, axes).map(summariseGroup)
  const figures = mainFigures(groups, cells)
  const columns = groupColumns(axes, figures)
  const measures = figures.length > 0 && groups.some(({ n }) => n > 0)
  const shown = [
    ...columns.slice(0, axes.length),
    stateColumn(finished),
    ...columns.slice(axes.length).filter(({ key }) => key !== 'n' || measures),
  ]
  const fitting = fitColumns(shown, groups, tableWidth, axes.length + 2)
  const legend = figureLegend(
    fitting.map(({ key }) => key),
    cells,
  )
  return [renderTable(fitting, groups), ...(legend.length === 0 ? [] : ['', ...legend])].join('\n')
}

/** The cells of a graph with what a run left of each. */
const cellsOf = (graph: StageGraph, finished: readonly FinishedCell[]): readonly Cell[] =>
  graph.cells.map(({ name, at, seed, stages }, index) => {
    const { manifests } = finished[index]
    return {
      name,
      at,
      seed,
      stages: new Map([...stages].map(([stage, node]) => [stage, { node, manifest: manifests.get(stage) }])),
    }
  })

/** What a run ends with: tables, each with an empty line before it; nothing where a pipeline has measured nothing. */
export const renderFinished = Effect.fnUntraced(function* (
  graph: StageGraph,
  finished: readonly FinishedCell[],
  target: string,
): Effect.fn.Return<string, StoreError, Store> {
  const { cells, damaged } = yield* readCellResults(cellsOf(graph, finished))
  warn(warningsOf(damaged, target))
  if (graph.kind === 'suite') return `\n${renderSuite(finished, cells)}\n`
  const models = groupCells(cells, []).flatMap((group) => modelsOfGroup(group))
  const figures = cells.flatMap(mainNamedFigures)
  return [
    ...(models.length === 0 ? [] : [`\n${renderModelResults(models, { axes: [], spread: false, cells })}\n`]),
    ...(figures.length === 0 ? [] : [`\n${renderNamedFigures(figures)}\n`]),
  ].join('')
})
