import { expect } from 'chai'
import {
  comparisonNote,
  groupCells,
  type GroupResult,
  overCommonCells,
  summariseGroup,
} from '../../src/results/group-results.js'
import type { CellResults } from '../../src/results/cell-results.js'

/** A cell that has measured `value`, or nothing. */
const cellOf = (init: string, loss: string, value: number | undefined): CellResults => {
  const name = `init=${init},loss=${loss},seed=1`
  return {
    cell: { name, at: { init, loss }, seed: 1, stages: new Map() },
    rows: [],
    evaluates: true,
    isMeasured: value !== undefined,
    source: name,
    figures: value === undefined ? {} : { bestTop1: { value, source: name, splits: ['test'], isOwn: false } },
    missing: value === undefined ? ['evaluate'] : [],
  }
}

const compare = (cells: readonly CellResults[], by: string, others: readonly string[]): readonly GroupResult[] =>
  overCommonCells(groupCells(cells, [by]), others).map(summariseGroup)

const means = (groups: readonly GroupResult[]): readonly (number | undefined)[] =>
  groups.map(({ figures }) => figures['bestTop1']?.mean)

describe('values of an axis', () => {
  const lopsided = [
    cellOf('learned', 'all', 0.9),
    cellOf('random', 'all', 0.5),
    // On logits there is nothing learned to start from, and starts at random are worse.
    cellOf('random', 'logits', 0.6),
  ]

  it('are averaged over those cells alone of which every value has the like', () => {
    const groups = compare(lopsided, 'loss', ['init', 'seed'])
    expect(means(groups)).to.deep.equal([0.5, 0.6])
    expect(groups.map(({ cells, n, over, leftOut }) => ({ cells, n, over, leftOut }))).to.deep.equal([
      { cells: 2, n: 1, over: 'common', leftOut: 1 },
      { cells: 1, n: 1, over: 'common', leftOut: 0 },
    ])
    expect(comparisonNote(groups, ['init', 'seed'])).to.equal(
      'means are over the combinations of init, seed that every value has: 1 measured cell is left out',
    )
  })

  it('are over all cells where all have the like, and nothing is said', () => {
    const groups = compare(lopsided.slice(0, 2), 'init', ['loss', 'seed'])
    expect(groups.map(({ over, leftOut }) => [over, leftOut])).to.deep.equal([
      ['all', 0],
      ['all', 0],
    ])
    expect(comparisonNote(groups, ['loss', 'seed'])).to.equal(undefined)
  })

  it('are over their own cells where nothing is common, and that is said', () => {
    const groups = compare([lopsided[0], lopsided[2]], 'loss', ['init', 'seed'])
    expect(means(groups)).to.deep.equal([0.9, 0.6])
    expect(groups.map(({ over }) => over)).to.deep.equal(['own', 'own'])
    expect(comparisonNote(groups, ['init', 'seed'])).to.match(
      /^values are not over the same cells: loss=all \(n = 1\), loss=logits \(n = 1\) have no combination of init, seed /,
    )
  })

  it('that have not run yet take nothing from the others, and cells that have not run are no part of a comparison', () => {
    const partly = [
      cellOf('learned', 'all', 0.9),
      cellOf('learned', 'soft', 0.7),
      cellOf('random', 'all', 0.5),
      cellOf('random', 'soft', undefined),
      cellOf('composed', 'all', undefined),
      cellOf('composed', 'soft', undefined),
    ]
    const groups = compare(partly, 'init', ['loss', 'seed'])
    expect(means(groups)).to.deep.equal([0.9, 0.5, undefined])
    expect(groups.map(({ n, leftOut, missing }) => [n, leftOut, missing.length])).to.deep.equal([
      [1, 1, 0],
      [1, 0, 1],
      [0, 0, 2],
    ])
  })
})
