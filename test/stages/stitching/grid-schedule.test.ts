import { expect } from 'chai'
import type { GridParams } from '../../../src/dsl/nodes.js'
import { chunkPaths, gridSchedule, type StreamOperation } from '../../../src/stages/stitching/grid-schedule.js'
import { poolGrid } from '../../../src/stages/stitching/grid.js'
import { gridParams, tinyConfig } from '../model-stage-runs.js'

const gridOf = (params: Partial<GridParams>, depths = [6, 6, 6]) =>
  poolGrid(
    depths.map((depth, index) => tinyConfig(8 + 2 * index, depth)),
    gridParams(params),
  )

const ALL: GridParams['pairs'] = [[0, 1], [0, 2], [1, 2]] // prettier-ignore
const GRIDS = {
  'a pair': gridOf({}, [6, 6]),
  'a pair of unequal depths': gridOf({}, [3, 6]),
  'models by threes': gridOf({ pairs: ALL, triples: true }),
  'both ways': gridOf({ twoWay: true }, [6, 12]),
  'both ways by threes': gridOf({ pairs: ALL, triples: true, twoWay: true }),
}

describe('the schedule of a grid', () => {
  for (const [what, grid] of Object.entries(GRIDS)) {
    it(`of ${what} runs every block once, on all streams at a time, after what it reads`, () => {
      const { rounds, logits } = gridSchedule(grid.paths, grid)
      const operations = rounds.map(({ operation }) => JSON.stringify(operation))
      expect(new Set(operations).size).to.equal(operations.length)
      rounds.forEach(({ sources }, index) => {
        for (const { round, row } of sources) {
          expect(round).to.be.lessThan(index)
          expect(row).to.be.lessThan(Math.max(1, rounds[round].sources.length))
        }
      })
      expect(logits).to.have.length(grid.descendants.length)
      for (const { round } of logits) expect(rounds[round].operation.kind).to.equal('head')
    })

    it(`of ${what} leads every descendant through its own blocks and stitches`, () => {
      const { rounds, logits } = gridSchedule(grid.paths, grid)
      logits.forEach((head, id) => {
        const trail: string[] = []
        for (let at: { round: number; row: number } | undefined = head; at !== undefined;) {
          const { operation, sources } = rounds[at.round]
          const kind = operation.kind === 'lastBlock' ? 'block' : operation.kind
          if (operation.kind === 'stitch') trail.unshift(operation.name)
          else trail.unshift(`${kind} ${operation.model}${'index' in operation ? `.${operation.index}` : ''}`)
          at = sources[at.row] as typeof at
        }
        const expected = grid.paths[id].flatMap(({ model, first, last, stitch }) => [
          ...(stitch === null ? [`embed ${model}`] : [stitch]),
          ...Array.from({ length: last - first + 1 }, (_, i) => `block ${model}.${first + i}`),
        ])
        expect(trail).to.deep.equal([...expected, `head ${grid.paths[id].at(-1)!.model}`])
      })
    })
  }

  it('computes the cls token alone in a last block that only heads read', () => {
    const grid = GRIDS['a pair']
    const { rounds } = gridSchedule(grid.paths, grid)
    const last = rounds.flatMap(({ operation: each }) =>
      'index' in each && each.index === 5 ? [`${each.kind} ${each.model}`] : [],
    )
    // A stitch leaves the first student after its last block, which needs all tokens.
    expect(last).to.deep.equal(['block 0', 'lastBlock 1'])
  })

  it('takes as many neighbours at a time as its largest operation has room for', () => {
    const grid = GRIDS['models by threes']
    const sizeOf = (operation: StreamOperation) => (operation.kind === 'block' ? 1 : 0)
    const chunks = chunkPaths(grid.paths, grid, sizeOf, 10)
    expect(chunks.flat()).to.deep.equal([...grid.paths.keys()])
    expect(chunks.length).to.be.within(2, grid.paths.length / 4)
    for (const chunk of chunks) {
      const { rounds } = gridSchedule(
        chunk.map((index) => grid.paths[index]),
        grid,
      )
      for (const { sources } of rounds.filter(({ operation }) => operation.kind === 'block')) {
        expect(sources.length).to.be.at.most(10)
      }
    }
    expect(chunkPaths(grid.paths, grid, sizeOf, 1e6)).to.have.length(1)
    expect(chunkPaths(grid.paths, grid, sizeOf, 0)).to.have.length(grid.paths.length)
  })
})
