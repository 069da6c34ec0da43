import { expect } from 'chai'
import type { CellResults, CellRow } from '../../src/results/cell-results.js'
import { describeLabels, groupCells, shortLabels, summariseGroup } from '../../src/results/group-results.js'
import { modelsOfGroup } from '../../src/results/model-results.js'
import { joinLatency, readDescendantRows, readLatencyRows } from '../../src/results/model-row.js'
import { modelWith } from './models.js'

const rowOf = (given: Parameters<typeof modelWith>[0], source: string): CellRow => ({
  ...modelWith(given),
  source,
  split: 'test',
})

const cellOf = (init: string, seed: number, top1: number | undefined): CellResults => ({
  cell: {
    name: `init=${init},seed=${seed}`,
    at: { init, blocks: 6 },
    seed,
    stages: new Map(),
  },
  rows:
    top1 === undefined
      ? []
      : [
          rowOf({ top1 }, `${init} ${seed}`),
          rowOf({ id: 1, name: 'base', params: 9, top1: top1 + 0.1 }, `${init} ${seed}`),
        ],
  evaluates: true,
  isMeasured: top1 !== undefined,
  source: `${init} ${seed}`,
  figures:
    top1 === undefined
      ? {}
      : { bestTop1: { value: top1 + 0.1, source: `${init} ${seed}`, splits: ['test'], isOwn: false } },
  missing: top1 === undefined ? ['stitch', 'evaluate'] : [],
})

const cells = [
  cellOf('learned', 1, 0.5),
  cellOf('learned', 2, 0.7),
  cellOf('random', 1, 0.3),
  cellOf('random', 2, undefined),
]

describe('cells put together', () => {
  it('are means over seeds, and cells that have not run are missing, not dropped', () => {
    const [learned, random] = groupCells(cells, ['init', 'blocks']).map(summariseGroup)
    expect(learned).to.deep.include({ at: { init: 'learned', blocks: 6 }, cells: 2, n: 2, missing: [] })
    expect(learned.figures['bestTop1'].mean).to.be.closeTo(0.7, 1e-12)
    expect(random).to.deep.include({ cells: 2, n: 1 })
    expect(random.missing).to.deep.equal([{ cell: 'init=random,seed=2', stages: ['stitch', 'evaluate'] }])
    expect(random.figures['bestTop1']).to.deep.include({ std: null, n: 1 })
  })

  it('count a measurement that cells share once, in figures and in models', () => {
    const [first, second] = [cells[0], cells[1]]
    const again = { ...first, cell: { ...first.cell, name: 'init=learned,blocks=9,seed=1' } }
    const [group] = groupCells([first, again, second], ['init'])
    const { cells: all, asked, n, figures } = summariseGroup(group)
    expect({ all, asked, n }).to.deep.equal({ all: 3, asked: 2, n: 2 })
    expect(figures['bestTop1'].values.map(({ seed }) => seed)).to.deep.equal([1, 2])
    expect(modelsOfGroup(group).map((model) => model.n)).to.deep.equal([2, 2])
    expect(modelsOfGroup(group)[0].top1).to.be.closeTo(0.6, 1e-12)
  })

  it('can be put together by an axis, by the seed, or all', () => {
    expect(groupCells(cells, ['seed']).map(({ at }) => at)).to.deep.equal([{ seed: 1 }, { seed: 2 }])
    expect(groupCells(cells, [])).to.have.length(1)
    expect(groupCells(cells, ['blocks']).map((group) => group.cells.length)).to.deep.equal([4])
  })

  it('are named by axis and label, shortly where labels speak for themselves', () => {
    expect(describeLabels({ init: 'learned', blocks: 6 })).to.equal('init=learned, blocks=6')
    expect(shortLabels({ init: 'learned', blocks: 6 })).to.equal('learned, blocks=6')
  })
})

describe('models of a group', () => {
  it('are averaged over cells, with every value kept', () => {
    const [group] = groupCells(cells, ['init'])
    const [tiny] = modelsOfGroup(group)
    expect(tiny).to.deep.include({ name: 'tiny', n: 2 })
    expect(tiny.top1).to.be.closeTo(0.6, 1e-12)
    expect(tiny.std.top1).to.be.closeTo(Math.SQRT1_2 / 5, 1e-12)
    expect(tiny.values.top1.map(({ seed, value }) => [seed, value])).to.deep.equal([
      [1, 0.5],
      [2, 0.7],
    ])
  })

  it('are told apart where cells of other grids give one id to two models', () => {
    const other = { ...cells[0], rows: [rowOf({ id: 0, name: 'small', params: 3 }, 'other')] }
    const [group] = groupCells([cells[0], other], ['init'])
    expect(modelsOfGroup(group).map(({ id, name }) => [id, name])).to.deep.equal([
      [0, 'tiny'],
      [0, 'small'],
      [1, 'base'],
    ])
  })
})

describe('files of measurements', () => {
  const row = { id: 0, name: 'tiny', models: ['tiny'], positions: [], depth: 6, params: 1, paramsStored: 1 }
  const line = JSON.stringify({ ...row, macs: 1, top1: 0.5, top5: 0.9, loss: 1 })

  it('are joined by id, whatever their order, batches in order', () => {
    const time = (batch: number) => ({ batch, medianMs: batch, p10Ms: 1, p90Ms: 2 })
    const times = readLatencyRows(
      [
        { id: 1, name: 'base', latency: [time(1)] },
        { id: 0, name: 'tiny', latency: [time(64), time(1)] },
      ]
        .map((each) => JSON.stringify(each))
        .join('\n'),
    )
    const [tiny] = joinLatency(readDescendantRows(`${line}\n`), times)
    expect(tiny.latency.map(({ batch }) => batch)).to.deep.equal([1, 64])
  })

  it('may have a loss that is no number, which no mean and no spread is over', () => {
    const [tiny] = readDescendantRows(line.replace('"loss":1', '"loss":null'))
    expect(tiny.loss).to.equal(null)
    const losses = [null, 0.2, 0.4].map((loss, seed) => ({
      ...cellOf('learned', seed, 0.5),
      rows: [rowOf({ loss }, String(seed))],
    }))
    const [model] = modelsOfGroup(groupCells(losses, ['init'])[0])
    expect(model.loss).to.be.closeTo(0.3, 1e-12)
    expect([model.n, model.values.loss.length]).to.deep.equal([3, 2])
    expect(modelsOfGroup(groupCells(losses.slice(0, 1), ['init'])[0])[0].loss).to.equal(null)
  })

  it('are refused with the number of the line that is not as it should be', () => {
    expect(() => readDescendantRows(`${line}\n\n${line.replace('"top1":0.5', '"top1":"high"')}\n`)).to.throw('line 3')
    expect(() => readDescendantRows(`${line}\n{"id":`)).to.throw('line 2')
  })
})
