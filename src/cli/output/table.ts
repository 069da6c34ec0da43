/** Rows as aligned columns; numbers to the right, words to the left. */
import { longestOf } from '../../results/statistics.js'
import { visibleLine } from './terminal.js'

export interface TableColumn<Row> {
  readonly title: string
  readonly cell: (row: Row) => string
  readonly align?: 'left' | 'right'
}

export const renderTable = <Row>(columns: readonly TableColumn<Row>[], rows: readonly Row[]): string => {
  const cells = rows.map((row) => columns.map((column) => visibleLine(column.cell(row))))
  const widths = columns.map((column, at) => longestOf([column.title, ...cells.map((line) => line[at])]))
  const line = (texts: readonly string[]): string =>
    texts
      .map((text, at) => (columns[at].align === 'left' ? text.padEnd(widths[at]) : text.padStart(widths[at])))
      .join('  ')
      .trimEnd()
  return [line(columns.map((column) => column.title)), ...cells.map(line)].join('\n')
}
