/** Cells put together: those that differ in their seed alone, or those that agree on some axes. */
import type { AxisLabel } from '../dsl/nodes.js'
import type { CellResults } from './read-cells.js'
import { measuredOf, type Measured } from './spread.js'

/** Axis → label. */
export type At = Readonly<Record<string, AxisLabel>>

/**
 * Which cells figures are over: `all` of the group, those of which each other group has its like (`common`, common-cells.ts), or, where
 * groups have no such cells, the group's `own`, which are not those of other groups.
 */
export type Over = 'all' | 'common' | 'own'

export interface CellGroup {
  readonly at: At
  /** All that were asked for. */
  readonly cells: readonly CellResults[]
  /** Those that figures are over. */
  readonly used: readonly CellResults[]
  readonly over: Over
}

/** One line of results: figures over the cells of a group. */
export interface GroupResult {
  readonly at: At
  /** Cells that were asked for, and measurements that these ask for: cells that share their evaluations ask for one. */
  readonly cells: number
  readonly asked: number
  /** Measurements that the figures are over. */
  readonly n: number
  readonly over: Over
  /** Cells that are measured and yet left out. */
  readonly leftOut: number
  /** Cells of which something is not there. */
  readonly missing: readonly { readonly cell: string; readonly stages: readonly string[] }[]
  readonly figures: Readonly<Record<string, Measured>>
}

export const seedAxis = 'seed'

/** `init=learned, positions=end`; empty where there are no axes. */
export const describeAt = (at: At): string =>
  Object.entries(at)
    .map(([axis, label]) => `${axis}=${String(label)}`)
    .join(', ')

/** The same in fewer words, where the labels speak for themselves: `learned, end`, but `blocks=6`. */
export const nameAt = (at: At): string =>
  Object.entries(at)
    .map(([axis, label]) => (typeof label === 'string' ? label : `${axis}=${String(label)}`))
    .join(', ')

const labelOf = ({ cell }: CellResults, axis: string): AxisLabel =>
  axis === seedAxis && !(seedAxis in cell.at) ? cell.seed : cell.at[axis]!

/** The cell's labels on these axes, `seed` perhaps one of them. */
export const labelsOf = (cell: CellResults, axes: readonly string[]): readonly AxisLabel[] =>
  axes.map((axis) => labelOf(cell, axis))

/** Cells by their labels on `axes` (`seed` may be one), in the order in which they are first met. */
export const groupCells = (cells: readonly CellResults[], axes: readonly string[]): readonly CellGroup[] => {
  const groups = new Map<string, { readonly at: At; readonly cells: CellResults[] }>()
  for (const one of cells) {
    const labels = labelsOf(one, axes)
    const key = JSON.stringify(labels)
    const group = groups.get(key) ?? { at: Object.fromEntries(axes.map((axis, i) => [axis, labels[i]!])), cells: [] }
    group.cells.push(one)
    groups.set(key, group)
  }
  return [...groups.values()].map((group) => ({ ...group, used: group.cells, over: 'all' }))
}

/** The first of those that come from the same artifacts: what cells share was measured once. */
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

const measuredIn = (cells: readonly CellResults[], name: string): Measured | undefined => {
  const having = cells.flatMap(({ cell, figures }) => (figures[name] === undefined ? [] : [{ cell, ...figures[name] }]))
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
