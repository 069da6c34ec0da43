/** A suite after its run: one line for every cell without its seed, with what its seeds came to. */
import type { DataColumn } from '../../results/data-table.js'
import { describeAt, groupCells, summariseGroup, type At, type GroupResult } from '../../results/group-cells.js'
import { fitColumns, groupColumns, mainFigures } from '../../results/group-columns.js'
import type { CellResults } from '../../results/read-cells.js'
import type { FinishedCell } from '../../runtime/definition/cell-outcomes.js'
import { renderTable } from './table.js'

const tableWidth = 120

/** `done`, or, where seeds differ, `2 done, 1 failed`. */
const stateOf = (cells: readonly FinishedCell[]): string => {
  const states = (['done', 'failed', 'skipped'] as const)
    .map((state) => ({ state, number: cells.filter((cell) => cell.state === state).length }))
    .filter(({ number }) => number > 0)
    .map(({ state, number }) => ({ number, said: state === 'skipped' ? 'not run' : state }))
  return states.length === 1 ? states[0]!.said : states.map(({ number, said }) => `${number} ${said}`).join(', ')
}

const stateColumn = (cells: readonly FinishedCell[]): DataColumn<GroupResult> => {
  const keyOf = (at: At): string => describeAt(at)
  const byKey = new Map<string, FinishedCell[]>()
  for (const cell of cells) {
    const own = byKey.get(keyOf(cell.at))
    if (own === undefined) byKey.set(keyOf(cell.at), [cell])
    else own.push(cell)
  }
  const state = ({ at }: GroupResult): string => stateOf(byKey.get(keyOf(at)) ?? [])
  return { key: 'state', title: 'state', cell: state, raw: state, align: 'left' }
}

/** The lines of `genepool results`, each with how its cells ended. */
export const renderSuite = (finished: readonly FinishedCell[], cells: readonly CellResults[]): string => {
  const axes = Object.keys(finished[0]?.at ?? {})
  const groups = groupCells(cells, axes).map(summariseGroup)
  const columns = groupColumns(axes, mainFigures(groups))
  const measures = groups.some(({ n }) => n > 0)
  const shown = [
    ...columns.slice(0, axes.length),
    stateColumn(finished),
    ...columns.slice(axes.length).filter(({ key }) => key !== 'n' || measures),
  ]
  return renderTable(fitColumns(shown, groups, tableWidth, axes.length + 2), groups)
}
