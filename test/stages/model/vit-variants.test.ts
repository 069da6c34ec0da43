import { expect } from 'chai'
import { join } from 'node:path'
import type * as tf from '@tensorflow/tfjs-core'
import { countParams } from '../../../src/dsl/counting.js'
import type { VitConfig } from '../../../src/dsl/vit-config.js'
import { openEngine } from '../../../src/engine/choice/open.js'
import { sizeOfShape } from '../../../src/engine/host-values.js'
import { distill } from '../../../src/stages/distill.js'
import { evaluate } from '../../../src/stages/evaluate.js'
import { parseConfig } from '../../../src/stages/model/model-files.js'
import { vitForward, vitLogits, vitTensors } from '../../../src/stages/model/vit.js'
import { pool } from '../../../src/stages/pool.js'
import { stitch } from '../../../src/stages/stitch.js'
import { poolGrid, tensorsOfGrid } from '../../../src/stages/stitching/grid.js'
import { gridVit, stitchedVit } from '../../../src/stages/stitching/stitched-vit.js'
import { teacher } from '../../../src/stages/teacher.js'
import { layoutOf, pack, slices } from '../../../src/stages/tensors/named-tensors.js'
import {
  distillParams,
  failModelStage,
  gridParams,
  runModelStage,
  stitchParams,
  syntheticData,
  teacherParams,
  tinyConfig,
  trainParams,
} from '../model-stage-runs.js'
import { waveImage, waveModel, waves } from '../reference-vit.js'
import { tempFolder } from '../temp-folder.js'

const VARIANTS: Readonly<Record<string, Partial<VitConfig>>> = {
  'two heads': { distillation: 'twoHeads' },
  'a distillation token without a head': { distillation: 'oneHead' },
  'layer scale': { layerScale: true },
  'a cls token without a position': { clsPosition: false },
  'the mean over tokens': { pooling: 'mean' },
  'no bias of qkv': { qkvBias: false },
  'all at once': { distillation: 'twoHeads', layerScale: true, clsPosition: false, qkvBias: false },
}

const shapeOf = (variant: Partial<VitConfig>, width = 8): VitConfig => ({ ...tinyConfig(width), ...variant })

const flat = (values: Readonly<Record<string, ArrayLike<number>>>, name: string): number[] => Array.from(values[name])

describe('variants of the vision transformer', () => {
  const folder = tempFolder()

  for (const [what, variant] of Object.entries(VARIANTS)) {
    it(`with ${what} are counted as they are stored, and kept in config.json`, () => {
      const config = shapeOf(variant)
      const stored = vitTensors(config).reduce((sum, { shape }) => sum + sizeOfShape(shape), 0)
      expect(countParams(config)).to.equal(stored)
      expect(parseConfig(JSON.stringify(config), 'config.json').config).to.deep.equal(config)
    })

    it(`with ${what} give the same logits by every way through a grid`, async () => {
      const configs = [shapeOf(variant), shapeOf(variant, 12)]
      const grid = poolGrid(configs, gridParams())
      const tensors = tensorsOfGrid(grid)
      const groups = [...tensors.models, tensors.stitches]
      const layouts = groups.map((own) => layoutOf(own))
      const engine = await openEngine({ engine: 'onnxruntime', device: 'cpu', threads: 1 })
      const compiled = await engine.compile(
        'grid',
        ({ pixels, ...thetas }) => {
          const all = layouts.map((layout, i) => slices(layout, thetas[`theta${i}`] as tf.Tensor1D))
          const images = pixels as tf.Tensor4D
          const together = gridVit(all, all[2], grid, grid.paths, images)
          const outputs: Record<string, tf.Tensor> = {
            whole: vitForward(all[0], configs[0], images).logits,
            short: vitLogits(all[0], configs[0], images),
          }
          for (const [id, path] of grid.paths.entries()) {
            outputs[`together${id}`] = together[id]
            outputs[`alone${id}`] = stitchedVit(all, all[2], grid, path, images)
          }
          return outputs
        },
        {
          ...Object.fromEntries(
            layouts.map(({ size }, i) => [`theta${i}`, { shape: [size], dtype: 'float32' } as const]),
          ),
          pixels: { shape: [2, 8, 8, 1], dtype: 'float32' },
        },
      )
      const values = [waveModel(configs[0], 1), waveModel(configs[1], 3), waves(tensors.stitches, 20)]
      const outputs = (await compiled.run({
        ...Object.fromEntries(values.map((each, i) => [`theta${i}`, pack(layouts[i], each)])),
        pixels: Float32Array.from([waveImage(configs[0]), waveImage(configs[0], 2)].flatMap((image) => [...image])),
      })) as Readonly<Record<string, Float32Array>>
      await engine.release()
      const pairs = [
        ['whole', 'short'],
        ['whole', 'alone0'],
        ...grid.paths.map((_, id) => [`together${id}`, `alone${id}`]),
      ]
      for (const [one, other] of pairs) {
        flat(outputs, one).forEach((value, at) => expect(outputs[other][at]).to.be.closeTo(value, 1e-5, other))
      }
    })
  }

  it('teach plain students, are pooled, stitched and measured', async () => {
    const data = syntheticData(folder.file('data'))
    const train = trainParams({ epochs: 1 })
    const taught = await runModelStage(teacher, {
      params: teacherParams({ model: shapeOf({ distillation: 'twoHeads', layerScale: true }, 16), train }),
      inputs: { data },
      outDir: folder.file('teacher'),
    })
    const student = (name: string, model: VitConfig) =>
      runModelStage(distill, {
        params: distillParams({ model, train, reverseTransforms: true }),
        inputs: { data, teacher: taught },
        outDir: folder.file(name),
      })
    const tiny = await student('tiny', shapeOf({ pooling: 'mean' }))
    const base = await student('base', shapeOf({ clsPosition: false, qkvBias: false }, 12))
    const pooled = await runModelStage(pool, {
      params: { students: ['tiny', 'base'] },
      inputs: { tiny, base },
      outDir: folder.file('pool'),
    })
    const stitched = await runModelStage(stitch, {
      params: stitchParams({ init: 'composed', train }),
      inputs: { data, pool: pooled, teacher: taught },
      outDir: folder.file('stitch'),
    })
    const measured = await runModelStage(evaluate, {
      params: { split: 'test' },
      inputs: { data, stitch: stitched },
      outDir: folder.file('evaluate'),
    })
    expect(measured.summary['models']).to.equal(9)

    const distilled = await student('distilled', shapeOf({ distillation: 'oneHead' }, 12))
    const { message } = await failModelStage(pool, {
      params: { students: ['tiny', 'distilled'] },
      inputs: { tiny, distilled },
      outDir: join(folder.path, 'refused'),
    })
    expect(message).to.equal('students of one pool must agree on their number of tokens: tiny has 5, distilled has 6')
  })
})
