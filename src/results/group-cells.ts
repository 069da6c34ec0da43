/** Cells put together: those that differ in their seed alone, or those that agree on some axes. */
import type { AxisLabel } from '../dsl/nodes.js'
import type { CellResults } from './read-cell.js'
import { measuredOf, type Measured } from './spread.js'

/** Axis → label. */
export type At = Readonly<Record<string, AxisLabel>>

export interface CellGroup {
  readonly at: At
  readonly cells: readonly CellResults[]
}

/** One line of results: figures over the cells of a group. */
export interface GroupResult {
  readonly at: At
  /** Cells that were asked for, and cells that have measured models. */
  readonly cells: number
  readonly n: number
  /** Cells of which something is not there. */
  readonly missing: readonly { readonly cell: string; readonly stages: readonly string[] }[]
  readonly figures: Readonly<Record<string, Measured>>
}

const seedAxis = 'seed'

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

/** Cells by their labels on `axes` (`seed` may be one), in the order in which they are first met. */
export const groupCells = (cells: readonly CellResults[], axes: readonly string[]): readonly CellGroup[] => {
  const groups = new Map<string, { readonly at: At; readonly cells: CellResults[] }>()
  for (const one of cells) {
    const labels = axes.map((axis) => labelOf(one, axis))
    const key = JSON.stringify(labels)
    const group = groups.get(key) ?? { at: Object.fromEntries(axes.map((axis, i) => [axis, labels[i]!])), cells: [] }
    group.cells.push(one)
    groups.set(key, group)
  }
  return [...groups.values()]
}

const figureNames = (cells: readonly CellResults[]): readonly string[] => [
  ...new Set(cells.flatMap(({ figures }) => Object.keys(figures))),
]

/** Mean, standard deviation and n of every figure over the cells that have it. */
export const summariseGroup = ({ at, cells }: CellGroup): GroupResult => {
  const figures = figureNames(cells).flatMap((name) => {
    const values = cells.flatMap(({ cell, figures }) =>
      figures[name] === undefined ? [] : [{ cell: cell.name, seed: cell.seed, value: figures[name] }],
    )
    const measured = measuredOf(values)
    return measured === undefined ? [] : [[name, measured] as const]
  })
  return {
    at,
    cells: cells.length,
    n: cells.filter(({ rows }) => rows.length > 0).length,
    missing: cells.flatMap(({ cell, missing }) => (missing.length === 0 ? [] : [{ cell: cell.name, stages: missing }])),
    figures: Object.fromEntries(figures),
  }
}
