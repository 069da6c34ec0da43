/** Stored parameters as bars, divided into their parts. */
import { largestOf } from '../../results/statistics.js'
import { count } from '../../results/format.js'
import { evenTicks } from '../drawing/axes.js'
import type { Drawing } from '../drawing/plot.js'
import type { StorageItem } from '../storage.js'
import { element, type Picture, shortened, text, textWidth } from '../drawing/svg.js'
import { colour, seriesRole } from '../drawing/theme.js'
import { point } from '../drawing/points.js'

const barHeight = 20
const rowHeight = 58

export const storageFigure = (drawing: Drawing, items: readonly StorageItem[], width: number): Picture => {
  const most = largestOf(items.map(({ params }) => params))
  const [top, bottom, left, right] = [4, 40, 2, 14]
  const height = top + items.length * rowHeight + bottom
  const plot = drawing.plot({
    width,
    height,
    marginLeft: left,
    marginRight: right,
    marginTop: top,
    marginBottom: bottom,
    x: {
      type: 'linear',
      domain: [0, most * 1.02],
      ...evenTicks(0, most * 1.02, width < 500 ? 3 : 6, 'count'),
      label: 'stored parameters',
      labelAnchor: 'center',
      labelArrow: 'none',
      grid: true,
    },
    y: { type: 'linear', domain: [0, 1], axis: null },
    marks: [],
  })
  const bars = items.map((item, index) => {
    const y = top + index * rowHeight + 24
    const head = `${item.name}: ${count(item.params)}, ${item.blocks} blocks`
    const parts = item.parts.length === 0 ? [{ name: 'all', params: item.params }] : item.parts
    let start = 0
    const drawn = parts.map((part, at) => {
      const [from, to] = [plot.x.apply(start), plot.x.apply(start + part.params)]
      start += part.params
      const size = Math.max(1, to - from - 1)
      const role = item.parts.length === 0 ? 'c8' : seriesRole(at)
      const bar = element('rect', {
        x: -size / 2,
        y: -barHeight / 2,
        width: size,
        height: barHeight,
        rx: 2,
        fill: colour(role),
        'fill-opacity': item.measured ? 0.85 : 0.4,
      })
      const label =
        textWidth(part.name) + 8 < size && item.parts.length > 0
          ? text(0, 4, part.name, { 'text-anchor': 'middle', fill: colour(item.measured ? 'paper' : 'ink') })
          : ''
      return point(
        (from + to) / 2,
        y + barHeight / 2,
        bar + label,
        `${item.name}\n${part.name}: ${count(part.params)} parameters`,
      )
    })
    return text(left, y - 8, shortened(head, width - 8)) + drawn.join('')
  })
  return { width, height, body: plot.body + bars.join('') }
}
