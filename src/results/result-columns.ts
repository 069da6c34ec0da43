/** The columns of results: a line a model, or a line a group of cells. */
import type { DataColumn } from './data-table.js'
import { figureText, figureTitle } from './figures.js'
import { count, lossText, milliseconds, percentSpread } from './format.js'
import type { AxisLabels, GroupResult } from './group-results.js'
import type { ModelResult } from './model-results.js'
import { latencyOf } from './pareto.js'

interface ModelColumnOptions {
  /** Axes that get a column. */
  readonly axes: readonly string[]
  /** Batches whose times get a column. */
  readonly batches: readonly number[]
  /** Whether scores come with their spread and n. */
  readonly spread: boolean
  /** Whether everything stored has a column beside the parameters that are counted. */
  readonly stored?: boolean
}

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

const scoreColumns = (spread: boolean): readonly ModelColumn[] =>
  (['top1', 'top5'] as const).map((metric) => ({
    key: metric,
    title: metric.replace('top', 'top-'),
    cell: (model) => percentSpread({ mean: model[metric], std: spread ? model.std[metric] : null }),
    raw: (model) => model[metric],
  }))

export const modelColumns = ({ axes, batches, spread, stored = false }: ModelColumnOptions): readonly ModelColumn[] => [
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
  ...batches.map((batch): ModelColumn => {
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
  ...scoreColumns(spread),
  { key: 'loss', title: 'loss', cell: ({ loss }) => lossText(loss), raw: ({ loss }) => loss },
  {
    key: 'dominated',
    title: '',
    cell: ({ dominated }) => (dominated ? dominatedMark : ''),
    raw: ({ dominated }) => dominated,
    align: 'left',
  },
]

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
