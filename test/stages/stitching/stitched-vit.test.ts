import { expect } from 'chai'
import type * as tf from '@tensorflow/tfjs-core'
import type { FinalNorm, GridParams } from '../../../src/dsl/nodes.js'
import { openEngine } from '../../../src/engine/choice/open.js'
import { layoutOf, pack, slices } from '../../../src/stages/tensors/named-tensors.js'
import { gridVit, stitchedVit } from '../../../src/stages/stitching/stitched-vit.js'
import { descendantName, poolGrid, tensorsOfGrid } from '../../../src/stages/stitching/grid.js'
import { gridParams, tinyConfig } from '../model-stage-runs.js'
import {
  referencePath,
  waveImage,
  waveModel,
  waves,
  type ReferenceModel,
  type ReferencePart,
} from '../reference-vit.js'

const model = (embedDim: number, depth: number, numHeads: number, off: number): ReferenceModel => {
  const config = tinyConfig(embedDim, depth, numHeads)
  return { config, values: waveModel(config, off) }
}
const TINY = model(8, 3, 2, 1)
const MID = model(10, 3, 2, 5)
const BASE = model(12, 3, 3, 7)
const DEEP = model(12, 6, 3, 9)
const IMAGES = [waveImage(TINY.config), waveImage(TINY.config, 2)]

/** Logits of every descendant, `[2 × 3]` each, computed together and one by one. */
const run = async (models: readonly ReferenceModel[], params: Partial<GridParams>) => {
  const grid = poolGrid(
    models.map(({ config }) => config),
    gridParams(params),
  )
  const tensors = tensorsOfGrid(grid)
  const stitches = waves(tensors.stitches, 20)
  const layouts = [...tensors.models, tensors.stitches].map((own) => layoutOf(own))
  const engine = await openEngine({ engine: 'onnxruntime', device: 'cpu', threads: 1 })
  const compiled = await engine.compile(
    'grid',
    (inputs) => {
      const all = layouts.map((layout, i) => slices(layout, inputs[`theta${i}`] as tf.Tensor1D))
      const [students, layers] = [all.slice(0, -1), all.at(-1)!]
      const pixels = inputs['pixels'] as tf.Tensor4D
      const together = gridVit(students, layers, grid, grid.paths, pixels)
      const alone = grid.paths.map((path) => stitchedVit(students, layers, grid, path, pixels))
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
  const values = [...models.map((each) => each.values), stitches]
  const outputs = await compiled.run({
    ...Object.fromEntries(values.map((each, i) => [`theta${i}`, pack(layouts[i], each)])),
    pixels: Float32Array.from(IMAGES.flatMap((image) => [...image])),
  })
  await engine.release()
  return { grid, stitches, outputs }
}

type Ran = Awaited<ReturnType<typeof run>>

/** Both ways of computing a descendant against these parts, one after the other. */
const expectPath = ({ stitches, outputs }: Ran, id: number, parts: readonly ReferencePart[], norm = true): void => {
  const expected = IMAGES.flatMap((image) => [...referencePath(parts, stitches, image, norm)])
  expected.forEach((value, index) => {
    expect(outputs[`alone${id}`][index]).to.be.closeTo(value, 1e-5, `descendant ${id}`)
    expect(outputs[`together${id}`][index]).to.be.closeTo(value, 1e-5, `descendant ${id}, shared`)
  })
}

/** The descendant's parts from what the grid says of it in numbers; `pairs` as they are numbered. */
const partsOf = ({ grid }: Ran, id: number, models: readonly ReferenceModel[], pairs: readonly string[]) => {
  const { models: order, positions, layers } = grid.descendants[id]
  return order.map((index, at): ReferencePart => {
    const first = at === 0 ? 0 : positions[at - 1][1]
    const last = at === positions.length ? models[index].config.depth - 1 : positions[at][0]
    if (at === 0) return [models[index], first, last]
    return [models[index], first, last, `stitch.${pairs.indexOf(`${order[at - 1]}-${index}`)}.${layers[at - 1]}`]
  })
}

const idOf = ({ grid }: Ran, models: readonly number[], positions: readonly (readonly number[])[]): number =>
  grid.descendants.findIndex(
    (each) => JSON.stringify([each.models, each.positions]) === JSON.stringify([models, positions]),
  )

describe('stitched models', () => {
  for (const finalNorm of ['all', 'anchorsOnly', 'none'] as const satisfies readonly FinalNorm[]) {
    it(`every descendant agrees with double precision, alone and together, with finalNorm '${finalNorm}'`, async () => {
      const ran = await run([TINY, BASE], { finalNorm })
      expect(ran.grid.paths).to.have.length(2 + 7)
      for (const id of ran.grid.paths.keys()) {
        const norm = finalNorm === 'all' || (finalNorm === 'anchorsOnly' && id < 2)
        expectPath(ran, id, partsOf(ran, id, [TINY, BASE], ['0-1']), norm)
      }
    })
  }

  it('of three students run the middle one’s blocks between two stitches', async () => {
    const models = [TINY, MID, BASE]
    const ran = await run(models, { pairs: [[0, 1], [0, 2], [1, 2]], triples: true }) // prettier-ignore
    const id = idOf(ran, [0, 1, 2], [[0, 1], [1, 2]]) // prettier-ignore
    expectPath(ran, id, [
      [TINY, 0, 0],
      [MID, 1, 1, 'stitch.0.0'],
      [BASE, 2, 2, 'stitch.2.1'],
    ])
    for (const each of ran.grid.paths.keys()) expectPath(ran, each, partsOf(ran, each, models, ['0-1', '0-2', '1-2']))
  })

  it('of three neighbouring students reach the middle one’s head with all tokens or the cls token alone', async () => {
    const models = [TINY, MID, BASE]
    const ran = await run(models, { pairs: [[0, 1], [1, 2]] }) // prettier-ignore
    expect(ran.grid.paths).to.have.length(3 + 14)
    for (const each of ran.grid.paths.keys()) expectPath(ran, each, partsOf(ran, each, models, ['0-1', '1-2']))
  })

  it('come back to a student where the grid goes both ways', async () => {
    const models = [TINY, DEEP]
    const ran = await run(models, { twoWay: true })
    expect(ran.grid.paths).to.have.length(2 + 4 + 2)
    expectPath(ran, idOf(ran, [1, 0, 1], [[1, 1], [1, 4]]), [
      [DEEP, 0, 1],
      [TINY, 1, 1, 'stitch.1.0'],
      [DEEP, 4, 5, 'stitch.0.1'],
    ]) // prettier-ignore
    expectPath(ran, idOf(ran, [0, 1, 0], [[0, 2], [3, 2]]), [
      [TINY, 0, 0],
      [DEEP, 2, 3, 'stitch.0.0'],
      [TINY, 2, 2, 'stitch.1.1'],
    ]) // prettier-ignore
    for (const each of ran.grid.paths.keys()) expectPath(ran, each, partsOf(ran, each, models, ['0-1', '1-0']))
  })

  it('of unequal depths enter the deeper student at the first block of a stage', async () => {
    const models = [TINY, DEEP]
    const ran = await run(models, {})
    expectPath(ran, idOf(ran, [0, 1], [[2, 4]]), [
      [TINY, 0, 2],
      [DEEP, 4, 5, 'stitch.0.1'],
    ]) // prettier-ignore
    for (const each of ran.grid.paths.keys()) expectPath(ran, each, partsOf(ran, each, models, ['0-1']))
  })

  it('names say which blocks run', () => {
    const { paths } = poolGrid([TINY.config, DEEP.config], gridParams({ twoWay: true }))
    const names = paths.map((path) => descendantName(['tiny', 'base'], path))
    expect(names).to.deep.equal([
      'tiny',
      'base',
      'tiny[0..0]→base[2..5]',
      'tiny[0..1]→base[4..5]',
      'base[0..1]→tiny[1..2]',
      'base[0..3]→tiny[2..2]',
      'base[0..1]→tiny[1..1]→base[4..5]',
      'tiny[0..0]→base[2..3]→tiny[2..2]',
    ])
  })
})
