/** Names beside points: placed so that they do not overlap and cover as little as possible. */
import { leastOf, sumOf } from '../../results/statistics.js'
import { element, fontSize, text, textWidth } from './svg.js'
import { colour } from './theme.js'

interface Point {
  readonly x: number
  readonly y: number
}

/** What labels had better not cover: a symbol, or a point of a thin line. */
export interface Obstacle extends Point {
  readonly isSymbol?: boolean
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

/** How far from its middle it is covered. */
const reachOf = ({ isSymbol = false }: Obstacle): number => (isSymbol ? 7 : 4)

const contains = (box: Bounds, obstacle: Obstacle): boolean => {
  const { x, y } = obstacle
  const reach = reachOf(obstacle)
  return x > box.left - reach && x < box.right + reach && y > box.top - reach && y < box.bottom + reach
}

const height = fontSize + 2

/** Boxes that a label of this width could take, the best first: beside its point, above, below, then farther away. */
const candidates = ({ x, y }: Point, width: number, bounds: Bounds): readonly (readonly [Bounds, isFar: boolean])[] => {
  // Above and below, near an edge, moved along it: else what stands at an edge would have to go far.
  const centred = Math.max(bounds.left, Math.min(x - width / 2, bounds.right - width))
  return [9, 22, 38, 56, 80].flatMap((distance) => {
    const d = distance * 0.75
    const boxes: readonly (readonly [left: number, top: number])[] = [
      [x + distance, y - height / 2],
      [x - distance - width, y - height / 2],
      [centred, y - distance - height],
      [centred, y + distance],
      [x + d, y + d],
      [x + d, y - d - height],
      [x - d - width, y + d],
      [x - d - width, y - d - height],
    ]
    return boxes.map(([left, top]) => [{ left, top, right: left + width, bottom: top + height }, distance > 9] as const)
  })
}

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

interface Line {
  readonly from: Point
  readonly to: Point
}

/** The line from a label to its point, where it is far from it. */
const leaderOf = ({ x, y, textX, textY, width, isFar }: PlacedLabel): Line | undefined => {
  if (!isFar) return undefined
  const middle = textX + width / 2
  const end = Math.abs(middle - x) < 30 ? middle : textX > x ? textX : textX + width
  return { from: { x, y }, to: { x: end, y: textY < y ? textY + 3 : textY - 10 } }
}

/** Twice the area of the triangle: above 0 where `c` lies on the one side of the line from `a` to `b`. */
const side = (a: Point, b: Point, c: Point): number => (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x)

const cross = (one: Line, other: Line): boolean =>
  side(one.from, one.to, other.from) * side(one.from, one.to, other.to) < 0 &&
  side(other.from, other.to, one.from) * side(other.from, other.to, one.to) < 0

const runsThrough = (line: Line, { left, top, right, bottom }: Bounds): boolean => {
  const corners = [
    { x: left, y: top },
    { x: right, y: top },
    { x: right, y: bottom },
    { x: left, y: bottom },
  ]
  const isInside = ({ x, y }: Point): boolean => x > left && x < right && y > top && y < bottom
  return (
    isInside(line.from) ||
    isInside(line.to) ||
    corners.some((from, index) => cross(line, { from, to: corners[(index + 1) % 4] }))
  )
}

/** Whether a label can be read beside another: neither its text nor its line lies on the other's. */
const isClearOf = (one: PlacedLabel, other: PlacedLabel): boolean => {
  const [box, otherBox] = [boxOf(one), boxOf(other)]
  const [line, otherLine] = [leaderOf(one), leaderOf(other)]
  return !(
    overlaps(box, otherBox) ||
    (line !== undefined && runsThrough(line, otherBox)) ||
    (otherLine !== undefined && runsThrough(otherLine, box)) ||
    (line !== undefined && otherLine !== undefined && cross(line, otherLine))
  )
}

const distanceTo = ({ from, to }: Line, { x, y }: Point): number => {
  const [dx, dy] = [to.x - from.x, to.y - from.y]
  const length = dx * dx + dy * dy
  const along = length === 0 ? 0 : Math.max(0, Math.min(1, ((x - from.x) * dx + (y - from.y) * dy) / length))
  return Math.hypot(x - from.x - along * dx, y - from.y - along * dy)
}

/** What stands so near to a label's own point is not crossed by its line: that begins there. */
const besidePoint = 10

/** What a label hides, a symbol counting as much as thirty units of a line; a line of its own is one too many. */
const costOf = (label: PlacedLabel, obstacles: readonly Obstacle[]): number => {
  const [box, line] = [boxOf(label), leaderOf(label)]
  const hidden = obstacles.filter(
    (obstacle) =>
      contains(box, obstacle) ||
      (line !== undefined &&
        Math.hypot(obstacle.x - label.x, obstacle.y - label.y) > besidePoint &&
        distanceTo(line, obstacle) < reachOf(obstacle)),
  )
  return sumOf(hidden.map(({ isSymbol = false }) => (isSymbol ? 3 : 1))) + (label.isFar ? 1 : 0)
}

/** The one that costs least; of several the first. */
const cheapest = (labels: readonly PlacedLabel[], obstacles: readonly Obstacle[]): PlacedLabel | undefined => {
  const costs = labels.map((label) => costOf(label, obstacles))
  return labels[costs.indexOf(leastOf(costs))]
}

/**
 * Places each label where it hides least, if possible nothing. Labels and the lines to their points never overlap each
 * other or those that are `there` already: one that fits nowhere is left out.
 */
export const placeLabels = (
  wishes: readonly LabelWish[],
  obstacles: readonly Obstacle[],
  bounds: Bounds,
  there: readonly PlacedLabel[] = [],
): readonly PlacedLabel[] => {
  const taken = [...there]
  for (const wish of wishes) {
    const open = candidates(wish, textWidth(wish.label), bounds)
      .filter(([box]) => isWithin(box, bounds))
      .map(([box, isFar]) => placedAt(wish, box, isFar))
      .filter((label) => taken.every((other) => isClearOf(label, other)))
    const best = cheapest(open, obstacles)
    if (best !== undefined) taken.push(best)
  }
  return taken.slice(there.length)
}

/** The name of a horizontal line at `y`: above or below it, where it hides least. */
export const placeInCorner = (
  label: string,
  y: number,
  obstacles: readonly Obstacle[],
  bounds: Bounds,
): PlacedLabel => {
  const width = textWidth(label)
  const lefts = [bounds.right - width - 10, bounds.left + 6, (bounds.left + bounds.right - width) / 2]
  const tops = [y - height - 3, y + 3].filter((top) => top >= bounds.top && top + height <= bounds.bottom)
  const at = (left: number, top: number): PlacedLabel =>
    placedAt({ label, x: left, y }, { left, top, right: left + width, bottom: top + height }, false)
  const open = tops.flatMap((top) => lefts.map((left) => at(left, top)))
  return cheapest(open, obstacles) ?? at(bounds.left, y)
}

const drawLeader = (label: PlacedLabel): string => {
  const line = leaderOf(label)
  if (line === undefined) return ''
  const ends = { x1: line.from.x, y1: line.from.y, x2: line.to.x, y2: line.to.y }
  return element('line', { ...ends, stroke: colour('muted'), 'stroke-width': 0.75 })
}

/** Labels with a halo, so that they stay readable on lines. */
export const drawLabels = (labels: readonly PlacedLabel[]): string =>
  labels
    .map((label) => {
      const halo = { stroke: colour('paper'), 'stroke-width': 3, 'paint-order': 'stroke', 'stroke-linejoin': 'round' }
      return drawLeader(label) + text(label.textX, label.textY, label.label, halo)
    })
    .join('')
