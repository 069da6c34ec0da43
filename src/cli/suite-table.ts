/** A suite after its run: one line for every cell without its seed, with what its evaluations found. */
import type { AxisLabel } from '../dsl/nodes.js'
import { isShare } from '../results/cell-figures.js'
import { countSpread, percentSpread } from '../results/format.js'
import { spreadOf } from '../results/spread.js'
import type { FinishedCell } from '../runtime/cell-outcomes.js'
import { renderTable, type Column } from './table.js'

interface Row {
  readonly at: Readonly<Record<string, AxisLabel>>
  readonly cells: readonly FinishedCell[]
}

const rowsOf = (cells: readonly FinishedCell[]): readonly Row[] => {
  const rows = new Map<string, { readonly at: Row['at']; readonly cells: FinishedCell[] }>()
  for (const cell of cells) {
    const key = JSON.stringify(Object.values(cell.at))
    const row = rows.get(key) ?? { at: cell.at, cells: [] }
    row.cells.push(cell)
    rows.set(key, row)
  }
  return [...rows.values()]
}

/** `done`, or, where seeds differ, `2 done, 1 failed`. */
const stateOf = ({ cells }: Row): string => {
  const states = (['done', 'failed', 'skipped'] as const)
    .map((state) => ({ state, number: cells.filter((cell) => cell.state === state).length }))
    .filter(({ number }) => number > 0)
    .map(({ state, number }) => ({ number, said: state === 'skipped' ? 'not run' : state }))
  return states.length === 1 ? states[0]!.said : states.map(({ number, said }) => `${number} ${said}`).join(', ')
}

/** Numbers of the evaluations' summaries by name; those of several evaluations under their stages' names. */
const figuresOf = (cell: FinishedCell): Readonly<Record<string, number>> => {
  const evaluations = [...cell.manifests].filter(([, { identity }]) => identity.kind === 'evaluate')
  return Object.fromEntries(
    evaluations.flatMap(([stage, { summary }]) =>
      Object.entries(summary)
        .filter((entry): entry is [string, number] => typeof entry[1] === 'number')
        .map(([name, value]) => [evaluations.length === 1 ? name : `${stage}.${name}`, value]),
    ),
  )
}

export const renderSuite = (cells: readonly FinishedCell[]): string => {
  const figures = new Map(cells.map((cell) => [cell, figuresOf(cell)]))
  const names = [...new Set([...figures.values()].flatMap(Object.keys))]
  const axes = Object.keys(cells[0]?.at ?? {})
  const spread = (row: Row, name: string): string => {
    const found = spreadOf(row.cells.flatMap((cell) => figures.get(cell)![name] ?? []))
    if (found === undefined) return ''
    return isShare(name) ? percentSpread(found) : countSpread(found)
  }
  return renderTable<Row>(
    [
      ...axes.map((axis): Column<Row> => ({ title: axis, cell: ({ at }) => String(at[axis]), align: 'left' })),
      { title: 'state', cell: stateOf, align: 'left' },
      ...names.map((name): Column<Row> => ({ title: name, cell: (row) => spread(row, name) })),
    ],
    rowsOf(cells),
  )
}
