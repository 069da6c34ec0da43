import { expect } from 'chai'
import type { StageNode } from '../../src/dsl/nodes.js'
import { storageOf } from '../../src/report/storage.js'
import type { CellResults, CellRow } from '../../src/results/cell-results.js'
import type { Manifest } from '../../src/runtime/store/store.js'
import { modelWith } from '../results/models.js'

const shape = { imageSize: 28, patchSize: 14, channels: 1, numClasses: 10, numHeads: 3, layerNormEps: 1e-6 }
const student = (embedDim: number) => ({ kind: 'distill', params: { model: { ...shape, embedDim, depth: 3 } } })
const pool = { kind: 'pool', inputs: { tiny: student(12), base: student(24) } }

/** A cell of a pool of two students, stitched or not, with so many measured models. */
const cellOf = (seed: number, storedParams: number | undefined, models: number): CellResults => {
  const node = { kind: 'stitch', name: 'stitch', params: { models: ['tiny', 'base'] }, inputs: { pool } }
  const manifest = storedParams === undefined ? undefined : ({ summary: { storedParams } } as unknown as Manifest)
  const stages = new Map([['stitch', { node: node as unknown as StageNode, manifest }]])
  const rows = Array.from({ length: models }, (_, id): CellRow => ({
    ...modelWith({ id }),
    source: String(seed),
    split: 'test',
  }))
  const cell = { name: `seed=${seed}`, at: { models }, seed, stages }
  return { cell, rows, evaluates: true, isMeasured: models > 0, source: String(seed), figures: {}, missing: [] }
}

describe('what is stored', () => {
  it('has a pool once where some of its cells have not run, with the parameters that are measured', () => {
    const items = storageOf({ cells: [cellOf(1, undefined, 0), cellOf(2, 40_000, 9), cellOf(3, undefined, 0)] })
    const pools = items.filter(({ name }) => name.startsWith('learngene pool'))
    expect(pools.map(({ params, measured }) => [params, measured])).to.deep.equal([[40_000, true]])
    expect(pools[0].parts.map(({ name }) => name)).to.deep.equal(['tiny 12×3', 'base 24×3', 'stitch layers'])
  })

  it('keeps pools apart that differ in their stitch layers', () => {
    const items = storageOf({ cells: [cellOf(1, 40_000, 9), cellOf(2, 50_000, 9)] })
    expect(items.filter(({ measured }) => measured).map(({ params }) => params)).to.deep.equal([40_000, 50_000])
  })

  it('counts all models one by one for each number of models that cells have', () => {
    const items = storageOf({ cells: [cellOf(1, 40_000, 9), cellOf(2, 40_000, 9), cellOf(3, 40_000, 4)] })
    expect(items.filter(({ measured }) => !measured).map(({ name, params }) => [name, params])).to.deep.equal([
      ['all 9 models one by one (counted) (models=9)', 9],
      ['all 4 models one by one (counted) (models=4)', 4],
    ])
  })
})
