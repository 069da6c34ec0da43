import { chmodSync, existsSync, rmSync, writeFileSync } from 'node:fs'
import { expect } from 'chai'
import * as Effect from 'effect/Effect'
import { type CellStage, type ReadCellResults, readCellResults } from '../../src/results/cell-results.js'
import { groupCells, summariseGroup } from '../../src/results/group-results.js'
import type { StoreError, UsageError } from '../../src/runtime/errors.js'
import { Store } from '../../src/runtime/store/store.js'
import { cellWith, measuredLine, storedStage } from '../support/stored-cells.js'
import { workspaceForEach } from '../support/workspace.js'

const rowsFile = 'descendants.jsonl'

describe('cells read from a store', () => {
  const workspace = workspaceForEach()
  const inStore = <A>(work: Effect.Effect<A, StoreError | UsageError, Store>): Promise<A> =>
    Effect.runPromise(work.pipe(Effect.provide(Store.layer(workspace.file('store')))))
  const blobOf = ({ manifest }: CellStage): string => {
    const { sha256 } = manifest!.files[rowsFile]
    return workspace.file('store', 'blobs', sha256.slice(0, 2), sha256)
  }
  /** Two cells of one model each; `harm` gets the first one's artifact before they are read. */
  const readHarmed = (harm: (blob: string) => void): Promise<ReadCellResults> =>
    inStore(
      Effect.gen(function* () {
        const first = yield* storedStage('evaluate', 'evaluate[a]', rowsFile, measuredLine(0))
        const second = yield* storedStage('evaluate', 'evaluate[b]', rowsFile, measuredLine(1))
        harm(blobOf(first))
        return yield* readCellResults([cellWith('a', [first]), cellWith('again', [first]), cellWith('b', [second])])
      }),
    )

  it('of single models have no figures and count for nothing before every one is there, but keep their rows', async () => {
    const { cells } = await inStore(
      Effect.gen(function* () {
        const [one, two] = [
          yield* storedStage('single', 'single/0', rowsFile, measuredLine(0)),
          yield* storedStage('single', 'single/1', rowsFile, measuredLine(1, { top1: 0.9 })),
        ]
        const missing = yield* storedStage('single', 'single/1')
        return yield* readCellResults([cellWith('half', [one, missing]), cellWith('whole', [one, two])])
      }),
    )
    const [half, whole] = groupCells(cells, ['init']).map(summariseGroup)
    expect(cells.map(({ rows }) => rows.length)).to.deep.equal([1, 2])
    expect([half.n, half.figures['meanTop1']]).to.deep.equal([0, undefined])
    expect(half.missing).to.deep.equal([{ cell: 'init=half,seed=1', stages: ['single/1'] }])
    expect([whole.n, whole.figures['meanTop1'].mean]).to.deep.equal([1, 0.7])
    expect(half.figures['single/0.top1'].mean).to.equal(0.25)
  })

  it('miss what is damaged, which is told once and quarantined, and the others are read', async () => {
    let harmed = ''
    const { cells, damaged } = await readHarmed((blob) => {
      harmed = blob
      chmodSync(blob, 0o644)
      writeFileSync(blob, measuredLine(0).replace('0.5', '0.6'))
    })
    expect(cells.map(({ missing, rows }) => [missing, rows.length])).to.deep.equal([
      [['evaluate[a]'], 0],
      [['evaluate[a]'], 0],
      [[], 1],
    ])
    expect([...damaged].map(([{ name }]) => name)).to.deep.equal(['evaluate[a]'])
    expect([...damaged.values()][0]).to.match(/is damaged \(descendants\.jsonl\); it was moved to quarantine$/)
    expect(existsSync(harmed)).to.equal(false)
  })

  it('miss what was deleted after it was planned', async () => {
    const { cells, damaged } = await readHarmed((blob) => rmSync(blob))
    expect(cells.map(({ isMeasured }) => isMeasured)).to.deep.equal([false, false, true])
    expect([...damaged.values()]).to.deep.equal(['descendants.jsonl is not in the store any more'])
  })

  it('may have a loss that is no number, and name cell and stage of a line that is really broken', async () => {
    const read = (line: string): Promise<ReadCellResults> =>
      inStore(
        Effect.gen(function* () {
          const stage = yield* storedStage('evaluate', 'evaluate[a]', rowsFile, `${measuredLine(0)}\n${line}\n`)
          return yield* readCellResults([cellWith('a', [stage])])
        }),
      )
    const { cells } = await read(measuredLine(1, { loss: null }))
    expect(cells[0].rows.map(({ loss }) => loss)).to.deep.equal([1, null])
    const failure: unknown = await read('{"id":').catch((error: unknown) => error)
    expect(failure).to.have.property('name', 'StoreError')
    expect(failure)
      .to.have.property('message')
      .that.matches(/^descendants\.jsonl of stage evaluate\[a\], cell init=a,seed=1, cannot be read: line 2 /)
  })

  it('that share an evaluation have measured once, whatever their names', async () => {
    const { cells } = await inStore(
      Effect.gen(function* () {
        const shared = yield* storedStage('evaluate', 'evaluate[a]', rowsFile, measuredLine(0))
        return yield* readCellResults([cellWith('a', [shared]), cellWith('b', [shared])])
      }),
    )
    const [all] = groupCells(cells, []).map(summariseGroup)
    expect([all.cells, all.asked, all.n, all.figures['bestTop1'].n]).to.deep.equal([2, 1, 1, 1])
  })
})
