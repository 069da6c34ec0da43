/** The table of a suite: one line a group of cells, figures with their spread. */
import { countSpread, percentSpread } from './format.js'
import type { GroupResult } from './group-results.js'
import type { Spread } from './statistics.js'

/** Whether a figure is a share of one, shown in per cent. */
export const isShare = (figure: string): boolean => /(?:^|\.|[a-z])[tT]op[15]$/.test(figure)

/** Figures in the order in which they matter: as many as fit are shown. */
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
