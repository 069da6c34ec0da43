/** Names as they are drawn: with a halo, so that they stay readable on lines, and a line to a point that is far away. */
import type { PlacedLabel } from './place-labels.js'
import { element, text } from './svg.js'
import { colour } from './theme.js'

const leader = ({ x, y, textX, textY, width }: PlacedLabel): string => {
  const middle = textX + width / 2
  const end = Math.abs(middle - x) < 30 ? middle : textX > x ? textX : textX + width
  const attributes = { x1: x, y1: y, x2: end, y2: textY < y ? textY + 3 : textY - 10 }
  return element('line', { ...attributes, stroke: colour('muted'), 'stroke-width': 0.75 })
}

export const drawLabels = (labels: readonly PlacedLabel[]): string =>
  labels
    .map((label) => {
      const halo = { stroke: colour('paper'), 'stroke-width': 3, 'paint-order': 'stroke', 'stroke-linejoin': 'round' }
      return (label.isFar ? leader(label) : '') + text(label.textX, label.textY, label.label, halo)
    })
    .join('')
