import { expect } from 'chai'
import * as Effect from 'effect/Effect'
import { openEngine } from '../../../src/engine/open.js'
import { openDataset } from '../../../src/stages/data/dataset.js'
import { poolGrid } from '../../../src/stages/stitching/pool-grid.js'
import { stitchFeatures } from '../../../src/stages/stitching/stitch-features.js'
import { learnedStart, leastSquaresStart } from '../../../src/stages/stitching/stitch-start.js'
import { syntheticData, tinyConfig } from '../model-stage-runs.js'
import { referenceVit, waveModel } from '../reference-vit.js'
import { tempFolder } from '../temp-folder.js'

/** `map.<p>.weight` `[d, D]` whose entry (i, t) is p + 10 i + 100 t. */
const maps = (count: number, width: number, teacherWidth: number) => ({
  count,
  width,
  values: Object.fromEntries(
    Array.from({ length: count }, (_, p) => [
      `map.${p}.weight`,
      Float32Array.from(
        { length: width * teacherWidth },
        (_, at) => p + 10 * Math.floor(at / teacherWidth) + 100 * (at % teacherWidth),
      ),
    ]),
  ),
})

describe('starts of stitch layers', () => {
  const folder = tempFolder()

  it("learned is the mean of the front's maps, transposed, with a bias of zero", () => {
    const start = learnedStart(maps(3, 2, 4), maps(1, 4, 4), 4, 2)
    expect(Object.keys(start)).to.deep.equal(['stitch.0.weight', 'stitch.0.bias', 'stitch.1.weight', 'stitch.1.bias'])
    for (const layer of [0, 1]) {
      // [d_end, d_front]: the mean of p is 1; rows are the teacher's features, columns the front's.
      expect([...start[`stitch.${layer}.weight`]]).to.deep.equal([1, 11, 101, 111, 201, 211, 301, 311])
      expect([...start[`stitch.${layer}.bias`]]).to.deep.equal([0, 0, 0, 0])
    }
  })

  it("learned into an end narrower than the teacher goes through the end's mean map", () => {
    const start = learnedStart(maps(1, 2, 3), maps(2, 1, 3), 3, 1)
    const end = [0.5, 100.5, 200.5]
    const front = (f: number) => [10 * f, 100 + 10 * f, 200 + 10 * f]
    const dot = (f: number) => front(f).reduce((sum, value, t) => sum + value * end[t], 0)
    expect([...start['stitch.0.weight']]).to.deep.equal([dot(0), dot(1)].map(Math.fround))
  })

  it("the features are the front's outputs and the end's inputs, in double precision's words", async () => {
    const data = openDataset(syntheticData(folder.file('data')))
    const split = data.split('train')
    const front = { config: tinyConfig(8), values: waveModel(tinyConfig(8), 1) }
    const end = { config: tinyConfig(12, 3, 3), values: waveModel(tinyConfig(12, 3, 3), 7) }
    const engine = await openEngine({ engine: 'onnxruntime', device: 'cpu', threads: 1 })
    const indices = Int32Array.of(3, 8, 31)
    const features = await Effect.runPromise(stitchFeatures(engine, front, end, split, indices))
    await engine.release()
    expect(features.rows).to.equal(15)
    const pixels = new Float32Array(3 * 64)
    split.gather(indices, pixels, new Int32Array(3))
    for (const image of [0, 1, 2]) {
      const own = pixels.subarray(image * 64, (image + 1) * 64)
      const [frontRun, endRun] = [front, end].map(({ config, values }) => referenceVit(config, values, own))
      const expectRows = (actual: Float32Array, rows: readonly (readonly number[])[]) =>
        rows.flat().forEach((value, at) => {
          expect(actual[image * rows.length * rows[0].length + at]).to.be.closeTo(value, 1e-5)
        })
      frontRun.blocks.forEach(({ map }, j) => expectRows(features.frontOutputs[j], map))
      expectRows(features.endInputs[0], endRun.embedded)
      expectRows(features.endInputs[2], endRun.blocks[1].map)
    }
  })

  it('leastSquares recovers a linear relation and averages over the positions that share a layer', async () => {
    const [front, end] = [tinyConfig(2, 3, 1), tinyConfig(3, 3, 1)]
    const { positions, layers } = poolGrid([front, end], { kernel: 2, stride: 1, finalNorm: 'all' })
    const rows = 20
    const tokens = Float32Array.from({ length: rows * 2 }, (_, i) => Math.sin(i * i))
    // Into block k: (1 + k)·(x0 + 2 x1) + e, for each of the end's features e.
    const into = (k: number) =>
      Float32Array.from({ length: rows * 3 }, (_, at) => {
        const row = Math.floor(at / 3)
        return (1 + k) * (tokens[2 * row] + 2 * tokens[2 * row + 1]) + (at % 3)
      })
    const features = { rows, frontOutputs: [tokens, tokens, tokens], endInputs: [0, 1, 2].map(into) }
    const start = await Effect.runPromise(leastSquaresStart(features, positions, front, end, () => {}))
    expect(layers).to.equal(2)
    for (let layer = 0; layer < layers; layer++) {
      const shared = positions.filter((position) => position.layer === layer)
      const scale = shared.reduce((sum, position) => sum + 1 + position.end, 0) / shared.length
      const weight = [...start[`stitch.${layer}.weight`]]
      weight.forEach((value, at) => expect(value).to.be.closeTo(scale * (1 + (at % 2)), 1e-4))
      start[`stitch.${layer}.bias`].forEach((value, e) => expect(value).to.be.closeTo(e, 1e-4))
    }
  })
})
