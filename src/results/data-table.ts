/** A table as data: what the terminal, CSV, Markdown and the report show of the same rows. */
import { longestOf } from './statistics.js'

type RawValue = string | number | boolean | null

export interface DataColumn<Row> {
  /** For programs: `top1`. */
  readonly key: string
  /** For people: `top-1`. */
  readonly title: string
  readonly cell: (row: Row) => string
  readonly raw: (row: Row) => RawValue
  /** Numbers to the right (the default), words to the left. */
  readonly align?: 'left' | 'right'
}

const csvField = (value: RawValue): string => {
  const text = value === null ? '' : String(value)
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

/**
 * RFC 4180: a header line, CRLF after each line, quotes where a field needs them. Numbers unrounded, null as nothing.
 */
export const renderCsv = <Row>(columns: readonly DataColumn<Row>[], rows: readonly Row[]): string =>
  [columns.map(({ key }) => key), ...rows.map((row) => columns.map(({ raw }) => raw(row)))]
    .map((line) => `${line.map(csvField).join(',')}\r\n`)
    .join('')

const markdownCell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ')

/** A GitHub table, padded so that it also reads as plain text. */
export const renderMarkdown = <Row>(columns: readonly DataColumn<Row>[], rows: readonly Row[]): string => {
  const lines = [
    columns.map(({ title }) => markdownCell(title)),
    ...rows.map((row) => columns.map(({ cell }) => markdownCell(cell(row)))),
  ]
  const widths = columns.map((_, at) => Math.max(3, longestOf(lines.map((line) => line[at]))))
  const isLeft = (at: number): boolean => columns[at].align === 'left'
  const rule = widths.map((width, at) => (isLeft(at) ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`))
  const padded = lines.map((line) =>
    line.map((text, at) => (isLeft(at) ? text.padEnd(widths[at]) : text.padStart(widths[at]))),
  )
  return [padded[0], rule, ...padded.slice(1)].map((line) => `| ${line.join(' | ')} |\n`).join('')
}

/** As many columns from the left as fit into `width` characters, two spaces between them, but at least `least`. */
export const fitColumns = <Row>(
  columns: readonly DataColumn<Row>[],
  rows: readonly Row[],
  width: number,
  least: number,
): readonly DataColumn<Row>[] => {
  let used = -2
  return columns.filter((column, index) => {
    used += 2 + Math.max(column.title.length, longestOf(rows.map((row) => column.cell(row))))
    return used <= width || index < least
  })
}
