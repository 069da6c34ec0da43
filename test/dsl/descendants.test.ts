import { expect } from 'chai'
import { DefinitionError, enumerateDescendants, type DescendantOptions, type VitShape } from '../../src/index.js'
import type { GridParams } from '../../src/dsl/nodes.js'
import { stitchPositions, type StitchWindow } from '../../src/dsl/grid.js'

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

const PUBLISHED = { kernel: 2, stride: 1, twoWay: false }
/** Positions of models of these depths as `front end/layer`. */
const positions = (frontDepth: number, endDepth: number, window: Partial<StitchWindow> = {}) =>
  stitchPositions(frontDepth, endDepth, { ...PUBLISHED, ...window }).map(
    ({ front, end, layer }) => `${front} ${end}/${layer}`,
  )

describe('the stitch window', () => {
  it('meets positions in the published order and shares layers among neighbours', () => {
    expect(positions(4, 4)).to.deep.equal([
      '0 0/0', '0 1/0', '1 0/0', '1 1/0',
      '1 2/1', '2 1/1', '2 2/1',
      '2 3/2', '3 2/2', '3 3/2',
    ]) // prettier-ignore
  })

  it('gives 3L − 2 positions on L − 1 layers', () => {
    for (let depth = 2; depth <= 24; depth++) {
      const met = stitchPositions(depth, depth, PUBLISHED)
      expect(met).to.have.length(3 * depth - 2)
      expect(new Set(met.map(({ layer }) => layer)).size).to.equal(depth - 1)
    }
  })

  it('of another size or step numbers only windows that add something, and is cut off at the end', () => {
    expect(positions(3, 3, { kernel: 1 })).to.deep.equal(['0 0/0', '1 1/1', '2 2/2'])
    expect(positions(3, 3, { kernel: 3 })).to.have.length(9)
    expect(new Set(positions(3, 3, { kernel: 3 }).map((each) => each.at(-1)))).to.deep.equal(new Set(['0']))
    expect(positions(5, 5, { stride: 2 })).to.deep.equal([
      '0 0/0', '0 1/0', '1 0/0', '1 1/0',
      '2 2/1', '2 3/1', '3 2/1', '3 3/1',
      '4 4/2',
    ]) // prettier-ignore
  })

  it('takes several blocks of a deeper model for one of the other: left after the last, entered at the first', () => {
    expect(positions(2, 6)).to.deep.equal(['0 0/0', '0 3/0', '1 0/0', '1 3/0'])
    expect(positions(6, 2)).to.deep.equal(['2 0/0', '2 1/0', '5 0/0', '5 1/0'])
    expect(positions(12, 24)).to.have.length(34)
  })

  it('both ways is SN-Netv2’s: one stitch with a layer of its own at the end of every stage but the last', () => {
    expect(positions(4, 4, { twoWay: true })).to.deep.equal(['0 1/0', '1 2/1', '2 3/2'])
    expect(positions(3, 6, { twoWay: true })).to.deep.equal(['0 2/0', '1 4/1'])
    expect(positions(6, 3, { twoWay: true })).to.deep.equal(['1 1/0', '3 2/1'])
    expect(positions(5, 5, { twoWay: true, stride: 2 })).to.deep.equal(['0 1/0', '2 3/1'])
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

  it('of models of unequal depths run whole stages of both', () => {
    const [small, large] = [deit(192, 3), deit(384, 6)]
    const unequal = grid(3, { models: [small, large] })
    expect(unequal).to.have.length(2 + 7)
    expect(unequal.slice(2).map((each) => each.positions[0])).to.deep.equal([
      [0, 0], [0, 2], [1, 0], [1, 2], [1, 4], [2, 2], [2, 4],
    ]) // prettier-ignore
    const [, whole, , first] = unequal
    const block = 12 * 384 ** 2 + 13 * 384
    // One small block instead of two large ones, another embedding, and a stitch.
    const small0 = 12 * 192 ** 2 + 13 * 192 + 769 * 192 + 193 * 384
    expect(first!.params).to.equal(whole!.params - 2 * block - (769 + 198) * 384 + small0)
    expect(() => grid(3, { models: [deit(192, 6), large], pairs: [[0, 1]] })).to.not.throw()
  })

  it('both ways are the 134 models of SN-Netv2’s DeiT3 grids, with its published MACs', () => {
    const large: VitShape = { ...deit(1024, 24), numHeads: 16 }
    const [small, base] = [deit(384, 12), deit(768, 12)]
    const both = (models: VitShape[], options: Partial<DescendantOptions> = {}) =>
      grid(12, { models, twoWay: true, ...options })
    expect([both([small, base]), both([base, large])].map(({ length }) => length)).to.deep.equal([134, 134])

    const published = both([small, large])
    const order = published.map(({ models }) => models.join('-')).filter((key, index, keys) => key !== keys[index - 1])
    expect(order).to.deep.equal(['0', '1', '0-1', '1-0', '1-0-1', '0-1-0'])
    const counts = order.map((key) => published.filter(({ models }) => models.join('-') === key).length)
    expect(counts).to.deep.equal([1, 1, 11, 11, 55, 55])
    expect(published[24]).to.deep.include({ positions: [[1, 1], [1, 4]], layers: [0, 1] }) // prettier-ignore
    const macs = [0, 1, 2, 12, 13, 23, 24, 78, 79, 133].map((id) => published[id]!.macs)
    expect(macs).to.deep.equal([
      4_608_338_304, 61_604_135_936, 56_843_745_792, 9_428_588_032, 9_523_655_552,
      56_938_813_312, 57_017_547_264, 57_017_547_264, 9_504_781_184, 9_504_781_184,
    ]) // prettier-ignore
    expect(published.reduce((sum, each) => sum + each.macs, 0)).to.equal(4_454_981_953_664)
  })

  it('both ways of three models go round between each pair, after the models by threes', () => {
    const all = grid(3, { pairs: 'nearest', twoWay: true, triples: true })
    const order = all.map(({ models }) => models.join('-')).filter((key, index, keys) => key !== keys[index - 1])
    expect(order).to.deep.equal([
      '0', '1', '2', '0-1', '1-2', '1-0', '2-1', '0-1-2', '1-0-1', '2-1-2', '0-1-0', '1-2-1',
    ]) // prettier-ignore
    for (const { positions } of all.filter(({ models }) => models.length === 3)) {
      expect(positions).to.deep.equal([[0, 1], [1, 2]]) // prettier-ignore
    }
  })

  it('take a grid’s parameters as they are', () => {
    const params: GridParams = {
      pairs: [[0, 1]],
      triples: false,
      twoWay: false,
      kernel: 3,
      stride: 1,
      finalNorm: 'none',
    }
    expect(enumerateDescendants({ models: family(3), ...params })).to.have.length(3 + 9)
  })

  it('are frozen', () => {
    const [first] = grid(3)
    expect(Object.isFrozen(first) && Object.isFrozen(first!.positions)).to.equal(true)
  })

  const refused: Readonly<Record<string, readonly [Partial<DescendantOptions>, string]>> = {
    'unequal depths': [
      { models: [deit(192, 6), deit(384, 9)] },
      'enumerateDescendants.models[0].depth is 6, but enumerateDescendants.models[1].depth is 9: ' +
        'write the same depth, or a whole multiple of it',
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
    'a window that leads nowhere': [{ kernel: 1, twoWay: true }, 'enumerateDescendants.kernel is 1, a window in which'],
  }
  for (const [what, [options, message]] of Object.entries(refused)) {
    it(`of ${what} are refused`, () => {
      expect(() => grid(6, options)).to.throw(DefinitionError, message)
    })
  }
})
