/**
 * Values of an axis, compared over the same cells. Where a design leaves combinations out, or not all cells have run, the plain
 * means of two values differ also by what else they are over; so each value is averaged over those combinations of all other axes
 * and seeds that every value has measured.
 */
import { describeAt, labelsOf, type CellGroup, type GroupResult } from './group-cells.js'
import type { CellResults } from './read-cells.js'

/**
 * The groups over their common cells: over all where none is left out, each over its own where nothing is common. `others` are the axes
 * that tell a group's cells apart. A group of which nothing is measured does not take part.
 */
export const overCommonCells = (groups: readonly CellGroup[], others: readonly string[]): readonly CellGroup[] => {
  const keyOf = (cell: CellResults): string => JSON.stringify(labelsOf(cell, others))
  const keys = groups
    .map(({ cells }) => new Set(cells.filter(({ isMeasured }) => isMeasured).map(keyOf)))
    .filter(({ size }) => size > 0)
  if (keys.length === 0) return groups
  const common = new Set([...keys[0]!].filter((key) => keys.every((own) => own.has(key))))
  if (keys.every(({ size }) => size === common.size)) return groups
  if (common.size === 0) return groups.map((group) => ({ ...group, over: 'own' }))
  return groups.map((group) => ({
    ...group,
    used: group.cells.filter((cell) => common.has(keyOf(cell))),
    over: 'common',
  }))
}

const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0)

/** So many values are named in a note. */
const mostNamed = 8

/** What has to be said of groups that are not over all their cells; undefined where they are. */
export const comparisonNote = (groups: readonly GroupResult[], others: readonly string[]): string | undefined => {
  const over = groups[0]?.over ?? 'all'
  if (over === 'all') return undefined
  const measured = groups.filter(({ n }) => n > 0)
  if (over === 'own') {
    const named = measured.slice(0, mostNamed).map(({ at, n }) => `${describeAt(at)} (n = ${n})`)
    const rest = measured.length - named.length
    const values = `${named.join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`
    return `values are not over the same cells: ${values} have no combination of ${others.join(', ')} in common`
  }
  const leftOut = sum(groups.map((group) => group.leftOut))
  const cells = leftOut === 1 ? '1 measured cell is' : `${leftOut} measured cells are`
  return `means are over the combinations of ${others.join(', ')} that every value has: ${cells} left out`
}
