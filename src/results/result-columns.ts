/** The columns of results: a line a model, or a line a group of cells. */
import type { CellResults } from './cell-results.js'
import type { DataColumn } from './data-table.js'
import { figureText, figureTitle, type NamedFigure, valueText } from './figures.js'
import { count, lossText, milliseconds, percentSpread } from './format.js'
import type { AxisLabels, GroupResult } from './group-results.js'
import { batchesOf } from './model-row.js'
import type { ModelResult } from './model-results.js'
import { latencyOf, type Metric } from './pareto.js'
import { type FigureSplit, splitLegend } from './splits.js'

interface ModelColumnOptions {
  /** Axes that get a column. */
  readonly axes: readonly string[]
  /** Whether scores come with their spread and n. */
  readonly spread: boolean
  /** Whether everything stored has a column beside the parameters that are counted. */
  readonly stored?: boolean
}

const metricTitles: Readonly<Record<Metric, string>> = { top1: 'top-1', top5: 'top-5', loss: 'loss' }

/** Stands in the last column of a model that another one dominates. */
const dominatedMark = '·'

export const dominatedLegend =
  `${dominatedMark} dominated: another model has no more parameters and MACs and no lower score, ` +
  'and is better in one of them'

type ModelColumn = DataColumn<ModelResult>

/** A column for each axis. `--csv` calls an axis that has the name of a column (`keys`) `at.loss`, as JSON does. */
const axisColumns = (
  axes: readonly string[],
  keys: readonly string[],
): readonly DataColumn<{ readonly at: AxisLabels }>[] =>
  axes.map((axis) => ({
    key: keys.includes(axis) ? `at.${axis}` : axis,
    title: axis,
    cell: ({ at }) => String(at[axis] ?? ''),
    raw: ({ at }) => at[axis] ?? null,
    align: 'left',
  }))

const ownKeys = ['id', 'model', 'depth', 'params', 'paramsStored', 'macs', 'n', 'top1', 'top5', 'loss', 'dominated']

const scoreColumns = (metrics: readonly ('top1' | 'top5')[], spread: boolean): readonly ModelColumn[] =>
  metrics.map((metric) => ({
    key: metric,
    title: metricTitles[metric],
    cell: (model) => {
      const mean = model[metric]
      return mean === null ? '–' : percentSpread({ mean, std: spread ? model.std[metric] : null })
    },
    raw: (model) => model[metric],
  }))

const metricsOf = (models: readonly ModelResult[]): readonly ('top1' | 'top5')[] =>
  models.some(({ top5 }) => top5 !== null) ? ['top1', 'top5'] : ['top1']

/** Of times and of top-5 there are the columns that some model has a value in. */
export const modelColumns = (
  models: readonly ModelResult[],
  { axes, spread, stored = false }: ModelColumnOptions,
): readonly ModelColumn[] => [
  ...axisColumns(axes, ownKeys),
  { key: 'id', title: 'id', cell: ({ id }) => String(id), raw: ({ id }) => id },
  { key: 'model', title: 'model', cell: ({ name }) => name, raw: ({ name }) => name, align: 'left' },
  { key: 'depth', title: 'blocks', cell: ({ depth }) => String(depth), raw: ({ depth }) => depth },
  { key: 'params', title: 'params', cell: ({ params }) => count(params), raw: ({ params }) => params },
  ...(stored
    ? [
        {
          key: 'paramsStored',
          title: 'stored',
          cell: ({ paramsStored }: ModelResult) => count(paramsStored),
          raw: ({ paramsStored }: ModelResult) => paramsStored,
        },
      ]
    : []),
  { key: 'macs', title: 'MACs', cell: ({ macs }) => count(macs), raw: ({ macs }) => macs },
  ...batchesOf(models).map((batch): ModelColumn => {
    const time = (model: ModelResult): number | undefined => latencyOf(model, batch)
    return {
      key: `latencyMs${batch}`,
      title: `batch ${batch}`,
      cell: (model) => (time(model) === undefined ? '–' : milliseconds(time(model)!)),
      raw: (model) => time(model) ?? null,
    }
  }),
  ...(spread
    ? [{ key: 'n', title: 'n', cell: ({ n }: ModelResult) => String(n), raw: ({ n }: ModelResult) => n }]
    : []),
  ...scoreColumns(metricsOf(models), spread),
  { key: 'loss', title: 'loss', cell: ({ loss }) => lossText(loss), raw: ({ loss }) => loss },
  {
    key: 'dominated',
    title: '',
    cell: ({ dominated }) => (dominated ? dominatedMark : ''),
    raw: ({ dominated }) => dominated,
    align: 'left',
  },
]

/** The images that models of these cells were measured on: mostly one split. */
export const modelSplits = (cells: readonly CellResults[]): readonly FigureSplit[] =>
  [...new Set(cells.flatMap(({ rows }) => rows.map(({ split }) => split)))].sort()

/** A line under a table of models: which images its scores are of. */
export const scoreLegend = (models: readonly ModelResult[], cells: readonly CellResults[]): readonly string[] => {
  const splits = modelSplits(cells)
  return splitLegend([...metricsOf(models), 'loss' as const].map((metric) => ({ title: metricTitles[metric], splits })))
}

/** For CSV: the same with each spread in a column of its own. */
export const withSpreadColumns = (columns: readonly ModelColumn[]): readonly ModelColumn[] =>
  columns.flatMap((column) => {
    if (column.key !== 'top1' && column.key !== 'top5' && column.key !== 'loss') return [column]
    const { key } = column
    return [column, { key: `${key}Std`, title: `${column.title} std`, cell: () => '', raw: (model) => model.std[key] }]
  })

type GroupColumn = DataColumn<GroupResult>

/** Axes, n (`2/3` where cells are missing or left out), and these figures. */
export const groupColumns = (axes: readonly string[], figures: readonly string[]): readonly GroupColumn[] => [
  ...axisColumns(axes, ['n', 'cells', ...figures]),
  {
    key: 'n',
    title: 'n',
    cell: ({ n, asked }) => (n === asked ? String(n) : `${n}/${asked}`),
    raw: ({ n }) => n,
  },
  ...figures.map((figure): GroupColumn => ({
    key: figure,
    title: figureTitle(figure),
    cell: (group) => figureText(figure, group.figures[figure]),
    raw: (group) => group.figures[figure]?.mean ?? null,
  })),
]

/** For CSV: the same with a column `<figure>Std` and `<figure>N` for each figure, and the number of cells. */
export const groupCsvColumns = (axes: readonly string[], figures: readonly string[]): readonly GroupColumn[] => {
  const cells: GroupColumn = { key: 'cells', title: 'cells', cell: String, raw: (group) => group.cells }
  return groupColumns(axes, figures).flatMap((column) => {
    if (column.key === 'n') return [cells, column]
    if (!figures.includes(column.key)) return [column]
    const { key } = column
    return [
      column,
      { key: `${key}Std`, title: '', cell: () => '', raw: (group) => group.figures[key]?.std ?? null },
      { key: `${key}N`, title: '', cell: () => '', raw: (group) => group.figures[key]?.n ?? 0 },
    ]
  })
}

/** The images that a figure of these cells was measured on; none where it is of no images. */
export const figureSplits = (figure: string, cells: readonly CellResults[]): readonly FigureSplit[] => [
  ...new Set(cells.flatMap((cell) => cell.figures[figure]?.splits ?? [])),
]

/** Lines under a table of figures: which images those are of that were measured on images. */
export const figureLegend = (figures: readonly string[], cells: readonly CellResults[]): readonly string[] =>
  splitLegend(figures.map((figure) => ({ title: figureTitle(figure), splits: figureSplits(figure, cells) })))

/** A line a figure of a pipeline alone. */
export const figureColumns = (figures: readonly NamedFigure[]): readonly DataColumn<NamedFigure>[] => [
  { key: 'figure', title: 'figure', cell: ({ figure }) => figure, raw: ({ figure }) => figure, align: 'left' },
  {
    key: 'value',
    title: 'value',
    cell: valueText,
    raw: ({ value }) => (typeof value === 'object' && value !== null ? JSON.stringify(value) : value),
  },
  ...(figures.some(({ images }) => images !== null)
    ? [
        {
          key: 'images',
          title: 'images',
          cell: ({ images }: NamedFigure) => images ?? '',
          raw: ({ images }: NamedFigure) => images,
          align: 'left' as const,
        },
      ]
    : []),
]
