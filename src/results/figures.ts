/** The figures of a cell by name (`bestTop1`, `teacher.top1`): their titles, their order, and their values as text. */
import type { Json } from '../dsl/nodes.js'
import type { CellResults } from './cell-results.js'
import { count, countSpread, percent, percentSpread } from './format.js'
import type { GroupResult } from './group-results.js'
import type { Spread } from './statistics.js'

/** Whether a figure is a share between 0 and 1, shown in per cent. */
export const isShare = (figure: string): boolean => /(?:^|\.|[a-z])[tT]op[15]$/.test(figure)

/** The most telling figures first: a narrow terminal shows only the first few. */
const preferred = ['stitchedMeanTop1', 'bestTop1', 'worstTop1', 'smallestTop1', 'teacher.top1', 'meanTop1']

const shortTitles: Readonly<Record<string, string>> = {
  stitchedMeanTop1: 'stitched mean',
  meanTop1: 'mean',
  bestTop1: 'best',
  worstTop1: 'worst',
  smallestTop1: 'smallest',
  smallestParams: 'smallest params',
  'teacher.top1': 'teacher',
}

export const figureTitle = (figure: string): string => shortTitles[figure] ?? figure

const longTitles: Readonly<Record<string, string>> = {
  stitchedMeanTop1: 'mean top-1 of the stitched models',
  meanTop1: 'mean top-1 of all models',
  bestTop1: 'top-1 of the best model',
  worstTop1: 'top-1 of the worst model',
  smallestTop1: 'top-1 of the smallest model',
  'teacher.top1': 'top-1 of the teacher',
}

/** A title for captions and axes, where there is room. */
export const figureLongTitle = (figure: string): string => longTitles[figure] ?? figureTitle(figure)

export const figureText = (figure: string, spread: Spread | undefined): string => {
  if (spread === undefined) return '–'
  return isShare(figure) ? percentSpread(spread) : countSpread(spread)
}

/** A figure of a pipeline alone: one line of `results --json` where no models were measured. */
export interface NamedFigure {
  readonly figure: string
  readonly value: Json
  /** `test`, where it was measured on these images; null where it is of no images, or nobody can tell. */
  readonly images: string | null
}

/** A value longer than this is cut in tables. */
const longestValue = 60

/** A stage's own words may hold anything: on a terminal they stay in their line. */
const inOneLine = (text: string): string => {
  const line = text.replace(/[\s\p{Cc}]+/gu, ' ')
  return line.length > longestValue ? `${line.slice(0, longestValue - 1)}…` : line
}

export const valueText = ({ figure, value }: NamedFigure): string => {
  if (value === null) return '–'
  if (typeof value === 'number') return isShare(figure) ? percent(value) : count(value)
  return inOneLine(typeof value === 'string' ? value : JSON.stringify(value))
}

export const namedFigures = ({ figures }: CellResults): readonly NamedFigure[] =>
  Object.entries(figures).map(([figure, { value, splits }]) => ({
    figure,
    value,
    images: splits.length === 0 ? null : splits.join(' or '),
  }))

const preferredFirst = (all: readonly string[]): readonly string[] => {
  const first = preferred.filter((figure) => all.includes(figure))
  return [...first, ...all.filter((figure) => !first.includes(figure))]
}

/** Every figure that some group has, the important ones first. */
export const figuresOfGroups = (groups: readonly GroupResult[]): readonly string[] =>
  preferredFirst([...new Set(groups.flatMap(({ figures }) => Object.keys(figures)))])

/** Figures that stages of the user's own give. */
export const ownFigures = (cells: readonly CellResults[]): readonly string[] => [
  ...new Set(
    cells.flatMap(({ figures }) => Object.entries(figures).flatMap(([name, { isOwn }]) => (isOwn ? [name] : []))),
  ),
]

/** Figures that were measured on images, the important ones first. */
const measuredFigures = (cells: readonly CellResults[]): readonly string[] =>
  preferredFirst([
    ...new Set(
      cells.flatMap(({ figures }) =>
        Object.entries(figures).flatMap(([name, { splits }]) => (splits.length > 0 ? [name] : [])),
      ),
    ),
  ])

export const hasModels = (cells: readonly CellResults[]): boolean => cells.some(({ rows }) => rows.length > 0)

/** What is shown where there are no models: what the user's own stages give, then what was measured on images. */
const figuresWithoutModels = (cells: readonly CellResults[]): readonly string[] => [
  ...new Set([...ownFigures(cells), ...measuredFigures(cells)]),
]

/** The figures that a suite's table shows by default: of measured models theirs and the teacher's. */
export const mainFigures = (groups: readonly GroupResult[], cells: readonly CellResults[]): readonly string[] => {
  const all = figuresOfGroups(groups)
  if (!hasModels(cells)) return figuresWithoutModels(cells).filter((figure) => all.includes(figure))
  const shown = all.filter((figure) => preferred.includes(figure))
  return shown.filter((figure) => figure !== 'meanTop1' || !shown.includes('stitchedMeanTop1'))
}

/** The figures that a pipeline shows by default, beside its models where it has measured some. */
export const mainNamedFigures = (cell: CellResults): readonly NamedFigure[] => {
  const shown = hasModels([cell]) ? ownFigures([cell]) : figuresWithoutModels([cell])
  return namedFigures(cell).filter(({ figure, value }) => value !== null && shown.includes(figure))
}

/**
 * The figures that a word means: the one that is called so (`count.length`), else all of a stage (`count`), else those
 * of this name whatever their stage (`length`). None where there is none.
 */
export const figuresCalled = (word: string, known: readonly string[]): readonly string[] => {
  if (known.includes(word)) return [word]
  const ofStage = known.filter((figure) => figure.startsWith(`${word}.`))
  return ofStage.length > 0 ? ofStage : known.filter((figure) => figure.endsWith(`.${word}`))
}
