/** Groups of cells that differ in their seed alone, or that share labels on some axes; summarised and compared. */
import type { AxisLabel } from '../dsl/nodes.js'
import type { CellResults } from './cell-results.js'
import { type MeasuredFigure, measuredOf, sumOf } from './statistics.js'

/** The label that a cell or group has on each axis. */
export type AxisLabels = Readonly<Record<string, AxisLabel>>

/**
 * Which cells the figures of a group are over: `all` of the group; only those that have a counterpart in every other
 * group (`common`); or, where the groups have nothing in common, the group's `own`. See `overCommonCells`.
 */
type ComparedCells = 'all' | 'common' | 'own'

export interface CellGroup {
  readonly at: AxisLabels
  /** Every cell of the group, measured or not. */
  readonly cells: readonly CellResults[]
  /** The cells that figures are over. */
  readonly used: readonly CellResults[]
  readonly over: ComparedCells
}

/** One line of results: figures over the cells of a group. */
export interface GroupResult {
  readonly at: AxisLabels
  /** Cells of the group, measured or not. */
  readonly cells: number
  /** Distinct measurements that these cells need: cells that share their evaluations count once. */
  readonly asked: number
  /** Measurements that the figures are over. */
  readonly n: number
  readonly over: ComparedCells
  /** Cells that are measured and yet left out. */
  readonly leftOut: number
  /** Cells of which something is not there. */
  readonly missing: readonly { readonly cell: string; readonly stages: readonly string[] }[]
  readonly figures: Readonly<Record<string, MeasuredFigure>>
}

export const seedAxis = 'seed'

/** `init=learned, positions=end`; empty where there are no axes. */
export const describeLabels = (at: AxisLabels): string =>
  Object.entries(at)
    .map(([axis, label]) => `${axis}=${String(label)}`)
    .join(', ')

/** Without the axis where the label is a word: `learned, end`, but `blocks=6`. */
export const shortLabels = (at: AxisLabels): string =>
  Object.entries(at)
    .map(([axis, label]) => (typeof label === 'string' ? label : `${axis}=${String(label)}`))
    .join(', ')

const labelOf = ({ cell }: CellResults, axis: string): AxisLabel =>
  axis === seedAxis && !(seedAxis in cell.at) ? cell.seed : cell.at[axis]

/** The cell's labels on these axes, `seed` perhaps one of them. */
export const labelsOf = (cell: CellResults, axes: readonly string[]): readonly AxisLabel[] =>
  axes.map((axis) => labelOf(cell, axis))

/** Cells by their labels on `axes` (`seed` may be one), in the order in which they are first met. */
export const groupCells = (cells: readonly CellResults[], axes: readonly string[]): readonly CellGroup[] => {
  const groups = new Map<string, { readonly at: AxisLabels; readonly cells: CellResults[] }>()
  for (const one of cells) {
    const labels = labelsOf(one, axes)
    const key = JSON.stringify(labels)
    const group = groups.get(key) ?? { at: Object.fromEntries(axes.map((axis, i) => [axis, labels[i]])), cells: [] }
    group.cells.push(one)
    groups.set(key, group)
  }
  return [...groups.values()].map((group) => ({ ...group, used: group.cells, over: 'all' }))
}

/** The first item of each source: cells that share an artifact have measured it once, so it counts once. */
export const distinctBy = <A>(items: readonly A[], sourceOf: (item: A) => string): readonly A[] => {
  const seen = new Set<string>()
  return items.filter((item) => {
    const source = sourceOf(item)
    if (seen.has(source)) return false
    seen.add(source)
    return true
  })
}

const figureNames = (cells: readonly CellResults[]): readonly string[] => [
  ...new Set(cells.flatMap(({ figures }) => Object.keys(figures))),
]

const measuredIn = (cells: readonly CellResults[], name: string): MeasuredFigure | undefined => {
  const having = cells.flatMap(({ cell, figures }) => {
    const { value, source } = figures[name] ?? {}
    return typeof value === 'number' && source !== undefined ? [{ cell, value, source }] : []
  })
  return measuredOf(
    distinctBy(having, ({ source }) => source).map(({ cell, value }) => ({ cell: cell.name, seed: cell.seed, value })),
  )
}

const sourceOf = ({ source }: CellResults): string => source

/** Mean, standard deviation and n of every figure over the cells that have it. */
export const summariseGroup = ({ at, cells, used, over }: CellGroup): GroupResult => {
  const figures = figureNames(used).flatMap((name) => {
    const measured = measuredIn(used, name)
    return measured === undefined ? [] : [[name, measured] as const]
  })
  const measured = cells.filter(({ isMeasured }) => isMeasured)
  const counted = used.filter(({ isMeasured }) => isMeasured)
  return {
    at,
    cells: cells.length,
    asked: distinctBy(cells, sourceOf).length,
    n: distinctBy(counted, sourceOf).length,
    over,
    leftOut: measured.length - counted.length,
    missing: cells.flatMap(({ cell, missing }) => (missing.length === 0 ? [] : [{ cell: cell.name, stages: missing }])),
    figures: Object.fromEntries(figures),
  }
}

/**
 * Makes the means of groups comparable. Where a design leaves combinations out, or some cells have not run, plain means
 * of two groups also differ because they are over different cells. So each group is averaged only over those labels on
 * the `others` axes that every group has measured. Groups without any measurement are ignored; where no such labels
 * exist, each group keeps its own cells.
 */
export const overCommonCells = (groups: readonly CellGroup[], others: readonly string[]): readonly CellGroup[] => {
  const keyOf = (cell: CellResults): string => JSON.stringify(labelsOf(cell, others))
  const keys = groups
    .map(({ cells }) => new Set(cells.filter(({ isMeasured }) => isMeasured).map(keyOf)))
    .filter(({ size }) => size > 0)
  if (keys.length === 0) return groups
  const common = new Set([...keys[0]].filter((key) => keys.every((own) => own.has(key))))
  if (keys.every(({ size }) => size === common.size)) return groups
  if (common.size === 0) return groups.map((group) => ({ ...group, over: 'own' }))
  return groups.map((group) => ({
    ...group,
    used: group.cells.filter((cell) => common.has(keyOf(cell))),
    over: 'common',
  }))
}

/** At most so many values are named in a note. */
const mostNamed = 8

/** A sentence that warns where the figures of groups are not over all their cells; undefined where they are. */
export const comparisonNote = (groups: readonly GroupResult[], others: readonly string[]): string | undefined => {
  const over = groups[0]?.over ?? 'all'
  if (over === 'all') return undefined
  const measured = groups.filter(({ n }) => n > 0)
  if (over === 'own') {
    const named = measured.slice(0, mostNamed).map(({ at, n }) => `${describeLabels(at)} (n = ${n})`)
    const rest = measured.length - named.length
    const values = `${named.join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`
    return `values are not over the same cells: ${values} have no combination of ${others.join(', ')} in common`
  }
  const leftOut = sumOf(groups.map((group) => group.leftOut))
  const cells = leftOut === 1 ? '1 measured cell is' : `${leftOut} measured cells are`
  return `means are over the combinations of ${others.join(', ')} that every value has: ${cells} left out`
}
