/** The table of a suite: one line a group of cells, figures with their spread. */
import { isShare } from './cell-figures.js'
import type { DataColumn } from './data-table.js'
import { longestOf } from './extent.js'
import { countSpread, percentSpread } from './format.js'
import type { GroupResult } from './group-cells.js'
import { axisKey } from './model-columns.js'
import type { Spread } from './spread.js'

type Column = DataColumn<GroupResult>

/** Figures in the order in which they matter: as many as fit are shown. */
const preferred = ['stitchedMeanTop1', 'bestTop1', 'worstTop1', 'smallestTop1', 'teacher.top1', 'meanTop1']

const titles: Readonly<Record<string, string>> = {
  stitchedMeanTop1: 'stitched mean',
  meanTop1: 'mean',
  bestTop1: 'best',
  worstTop1: 'worst',
  smallestTop1: 'smallest',
  smallestParams: 'smallest params',
  'teacher.top1': 'teacher',
}

export const figureTitle = (figure: string): string => titles[figure] ?? figure

const longTitles: Readonly<Record<string, string>> = {
  stitchedMeanTop1: 'mean top-1 of the stitched models',
  meanTop1: 'mean top-1 of all models',
  bestTop1: 'top-1 of the best model',
  worstTop1: 'top-1 of the worst model',
  smallestTop1: 'top-1 of the smallest model',
  'teacher.top1': 'top-1 of the teacher',
}

/** Where there is room. */
export const figureLongTitle = (figure: string): string => longTitles[figure] ?? figureTitle(figure)

export const figureText = (figure: string, spread: Spread | undefined): string => {
  if (spread === undefined) return '–'
  return isShare(figure) ? percentSpread(spread) : countSpread(spread)
}

/** Every figure that some group has, the important ones first. */
export const figuresOfGroups = (groups: readonly GroupResult[]): readonly string[] => {
  const all = [...new Set(groups.flatMap(({ figures }) => Object.keys(figures)))]
  const first = preferred.filter((figure) => all.includes(figure))
  return [...first, ...all.filter((figure) => !first.includes(figure))]
}

/** What a table shows where nobody says what. */
export const mainFigures = (groups: readonly GroupResult[]): readonly string[] => {
  const shown = figuresOfGroups(groups).filter((figure) => preferred.includes(figure))
  return shown.filter((figure) => figure !== 'meanTop1' || !shown.includes('stitchedMeanTop1'))
}

/** Axes, n (`2/3` where cells are missing or left out), and these figures. */
export const groupColumns = (axes: readonly string[], figures: readonly string[]): readonly Column[] => [
  ...axes.map((axis): Column => ({
    key: axisKey(axis, ['n', 'cells', ...figures]),
    title: axis,
    cell: ({ at }) => String(at[axis]),
    raw: ({ at }) => at[axis] ?? null,
    align: 'left',
  })),
  {
    key: 'n',
    title: 'n',
    cell: ({ n, asked }) => (n === asked ? String(n) : `${n}/${asked}`),
    raw: ({ n }) => n,
  },
  ...figures.map((figure): Column => ({
    key: figure,
    title: figureTitle(figure),
    cell: (group) => figureText(figure, group.figures[figure]),
    raw: (group) => group.figures[figure]?.mean ?? null,
  })),
]

/** For CSV: the same with a column `<figure>Std` and `<figure>N` for each figure, and the number of cells. */
export const groupCsvColumns = (axes: readonly string[], figures: readonly string[]): readonly Column[] => {
  const cells: Column = { key: 'cells', title: 'cells', cell: String, raw: (group) => group.cells }
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

/** As many columns from the left as fit into `width` characters with two spaces between them, but never fewer than `least`. */
export const fitColumns = <Row>(
  columns: readonly DataColumn<Row>[],
  rows: readonly Row[],
  width: number,
  least: number,
): readonly DataColumn<Row>[] => {
  let used = -2
  return columns.filter((column, index) => {
    used += 2 + Math.max(column.title.length, longestOf(rows.map((row) => column.cell(row))))
    return used <= width || index < least
  })
}
