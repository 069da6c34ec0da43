import { expect } from 'chai'
import { openEngine } from '../../../src/engine/open.js'
import type { Engine } from '../../../src/engine/engine.js'
import { poolGrid } from '../../../src/stages/stitching/pool-grid.js'
import { stitchTensors } from '../../../src/stages/stitching/stitched-vit.js'
import { compileStep } from '../../../src/stages/training/train-step.js'
import { hardLabels, poolComponents, tuningStep } from '../../../src/stages/training/tuning.js'
import { stitchParams, tinyConfig, trainParams } from '../model-stage-runs.js'
import { waveImage, waveModel, waves } from '../reference-vit.js'

const CONFIGS = [tinyConfig(8), tinyConfig(12, 3, 3)] as const
const GRID = poolGrid(CONFIGS, stitchParams().grid)

const freshComponents = () => {
  const stitches = Array.from({ length: GRID.layers }, (_, i) => stitchTensors(i, ...CONFIGS)).flat()
  const models = CONFIGS.map((config, i) => ({ config, values: waveModel(config, i) }))
  return poolComponents(models, GRID.layers, waves(stitches, 5))
}

const BATCH = {
  pixels: Float32Array.from([0, 1].flatMap((phase) => [...waveImage(CONFIGS[0], phase)])),
  labels: Float32Array.of(1, 0, 0, 0, 0, 1),
  'teacher.logits': Float32Array.of(2, 1, -1, 0, 0.5, 3),
}

const hex = (values: Float32Array): string =>
  Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('hex')

/** docs/method.md, section 5, written down for each model of the pair: which parts a step may change. */
const allowed = (
  front: number | null,
  end: number | null,
  layer: number | null,
  single: number | null,
): Set<string> => {
  const blocks = (model: string, first: number, last: number) =>
    Array.from({ length: last - first + 1 }, (_, i) => `${model}/blocks.${first + i}`)
  if (single !== null) {
    const model = ['from', 'to'][single]
    return new Set([`${model}/embed`, ...blocks(model, 0, 2), `${model}/norm`, `${model}/head`])
  }
  return new Set([
    'from/embed',
    ...blocks('from', 0, front ?? 0),
    `stitch/${layer}`,
    ...blocks('to', end ?? 0, 2),
    'to/norm',
    'to/head',
  ])
}

describe('a tuning step', () => {
  let engine: Engine
  before(async () => {
    engine = await openEngine({ engine: 'onnxruntime', device: 'cpu', threads: 1 })
  })
  after(() => engine.release())

  for (const [id, { models, positions, layers }] of GRID.descendants.entries()) {
    const [front, end] = positions[0] ?? [null, null]
    const name = front === null ? `student ${models[0]} alone` : `(${front}, ${end})`
    it(`on ${name} changes every tensor on its path and no byte of any other`, async () => {
      const components = freshComponents()
      const before = new Map(components.map(({ name, theta, m, v }) => [name, [theta, m, v].map(hex)]))
      const definition = tuningStep('tune', components, GRID, GRID.paths[id], 'soft', 2)
      const step = await compileStep(engine, definition, trainParams())
      const { parts, commit } = await step.run(1e-2, BATCH)
      await commit()
      expect(parts.every(Number.isFinite)).to.equal(true)
      const may = allowed(front, end, layers[0] ?? null, front === null ? models[0] : null)
      for (const component of components) {
        const now = [component.theta, component.m, component.v].map(hex)
        expect(component.updates).to.equal(may.has(component.name) ? 1 : 0, component.name)
        if (!may.has(component.name)) {
          expect(now).to.deep.equal(before.get(component.name), component.name)
          continue
        }
        for (const { name, offset, size } of component.layout.slots) {
          const m = component.m.subarray(offset, offset + size)
          expect(
            m.some((value) => value !== 0),
            `${component.name} ${name}`,
          ).to.equal(true)
        }
      }
    })
  }

  it('does not train a norm that is not run', () => {
    const grid = poolGrid(CONFIGS, { ...stitchParams().grid, finalNorm: 'anchorsOnly' })
    const names = (id: number) =>
      tuningStep('tune', freshComponents(), grid, grid.paths[id], 'none', 2).trained.map(({ name }) => name)
    expect(names(0)).to.include('from/norm')
    expect(names(5)).to.include('to/head').and.not.include('to/norm')
  })

  it('an uncommitted step changes nothing', async () => {
    const components = freshComponents()
    const before = components.map(({ theta, m, v, updates }) => [hex(theta), hex(m), hex(v), updates])
    const step = await compileStep(
      engine,
      tuningStep('tune', components, GRID, GRID.paths[4], 'soft', 2),
      trainParams(),
    )
    await step.run(1e-2, BATCH)
    expect(components.map(({ theta, m, v, updates }) => [hex(theta), hex(m), hex(v), updates])).to.deep.equal(before)
  })

  it("hard labels are the teacher's likeliest classes, the first of equal ones", () => {
    const { 'teacher.labels': labels } = hardLabels(Float32Array.of(1, 3, 2, 5, 5, 0), 3)
    expect([...labels]).to.deep.equal([0, 1, 0, 1, 0, 0])
  })
})
