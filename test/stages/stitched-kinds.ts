/** Stitched pools of made-up weights in every form that descendants come in, and what their models answer. */
import type * as tf from '@tensorflow/tfjs-core'
import type { GridParams } from '../../src/dsl/nodes.js'
import type { VitConfig } from '../../src/dsl/vit-config.js'
import { openEngine } from '../../src/engine/choice/open.js'
import { pixelSpec } from '../../src/stages/data/dataset.js'
import { gridStitchTensors, poolGrid } from '../../src/stages/stitching/grid.js'
import { openStitchedPool, writeStitchedPool } from '../../src/stages/stitching/stitched-pool.js'
import { gridVit } from '../../src/stages/stitching/stitched-vit.js'
import { layoutOf, pack, slices } from '../../src/stages/tensors/named-tensors.js'
import { artifactOf, gridParams, ONNX, tinyConfig } from './model-stage-runs.js'
import { waveModel, waves } from './reference-vit.js'

interface StitchedKind {
  readonly models: Readonly<Record<string, VitConfig>>
  readonly grid: Partial<GridParams>
  /** Descendants that show what is special about it. */
  readonly descendants: readonly string[]
}

const [tiny, base, large] = [tinyConfig(8), tinyConfig(16), tinyConfig(24)]
const variant = (changes: Partial<VitConfig>) => ({
  tiny: { ...tiny, ...changes },
  base: { ...base, ...changes },
})

export const stitchedKinds: Readonly<Record<string, StitchedKind>> = {
  pair: { models: { tiny, base }, grid: {}, descendants: ['tiny', 'tiny[0..1]→base[1..2]'] },
  'three models': {
    models: { tiny, base, large },
    grid: {
      pairs: [
        [0, 1],
        [1, 2],
      ],
      triples: true,
    },
    descendants: ['tiny[0..0]→base[1..1]→large[2..2]'],
  },
  'unequal depths': {
    models: { tiny, base: tinyConfig(16, 6) },
    grid: { kernel: 2, stride: 2 },
    descendants: ['tiny[0..0]→base[2..5]'],
  },
  'there and back': {
    models: { tiny, base },
    grid: { twoWay: true, stride: 1 },
    descendants: ['base[0..0]→tiny[1..1]→base[2..2]'],
  },
  'no norm before the head': {
    models: { tiny, base },
    grid: { finalNorm: 'anchorsOnly' },
    descendants: ['tiny[0..0]→base[1..2]'],
  },
  'two heads': {
    models: variant({ distillation: 'twoHeads' }),
    grid: {},
    descendants: ['base', 'tiny[0..0]→base[1..2]'],
  },
  'mean, scales, no bias': {
    models: variant({ pooling: 'mean', layerScale: true, qkvBias: false, clsPosition: false, mlpRatio: 2 }),
    grid: {},
    descendants: ['tiny', 'tiny[0..0]→base[1..2]'],
  },
}

/** Writes a stage stitch's artifact of this kind, of three classes and grey images of 8 × 8. */
export const writeKind = (folder: string, { models, grid: changes }: StitchedKind): void => {
  const [names, configs] = [Object.keys(models), Object.values(models)]
  const params = gridParams(changes)
  const grid = poolGrid(configs, params)
  writeStitchedPool(folder, {
    names,
    params,
    grid,
    descendant: null,
    models: configs.map((config, index) => waveModel(config, index)),
    stitches: waves(gridStitchTensors(grid), 5),
    metadata: configs.map(() => ({ role: 'student', mean: [0.33], std: [0.2] })),
  })
}

/** The logits of every descendant, in the grid's order, as the stage evaluate computes them. */
export const poolLogits = async (
  folder: string,
  images: number,
  pixels: Float32Array,
): Promise<readonly Float32Array[]> => {
  const { grid, groups } = openStitchedPool(artifactOf(folder))
  const layouts = groups.map(({ tensors }) => layoutOf(tensors))
  const engine = await openEngine(ONNX)
  const compiled = await engine.compile(
    'pool',
    ({ pixels: images, ...thetas }) => {
      const params = layouts.map((layout, i) => slices(layout, thetas[`theta.${i}`] as tf.Tensor1D))
      const logits = gridVit(params.slice(0, -1), params.at(-1)!, grid, grid.paths, images as tf.Tensor4D)
      return Object.fromEntries(logits.map((each, i) => [String(i), each]))
    },
    {
      pixels: pixelSpec(grid.configs[0]!, images),
      ...Object.fromEntries(layouts.map(({ size }, i) => [`theta.${i}`, { shape: [size], dtype: 'float32' } as const])),
    },
  )
  const thetas = Object.fromEntries(groups.map(({ values }, i) => [`theta.${i}`, pack(layouts[i]!, values)]))
  const outputs = await compiled.run({ pixels, ...thetas })
  await engine.release()
  return grid.paths.map((_, i) => outputs[String(i)] as Float32Array)
}
