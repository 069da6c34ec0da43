/** The means of an ablation with their spread, one line a group. */
import { figureLongTitle, figureText, figureTitle, isShare } from '../../results/figures.js'
import { type GroupResult, shortLabels } from '../../results/group-results.js'
import { extentOf, largestOf } from '../../results/statistics.js'
import { evenTicks } from '../drawing/axes.js'
import type { Drawing } from '../drawing/plot.js'
import { element, type Picture, shortened, text, textWidth } from '../drawing/svg.js'
import { colour, type ColourRole, seriesRole } from '../drawing/theme.js'
import { point } from '../drawing/points.js'

interface IntervalOptions {
  readonly groups: readonly GroupResult[]
  readonly figure: string
  readonly width: number
  /** Axis whose labels get colours of their own. */
  readonly colourBy?: string | undefined
}

const rowHeight = 22

/** Rows beyond this are in the table only. */
const mostRows = 60

/** A sentence about the groups that are not drawn; empty where all are. */
export const intervalsLeftOut = (groups: readonly GroupResult[]): string =>
  groups.length > mostRows ? `Drawn are the first ${mostRows} of ${groups.length}; the table has all.` : ''

/** Groups from the best to the worst, at most `mostRows`; those without the figure come last, marked as missing. */
export const intervalFigure = (drawing: Drawing, { groups, figure, width, colourBy }: IntervalOptions): Picture => {
  const factor = isShare(figure) ? 100 : 1
  const meanOf = ({ figures }: GroupResult): number => figures[figure]?.mean ?? -Infinity
  const rows = [...groups].sort((a, b) => (meanOf(b) === meanOf(a) ? 0 : meanOf(b) - meanOf(a))).slice(0, mostRows)
  const labels = colourBy === undefined ? [] : [...new Set(groups.map(({ at }) => at[colourBy]))]
  const roleOf = ({ at }: GroupResult): ColourRole =>
    colourBy === undefined ? 'c1' : seriesRole(labels.indexOf(at[colourBy]))
  const isNarrow = width < 500
  const names = rows.map(({ at }) => shortLabels(at))
  const widest = largestOf(names.map((name) => textWidth(name)))
  const valueWidth = largestOf(rows.map((row) => textWidth(figureText(figure, row.figures[figure])))) + 14
  const marginLeft = isNarrow ? 10 : Math.min(widest + 14, width * 0.45)
  const step = isNarrow ? rowHeight + 18 : rowHeight
  const [top, bottom] = [8, 40]
  const height = top + rows.length * step + bottom
  const ends = rows.flatMap(({ figures }) => {
    const measured = figures[figure]
    if (measured === undefined) return []
    const std = measured.std ?? 0
    return [measured.mean - std, measured.mean + std, ...measured.values.map(({ value }) => value)]
  })
  const [low, high] = extentOf(ends.map((end) => factor * end))
  const margin = (high - low || Math.abs(high) || 1) * 0.05
  const domain = [low - margin, high + margin] as const
  const plot = drawing.plot({
    width,
    height,
    marginLeft,
    marginRight: valueWidth,
    marginTop: top,
    marginBottom: bottom,
    x: {
      type: 'linear',
      domain: [...domain],
      ...evenTicks(...domain, isNarrow ? 4 : 7, factor === 100 ? 'number' : 'count'),
      label: factor === 100 ? `${figureLongTitle(figure)}, %` : figureLongTitle(figure),
      labelAnchor: 'center',
      labelArrow: 'none',
      grid: true,
    },
    y: { type: 'linear', domain: [0, rows.length], axis: null, reverse: true },
    marks: [],
  })
  const body = rows.map((row, index) => {
    const y = top + (index + (isNarrow ? 0.72 : 0.5)) * step
    const name = shortened(names[index], isNarrow ? width - 12 : marginLeft - 10)
    const label = isNarrow
      ? text(marginLeft, y - 13, name)
      : text(marginLeft - 10, y + 4, name, { 'text-anchor': 'end' })
    const measured = row.figures[figure]
    const value = text(width - valueWidth + 10, y + 4, figureText(figure, measured))
    if (measured === undefined) return label + value
    const role = roleOf(row)
    const x = (of: number): number => plot.x.apply(factor * of)
    const spread =
      measured.std === null
        ? ''
        : element('line', {
            x1: x(measured.mean - measured.std),
            x2: x(measured.mean + measured.std),
            y1: y,
            y2: y,
            stroke: colour(role),
            'stroke-width': 5,
            'stroke-opacity': 0.28,
            'stroke-linecap': 'round',
          })
    const seeds = measured.values.map(({ value: seed }) =>
      element('line', {
        x1: x(seed),
        x2: x(seed),
        y1: y - 5,
        y2: y + 5,
        stroke: colour(role),
        'stroke-width': 1,
        'stroke-opacity': measured.values.length > 12 ? 0.4 : 0.8,
      }),
    )
    const says = `${names[index]}\n${figureTitle(figure)} ${figureText(figure, measured)}\nn = ${measured.n}`
    const mean = point(x(measured.mean), y, element('circle', { r: 4.5, fill: colour(role) }), says)
    return label + value + spread + seeds.join('') + mean
  })
  return { width, height, body: plot.body + body.join('') }
}
