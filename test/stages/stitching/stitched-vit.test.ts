import { expect } from 'chai'
import type * as tf from '@tensorflow/tfjs'
import type { FinalNorm } from '../../../src/dsl/nodes.js'
import { openEngine } from '../../../src/engine/open.js'
import { gridVit } from '../../../src/stages/stitching/grid-vit.js'
import { layoutOf, pack, slices } from '../../../src/stages/model/layout.js'
import { descendantName, poolGrid } from '../../../src/stages/stitching/pool-grid.js'
import { stitchedVit, stitchTensors } from '../../../src/stages/stitching/stitched-vit.js'
import { vitTensors } from '../../../src/stages/model/vit-params.js'
import { tinyConfig } from '../model-stage-runs.js'
import { referenceHead, referenceStitched, referenceVit, waveImage, waveModel, waves } from '../reference-vit.js'

const FRONT = { config: tinyConfig(8), values: waveModel(tinyConfig(8), 1) }
const END = { config: tinyConfig(12, 3, 3), values: waveModel(tinyConfig(12, 3, 3), 7) }
const IMAGES = [waveImage(FRONT.config), waveImage(FRONT.config, 2)]

/** Logits of every descendant, `[2 × 3]` each, computed together and one by one. */
const run = async (finalNorm: FinalNorm) => {
  const grid = poolGrid([FRONT.config, END.config], { kernel: 2, stride: 1, finalNorm })
  const stitchDefinitions = Array.from({ length: grid.layers }, (_, i) =>
    stitchTensors(i, FRONT.config, END.config),
  ).flat()
  const stitches = waves(stitchDefinitions, 20)
  const layouts = [vitTensors(FRONT.config), vitTensors(END.config), stitchDefinitions].map(layoutOf)
  const engine = await openEngine({ engine: 'onnxruntime', device: 'cpu', threads: 1 })
  const compiled = await engine.compile(
    'grid',
    (inputs) => {
      const [front, end, stitch] = layouts.map((layout, i) => slices(layout, inputs[`theta${i}`] as tf.Tensor1D))
      const pixels = inputs['pixels'] as tf.Tensor4D
      const together = gridVit([front, end], stitch, grid, grid.paths, pixels)
      const alone = grid.paths.map((path) => stitchedVit([front, end], stitch, grid, path, pixels))
      return Object.fromEntries(
        grid.paths.flatMap((_, i) => [
          [`together${i}`, together[i]],
          [`alone${i}`, alone[i]],
        ]),
      )
    },
    {
      ...Object.fromEntries(layouts.map(({ size }, i) => [`theta${i}`, { shape: [size], dtype: 'float32' } as const])),
      pixels: { shape: [2, 8, 8, 1], dtype: 'float32' },
    },
  )
  const outputs = await compiled.run({
    ...Object.fromEntries(
      [FRONT.values, END.values, stitches].map((values, i) => [`theta${i}`, pack(layouts[i], values)]),
    ),
    pixels: Float32Array.from(IMAGES.flatMap((image) => [...image])),
  })
  await engine.release()
  return { grid, stitches, outputs }
}

describe('stitched models', () => {
  for (const finalNorm of ['all', 'anchorsOnly', 'none'] as const) {
    it(`every descendant agrees with double precision, alone and together, with finalNorm '${finalNorm}'`, async () => {
      const { grid, stitches, outputs } = await run(finalNorm)
      expect(grid.paths).to.have.length(2 + 7)
      for (const [id, path] of grid.paths.entries()) {
        const position = grid.positions[id - 2]
        const expected = IMAGES.flatMap((image) => {
          if (path.length > 1) {
            return referenceStitched(FRONT, END, stitches, position, image, finalNorm === 'all')
          }
          const { config, values } = [FRONT, END][id]
          return referenceHead(config, values, referenceVit(config, values, image).blocks[2].map, finalNorm !== 'none')
        })
        expected.forEach((value, index) => {
          expect(outputs[`alone${id}`][index]).to.be.closeTo(value, 1e-5, `descendant ${id}`)
          expect(outputs[`together${id}`][index]).to.be.closeTo(value, 1e-5, `descendant ${id}, shared`)
        })
      }
    })
  }

  it('names say which blocks run', () => {
    const { paths } = poolGrid([FRONT.config, END.config], { kernel: 2, stride: 1, finalNorm: 'all' })
    const names = paths.map((path) => descendantName(['tiny', 'base'], path))
    expect(names.slice(0, 4)).to.deep.equal(['tiny', 'base', 'tiny[0..0]→base[0..2]', 'tiny[0..0]→base[1..2]'])
    expect(new Set(names).size).to.equal(names.length)
  })
})
