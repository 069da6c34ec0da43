/** Names beside points: placed so that they do not overlap and cover as few points as possible. */
import { leastOf } from '../../results/statistics.js'
import { element, fontSize, text, textWidth } from './svg.js'
import { colour } from './theme.js'

interface Point {
  readonly x: number
  readonly y: number
}

export interface LabelWish extends Point {
  readonly label: string
}

export interface PlacedLabel extends LabelWish {
  readonly width: number
  /** Left end of the text's baseline. */
  readonly textX: number
  readonly textY: number
  /** Whether it is so far from its point that a line has to connect them. */
  readonly isFar: boolean
}

export interface Bounds {
  readonly left: number
  readonly top: number
  readonly right: number
  readonly bottom: number
}

const overlaps = (a: Bounds, b: Bounds): boolean =>
  a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom

const isWithin = (inner: Bounds, outer: Bounds): boolean =>
  inner.left >= outer.left && inner.right <= outer.right && inner.top >= outer.top && inner.bottom <= outer.bottom

const contains = (box: Bounds, { x, y }: Point): boolean =>
  x > box.left - 4 && x < box.right + 4 && y > box.top - 4 && y < box.bottom + 4

const height = fontSize + 2

/** Boxes that a label of this width could take, the best first: beside its point, above, below, then farther away. */
const candidates = ({ x, y }: Point, width: number): readonly (readonly [Bounds, isFar: boolean])[] =>
  [9, 22, 38, 56, 80].flatMap((distance) => {
    const d = distance * 0.75
    const boxes: readonly (readonly [left: number, top: number])[] = [
      [x + distance, y - height / 2],
      [x - distance - width, y - height / 2],
      [x - width / 2, y - distance - height],
      [x - width / 2, y + distance],
      [x + d, y + d],
      [x + d, y - d - height],
      [x - d - width, y + d],
      [x - d - width, y - d - height],
    ]
    return boxes.map(([left, top]) => [{ left, top, right: left + width, bottom: top + height }, distance > 9] as const)
  })

const placedAt = (wish: LabelWish, box: Bounds, isFar: boolean): PlacedLabel => ({
  ...wish,
  width: box.right - box.left,
  textX: box.left,
  textY: box.bottom - 4,
  isFar,
})

const boxOf = ({ textX, textY, width }: PlacedLabel): Bounds => ({
  left: textX,
  top: textY + 4 - height,
  right: textX + width,
  bottom: textY + 4,
})

interface Choice {
  readonly box: Bounds
  readonly isFar: boolean
}

/** Of the boxes that cover the fewest points, the first. */
const freest = <C extends Choice>(boxes: readonly C[], points: readonly Point[]): C | undefined => {
  const covered = boxes.map(({ box }) => points.filter((point) => contains(box, point)).length)
  return boxes[covered.indexOf(leastOf(covered))]
}

/**
 * Places each label where it covers the fewest points, if possible none. Labels never overlap each other or those that
 * are `there` already: one that fits nowhere is left out.
 */
export const placeLabels = (
  wishes: readonly LabelWish[],
  points: readonly Point[],
  bounds: Bounds,
  there: readonly PlacedLabel[] = [],
): readonly PlacedLabel[] => {
  const taken = there.map(boxOf)
  return wishes.flatMap((wish) => {
    const open = candidates(wish, textWidth(wish.label))
      .map(([box, isFar]): Choice => ({ box, isFar }))
      .filter(({ box }) => isWithin(box, bounds) && !taken.some((other) => overlaps(box, other)))
    const best = freest(open, points)
    if (best === undefined) return []
    taken.push(best.box)
    return [placedAt(wish, best.box, best.isFar)]
  })
}

/** The name of a horizontal line at `y`: above or below it, where it covers the fewest points. */
export const placeInCorner = (label: string, y: number, points: readonly Point[], bounds: Bounds): PlacedLabel => {
  const width = textWidth(label)
  const lefts = [bounds.right - width - 10, bounds.left + 6, (bounds.left + bounds.right - width) / 2]
  const tops = [y - height - 3, y + 3].filter((top) => top >= bounds.top && top + height <= bounds.bottom)
  const boxes = tops.flatMap((top) =>
    lefts.map((left): Choice => ({ box: { left, top, right: left + width, bottom: top + height }, isFar: false })),
  )
  const { box } = freest(boxes, points) ?? {
    box: { left: bounds.left, top: y, right: bounds.left + width, bottom: y + height },
  }
  return placedAt({ label, x: box.left, y }, box, false)
}

/** The line from a label to its point. */
const leader = ({ x, y, textX, textY, width }: PlacedLabel): string => {
  const middle = textX + width / 2
  const end = Math.abs(middle - x) < 30 ? middle : textX > x ? textX : textX + width
  const attributes = { x1: x, y1: y, x2: end, y2: textY < y ? textY + 3 : textY - 10 }
  return element('line', { ...attributes, stroke: colour('muted'), 'stroke-width': 0.75 })
}

/** Labels with a halo, so that they stay readable on lines. */
export const drawLabels = (labels: readonly PlacedLabel[]): string =>
  labels
    .map((label) => {
      const halo = { stroke: colour('paper'), 'stroke-width': 3, 'paint-order': 'stroke', 'stroke-linejoin': 'round' }
      return (label.isFar ? leader(label) : '') + text(label.textX, label.textY, label.label, halo)
    })
    .join('')
