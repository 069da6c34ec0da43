/** The figures of a cell by name (`bestTop1`, `teacher.top1`): their titles, their order, and their values as text. */
import { countSpread, percentSpread } from './format.js'
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

/** Every figure that some group has, the important ones first. */
export const figuresOfGroups = (groups: readonly GroupResult[]): readonly string[] => {
  const all = [...new Set(groups.flatMap(({ figures }) => Object.keys(figures)))]
  const first = preferred.filter((figure) => all.includes(figure))
  return [...first, ...all.filter((figure) => !first.includes(figure))]
}

/** The figures that a table shows by default. */
export const mainFigures = (groups: readonly GroupResult[]): readonly string[] => {
  const shown = figuresOfGroups(groups).filter((figure) => preferred.includes(figure))
  return shown.filter((figure) => figure !== 'meanTop1' || !shown.includes('stitchedMeanTop1'))
}
