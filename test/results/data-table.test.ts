import { expect } from 'chai'
import { renderCsv, renderMarkdown, type DataColumn } from '../../src/results/data-table.js'

interface Row {
  readonly name: string
  readonly value: number | null
}

const columns: readonly DataColumn<Row>[] = [
  { key: 'name', title: 'name', cell: ({ name }) => name, raw: ({ name }) => name, align: 'left' },
  { key: 'value', title: 'top-1', cell: ({ value }) => `${value} %`, raw: ({ value }) => value },
]

/** A reader of RFC 4180 of its own. */
const parseCsv = (text: string): readonly (readonly string[])[] => {
  const lines: string[][] = [[]]
  for (const [, quoted, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n|$)/g)) {
    lines.at(-1)!.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'))
    if (end === '\r\n') lines.push([])
    if (end === '') break
  }
  return lines.slice(0, -1)
}

describe('tables as data', () => {
  it('are CSV that reads back as it was, whatever a name holds', () => {
    const names = ['plain', 'with, comma', 'with "quotes"', 'two\nlines', 'tiny[0..2]→base[3..5]', '']
    const csv = renderCsv(
      columns,
      names.map((name) => ({ name, value: 0.1 + 0.2 })),
    )
    expect(parseCsv(csv)).to.deep.equal([['name', 'value'], ...names.map((name) => [name, '0.30000000000000004'])])
    expect(csv.endsWith('\r\n')).to.equal(true)
  })

  it('leave a field empty for what is not known', () => {
    expect(renderCsv(columns, [{ name: 'a', value: null }])).to.equal('name,value\r\na,\r\n')
  })

  it('are Markdown with numbers to the right and pipes escaped', () => {
    expect(renderMarkdown(columns, [{ name: 'a|b', value: 93.1 }])).to.equal(
      '| name |  top-1 |\n| ---- | -----: |\n| a\\|b | 93.1 % |\n',
    )
  })
})
