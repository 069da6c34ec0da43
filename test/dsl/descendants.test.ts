import { expect } from 'chai'
import { DefinitionError, enumerateDescendants, type DescendantOptions, type VitShape } from '../../src/index.js'
import { stitchPositions } from '../../src/dsl/stitch-window.js'

const deit = (embedDim: number, depth: number): VitShape => ({
  imageSize: 224,
  patchSize: 16,
  channels: 3,
  numClasses: 1000,
  embedDim,
  depth,
  numHeads: embedDim / 64,
})

const family = (depth: number): VitShape[] => [192, 384, 768].map((embedDim) => deit(embedDim, depth))
const grid = (depth: number, options: Partial<DescendantOptions> = {}) =>
  enumerateDescendants({ models: family(depth), pairs: 'all', triples: false, finalNorm: 'all', ...options })

describe('the stitch window', () => {
  it('meets positions in the published order and shares layers among neighbours', () => {
    const met = stitchPositions(4).map(({ front, end, layer }) => [front, end, layer])
    expect(met).to.deep.equal([
      [0, 0, 0], [0, 1, 0], [1, 0, 0], [1, 1, 0],
      [1, 2, 1], [2, 1, 1], [2, 2, 1],
      [2, 3, 2], [3, 2, 2], [3, 3, 2],
    ]) // prettier-ignore
  })

  it('gives 3L − 2 positions on L − 1 layers', () => {
    for (let depth = 2; depth <= 24; depth++) {
      const positions = stitchPositions(depth)
      expect(positions).to.have.length(3 * depth - 2)
      expect(new Set(positions.map(({ layer }) => layer)).size).to.equal(depth - 1)
    }
  })

  it('of another size or step numbers only windows that add something, and is cut off at the end', () => {
    expect(stitchPositions(3, 1)).to.deep.equal([0, 1, 2].map((i) => ({ front: i, end: i, layer: i })))
    expect(stitchPositions(3, 3)).to.have.length(9)
    expect(new Set(stitchPositions(3, 3).map(({ layer }) => layer))).to.deep.equal(new Set([0]))
    expect(stitchPositions(5, 2, 2).map(({ front, end, layer }) => `${front}${end}/${layer}`)).to.deep.equal([
      '00/0',
      '01/0',
      '10/0',
      '11/0',
      '22/1',
      '23/1',
      '32/1',
      '33/1',
      '44/2',
    ])
  })
})

describe('descendants', () => {
  it('are as many as the method’s table says', () => {
    const counts = [6, 9, 12].map((depth) => [
      grid(depth, { pairs: 'nearest' }).length,
      grid(depth, { triples: true }).length,
    ])
    expect(counts).to.deep.equal([
      [35, 201],
      [53, 426],
      [71, 732],
    ])
  })

  it('of a learngene pool are 18 at depth 6 and 27 at depth 9', () => {
    const pool = [6, 9].map((depth) => grid(depth, { models: [deit(192, depth), deit(768, depth)] }).length)
    expect(pool).to.deep.equal([18, 27])
    expect(grid(6, { pairs: [[0, 2]] })).to.have.length(3 + 16)
  })

  it('come as single models, pairs (0,1), (0,2), (1,2), then triples, numbered in that order', () => {
    const all = grid(6, { triples: true })
    expect(all.map(({ id }) => id)).to.deep.equal(all.map((_, index) => index))
    const order = all.map(({ models }) => models.join('-')).filter((key, index, keys) => key !== keys[index - 1])
    expect(order).to.deep.equal(['0', '1', '2', '0-1', '0-2', '1-2', '0-1-2'])
    expect(all[0]).to.deep.include({ models: [0], positions: [], layers: [] })
    expect(all[3 + 4]).to.deep.include({ models: [0, 1], positions: [[1, 2]], layers: [1] })
  })

  it('number their ids within the grid that was asked for, in one order for any order of pairs', () => {
    const limited = grid(6, {
      pairs: [
        [1, 2],
        [0, 1],
        [1, 2],
      ],
    })
    expect(limited).to.have.length(35)
    expect(limited).to.deep.equal(grid(6, { pairs: 'nearest' }))
  })

  it('by threes run the middle model forwards only', () => {
    const triples = grid(6, { triples: true }).filter(({ models }) => models.length === 3)
    expect(triples).to.have.length(150)
    for (const { positions, layers } of triples) {
      expect(positions[1]![0]).to.be.at.least(positions[0]![1])
      expect(layers).to.have.length(2)
    }
    expect(grid(6, { pairs: [[0, 1]], triples: true })).to.have.length(3 + 16)
  })

  it('are frozen', () => {
    const [first] = grid(3)
    expect(Object.isFrozen(first) && Object.isFrozen(first!.positions)).to.equal(true)
  })

  const refused: Readonly<Record<string, readonly [Partial<DescendantOptions>, string]>> = {
    'unequal depths': [
      { models: [deit(192, 6), deit(384, 9)] },
      'enumerateDescendants.models[0].depth is 6, but enumerateDescendants.models[1].depth is 9: write the same depth',
    ],
    'wide before narrow': [{ models: [deit(384, 6), deit(192, 6)] }, 'models[0] (embedDim 384) is not narrower than'],
    'a pair of no models': [
      { pairs: [[0, 3]] },
      'enumerateDescendants.pairs[0] is [0,3]: write two indices from 0 to 2',
    ],
    'an unknown set of pairs': [{ pairs: 'some' as never }, 'enumerateDescendants.pairs is "some": write \'nearest\''],
    'no models': [{ models: [] }, 'enumerateDescendants.models has no model'],
    'a model that cannot be': [
      { models: [{ ...deit(192, 6), numHeads: 7 }] },
      'enumerateDescendants.models[0].numHeads is 7, which does not divide embedDim 192',
    ],
    'a window of nothing': [{ kernel: 0 }, 'enumerateDescendants.kernel is 0'],
  }
  for (const [what, [options, message]] of Object.entries(refused)) {
    it(`of ${what} are refused`, () => {
      expect(() => grid(6, options)).to.throw(DefinitionError, message)
    })
  }
})
