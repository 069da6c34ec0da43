import { expect } from 'chai'
import { countMacs, countParams, DefinitionError, enumerateDescendants, type VitShape } from '../../src/index.js'
import { countBlockParams } from '../../src/dsl/counting.js'
import { completeVitConfig } from '../../src/dsl/vit.js'

const deit = (embedDim: number): VitShape => ({
  imageSize: 224,
  patchSize: 16,
  channels: 3,
  numClasses: 1000,
  embedDim,
  depth: 12,
  numHeads: embedDim / 64,
})
const DEIT = [192, 384, 768].map(deit)

const snNet = (finalNorm: 'all' | 'anchorsOnly' | 'none' = 'anchorsOnly') =>
  enumerateDescendants({ models: DEIT, pairs: 'nearest', triples: false, finalNorm })

describe('counting', () => {
  it('gives the method’s block parameters', () => {
    const blocks = DEIT.map((shape) => countBlockParams(completeVitConfig(shape)))
    expect(blocks).to.deep.equal([444_864, 1_774_464, 7_087_872])
  })

  it('gives the published figures of DeiT Ti, S and B, alone and in SN-Net’s grid', () => {
    const params = [5_717_416, 22_050_664, 86_567_656]
    const macs = [1_258_411_200, 4_608_338_304, 17_582_740_224]
    expect(DEIT.map((config) => countParams(config))).to.deep.equal(params)
    expect(DEIT.map((config) => countMacs(config))).to.deep.equal(macs)
    const grid = snNet()
    expect(grid.slice(0, 3).map((each) => each.params)).to.deep.equal(params)
    expect(grid.slice(0, 3).map((each) => each.macs)).to.deep.equal(macs)
  })

  it('gives the published figures of the first stitched model, Ti → S (0,0)', () => {
    const first = snNet()[3]
    expect(first).to.deep.include({ models: [0, 1], positions: [[0, 0]], params: 22_345_960, macs: 4_696_010_496 })
  })

  it('stores cls token and positions with every model, and the last norm only where it is run', () => {
    const tokens = 198 * 192
    const stored = (['all', 'anchorsOnly', 'none'] as const).map((finalNorm) => snNet(finalNorm)[3]!.paramsStored)
    expect(stored).to.deep.equal([22_345_960 + tokens, 22_345_960 + tokens - 768, 22_345_960 + tokens - 768])
    const singles = (['all', 'anchorsOnly', 'none'] as const).map((finalNorm) => snNet(finalNorm)[0]!.paramsStored)
    expect(singles).to.deep.equal([5_717_416, 5_717_416, 5_717_416 - 384])
  })

  it('counts a final norm’s operations only where it is run', () => {
    expect(countMacs(deit(192)) - countMacs(deit(192), { finalNorm: 'none' })).to.equal(5 * 197 * 192)
    expect(snNet('all')[3]!.macs - 4_696_010_496).to.equal(5 * 197 * 384)
  })

  it('counts the parity fixture’s parameters', () => {
    const fixture = { imageSize: 32, patchSize: 8, channels: 3, numClasses: 10, embedDim: 24, depth: 2, numHeads: 3 }
    expect(countParams(fixture)).to.equal(19_810)
  })

  it('follows the width of the MLP', () => {
    const shape = { ...deit(192), depth: 1 }
    const narrower = { ...shape, mlpRatio: 2 }
    // Both layers lose 2d hidden units: 2d · (d in + d out + 1 bias).
    expect(countParams(shape) - countParams(narrower)).to.equal(2 * 192 * (2 * 192 + 1))
    expect(countMacs(shape) - countMacs(narrower)).to.equal(197 * 2 * 192 * 2 * 192)
  })

  it('refuses a shape that cannot be built', () => {
    expect(() => countParams({ ...deit(192), patchSize: 15 })).to.throw(DefinitionError, 'config.patchSize is 15')
  })
})
