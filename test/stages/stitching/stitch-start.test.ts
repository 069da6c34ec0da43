import { expect } from 'chai'
import * as Effect from 'effect/Effect'
import { stitchPositions } from '../../../src/dsl/grid.js'
import { openEngine } from '../../../src/engine/choice/open.js'
import { openDataset } from '../../../src/stages/data/dataset.js'
import { leastSquaresMaps, startStitches, stitchFeatures } from '../../../src/stages/stitching/stitch-start.js'
import { poolGrid } from '../../../src/stages/stitching/grid.js'
import { gridParams, stitchParams, syntheticData, tinyConfig } from '../model-stage-runs.js'
import { referenceVit, waveModel } from '../reference-vit.js'
import { tempFolder } from '../temp-folder.js'

const model = (embedDim: number, depth: number, numHeads: number, off: number) => {
  const config = tinyConfig(embedDim, depth, numHeads)
  return { config, values: waveModel(config, off), metadata: {} }
}

describe('starts of stitch layers', () => {
  const folder = tempFolder()

  it('the features are the first block’s input and every block’s output, as double precision gives them', async () => {
    const split = openDataset(syntheticData(folder.file('data'))).split('train')
    const { config, values } = model(12, 3, 3, 7)
    const engine = await openEngine({ engine: 'onnxruntime', device: 'cpu', threads: 1 })
    const indices = Int32Array.of(3, 8, 31)
    const features = await Effect.runPromise(stitchFeatures(engine, { config, values }, split, indices))
    await engine.release()
    expect(features.map(({ length }) => length)).to.deep.equal([180, 180, 180, 180])
    const pixels = new Float32Array(3 * 64)
    split.gather(indices, pixels, new Int32Array(3))
    for (const image of [0, 1, 2]) {
      const { embedded, blocks } = referenceVit(config, values, pixels.subarray(image * 64, (image + 1) * 64))
      ;[embedded, ...blocks.map(({ map }) => map)].forEach((rows, index) => {
        rows.flat().forEach((value, at) => expect(features[index][image * 60 + at]).to.be.closeTo(value, 1e-5))
      })
    }
  })

  it('leastSquares recovers a linear relation and averages over the positions that share a layer', async () => {
    const positions = stitchPositions(3, 3, { kernel: 2, stride: 1, twoWay: false })
    const rows = 20
    const tokens = Float32Array.from({ length: rows * 2 }, (_, i) => Math.sin(i * i))
    // Into block k: (1 + k)·(x0 + 2 x1) + e, for each of the end's features e.
    const into = (k: number) =>
      Float32Array.from({ length: rows * 3 }, (_, at) => {
        const row = Math.floor(at / 3)
        return (1 + k) * (tokens[2 * row] + 2 * tokens[2 * row + 1]) + (at % 3)
      })
    const unread = new Float32Array(rows * 2)
    const front = { width: 2, tokens: [unread, tokens, tokens, tokens] }
    const end = { width: 3, tokens: [0, 1, 2, 3].map(into) }
    let solved = 0
    const maps = await Effect.runPromise(leastSquaresMaps(front, end, positions, () => solved++))
    expect(solved).to.equal(7)
    expect(maps).to.have.length(2)
    maps.forEach(({ weight, bias }, layer) => {
      const shared = positions.filter((position) => position.layer === layer)
      const scale = shared.reduce((sum, position) => sum + 1 + position.end, 0) / shared.length
      weight.forEach((value, at) => expect(value).to.be.closeTo(scale * (1 + (at % 2)), 1e-4))
      bias.forEach((value, e) => expect(value).to.be.closeTo(e, 1e-4))
    })
  })

  it('leastSquares and random give every layer of every pair, either way, a matrix of its own', async () => {
    const split = openDataset(syntheticData(folder.file('data'))).split('train')
    const models = [model(8, 3, 2, 1), model(12, 6, 3, 7)]
    const grid = poolGrid(
      models.map(({ config }) => config),
      gridParams({ twoWay: true }),
    )
    const engine = await openEngine({ engine: 'onnxruntime', device: 'cpu', threads: 1 })
    const pool = { files: {}, summary: {} }
    const progress = () => {}
    for (const init of ['leastSquares', 'random'] as const) {
      const from = { engine, grid, models, pool, teacherWidth: null, split, progress }
      const start = await Effect.runPromise(startStitches(stitchParams({ init }), from))
      const sizes = Object.entries(start).map(([name, { length }]) => `${name} ${length}`)
      const layers = (pair: number, out: number) =>
        [0, 1].flatMap((layer) => [`stitch.${pair}.${layer}.weight 96`, `stitch.${pair}.${layer}.bias ${out}`])
      expect(sizes).to.deep.equal([...layers(0, 12), ...layers(1, 8)])
      expect(new Set(Object.values(start).map((values) => values[0])).size).to.equal(8)
      expect(Object.values(start).every((values) => values.every(Number.isFinite))).to.equal(true)
    }
    const learned = startStitches(stitchParams({ init: 'learned' }), {
      engine, grid, models, pool, teacherWidth: 12, split, progress,
    }) // prettier-ignore
    const error = await Effect.runPromise(Effect.flip(learned))
    expect(error.message).to.equal("the pool's student tiny has no learned matrices, so no stitch can start from them")
    await engine.release()
  })
})
