import { expect } from 'chai'
import { renderTable } from '../../src/cli/output/table.js'
import { costAxis, percentDomain } from '../../src/report/drawing/axes.js'
import { type DataColumn, fitColumns, renderMarkdown } from '../../src/results/data-table.js'
import { extentOf } from '../../src/results/statistics.js'

describe('the extent of values', () => {
  /** As arguments of one call these would be too many. */
  const many = Array.from({ length: 150_000 }, (_, index) => 1 + (index % 997))

  it('is that of Math.min and Math.max, also of no values', () => {
    expect(extentOf([3, -1, 2])).to.deep.equal([-1, 3])
    expect(extentOf([])).to.deep.equal([Math.min(), Math.max()])
  })

  it('is found for more values than a call takes arguments', () => {
    expect(() => Math.max(...many)).to.throw(RangeError)
    expect(extentOf(many)).to.deep.equal([1, 997])
  })

  it('so tables and axes may have 150 000 rows', () => {
    const columns: readonly DataColumn<number>[] = [{ key: 'n', title: 'n', cell: String, raw: (value) => value }]
    expect(renderTable(columns, many).split('\n')).to.have.length(150_001)
    expect(renderMarkdown(columns, many).startsWith('|   n |\n')).to.equal(true)
    expect(fitColumns(columns, many, 120, 1)).to.have.length(1)
    expect(costAxis(many, 'params', 1, 5).domain[1]).to.be.above(997)
    expect(percentDomain(many.map((value) => value / 1000))[1]).to.equal(100)
  })
})
