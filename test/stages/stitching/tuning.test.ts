import { expect } from 'chai'
import type { GridParams } from '../../../src/dsl/nodes.js'
import type { VitConfig } from '../../../src/dsl/vit-config.js'
import { openEngine } from '../../../src/engine/choice/open.js'
import type { Engine } from '../../../src/engine/engine.js'
import { poolGrid, type PoolGrid, tensorsOfGrid } from '../../../src/stages/stitching/grid.js'
import { hardLabels, poolComponents, tuningStep } from '../../../src/stages/stitching/tuning.js'
import { compileStep } from '../../../src/stages/training/open-steps.js'
import { gridParams, stitchParams, tinyConfig, trainParams } from '../model-stage-runs.js'
import { waveImage, waveModel, waves } from '../reference-vit.js'

const TINY = tinyConfig(8)

const BASE = tinyConfig(12, 3, 3)

const gridOf = (configs: readonly VitConfig[], params: Partial<GridParams> = {}) =>
  poolGrid(configs, gridParams(params))

const GRID = gridOf([TINY, BASE])

const freshComponents = (grid: PoolGrid = GRID) =>
  poolComponents(
    grid.configs.map((config, i) => waveModel(config, i)),
    grid,
    waves(tensorsOfGrid(grid).stitches, 5),
    trainParams(),
  )

const BATCH = {
  pixels: Float32Array.from([0, 1].flatMap((phase) => [...waveImage(TINY, phase)])),
  labels: Float32Array.of(1, 0, 0, 0, 0, 1),
  'teacher.logits': Float32Array.of(2, 1, -1, 0, 0.5, 3),
}

const PARAMS = stitchParams({ train: trainParams({ batchSize: 2 }) })

const hex = (values: Float32Array): string =>
  Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('hex')

const blocks = (model: number, first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_, i) => `model.${model}/blocks.${first + i}`)

/** docs/method.md, section 5, written down for each model of a pair of three blocks: which parts a step may change. */
const allowed = (models: readonly number[], positions: readonly (readonly number[])[], layers: readonly number[]) => {
  const last = models.at(-1)!
  const front = positions.length === 0 ? 2 : positions[0][0]
  return [
    `model.${models[0]}/embed`,
    ...blocks(models[0], 0, front),
    ...(positions.length === 0 ? [] : [`stitch.0.${layers[0]}`, ...blocks(last, positions[0][1], 2)]),
    `model.${last}/norm`,
    `model.${last}/head`,
  ]
}

describe('a tuning step', () => {
  let engine: Engine
  before(async () => {
    engine = await openEngine({ engine: 'onnxruntime', device: 'cpu', threads: 1 })
  })
  after(() => engine.release())

  /** Takes one step on the descendant: every tensor of `may` moves, and no byte of any other. */
  const expectChanges = async (grid: PoolGrid, id: number, may: readonly string[], params = PARAMS): Promise<void> => {
    const components = freshComponents(grid)
    const before = new Map(components.map(({ name, theta, m, v }) => [name, [theta, m, v].map(hex)]))
    expect([...before.keys()]).to.include.members([...may])
    const definition = tuningStep('tune', components, grid, grid.paths[id], params)
    const step = await compileStep(engine, definition, params.train)
    const { parts, commit } = await step.run(1e-2, BATCH)
    await commit()
    expect(parts.every(Number.isFinite)).to.equal(true)
    for (const component of components) {
      const now = [component.theta, component.m, component.v].map(hex)
      expect(component.updates).to.equal(may.includes(component.name) ? 1 : 0, component.name)
      if (!may.includes(component.name)) {
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
  }

  for (const [id, { models, positions, layers }] of GRID.descendants.entries()) {
    const name = positions.length === 0 ? `student ${models[0]} alone` : `(${positions[0].join(', ')})`
    it(`on ${name} changes every tensor on its path and no byte of any other`, () =>
      expectChanges(GRID, id, allowed(models, positions, layers)))
  }

  it('on three students changes the middle one’s blocks between the stitches, not its embedding or head', () => {
    const pairs = [[0, 1], [0, 2], [1, 2]] as const // prettier-ignore
    const grid = gridOf([TINY, tinyConfig(10), BASE], { pairs, triples: true })
    const id = grid.descendants.findIndex(
      (each) => each.models.length === 3 && String(each.positions) === String([[0, 1], [1, 1]]), // prettier-ignore
    )
    const last = [...blocks(2, 1, 2), 'model.2/norm', 'model.2/head']
    return expectChanges(grid, id, [
      'model.0/embed', 'model.0/blocks.0', 'stitch.0.0', 'model.1/blocks.1', 'stitch.2.0', ...last,
    ]) // prettier-ignore
  })

  it('on a way there and back changes both ends of the student that it comes back to', () => {
    const grid = gridOf([TINY, tinyConfig(12, 6, 3)], { twoWay: true })
    const id = grid.descendants.findIndex(({ models }) => String(models) === '1,0,1')
    const ends = ['model.1/embed', ...blocks(1, 0, 1), ...blocks(1, 4, 5), 'model.1/norm', 'model.1/head']
    return expectChanges(grid, id, [...ends, 'stitch.1.0', 'model.0/blocks.1', 'stitch.0.1'])
  })

  it('of stitches alone leaves every block as it is', async () => {
    const params = { ...PARAMS, tuned: 'stitches' as const }
    await expectChanges(GRID, 5, [`stitch.0.${GRID.descendants[5].layers[0]}`], params)
  })

  it('leaves branches out with drop path: with other factors, another loss', async () => {
    const params = { ...PARAMS, train: trainParams({ batchSize: 2, dropPath: 0.5 }) }
    const components = freshComponents()
    const step = await compileStep(engine, tuningStep('tune', components, GRID, GRID.paths[5], params), params.train)
    const lossWith = async (front: number, end: number): Promise<number> => {
      const keeps = { 'keep.model.0': new Float32Array(12).fill(front), 'keep.model.1': new Float32Array(12).fill(end) }
      return (await step.run(0, { ...BATCH, ...keeps })).parts[0]
    }
    const plain = await compileStep(engine, tuningStep('tune', components, GRID, GRID.paths[5], PARAMS), params.train)
    expect(await lossWith(1, 1)).to.be.closeTo((await plain.run(0, BATCH)).parts[0], 1e-6)
    expect(new Set([await lossWith(1, 1), await lossWith(0, 1), await lossWith(1, 0)]).size).to.equal(3)
  })

  it('does not train a norm that is not run', () => {
    const grid = gridOf([TINY, BASE], { finalNorm: 'anchorsOnly' })
    const params = { ...PARAMS, loss: 'none' as const }
    const names = (id: number) =>
      tuningStep('tune', freshComponents(), grid, grid.paths[id], params).trained.map(({ name }) => name)
    expect(names(0)).to.include('model.0/norm')
    expect(names(5)).to.include('model.1/head').and.not.include('model.1/norm')
  })

  it('an uncommitted step changes nothing', async () => {
    const components = freshComponents()
    const state = () => components.map(({ theta, m, v, updates }) => [hex(theta), hex(m), hex(v), updates])
    const before = state()
    const definition = tuningStep('tune', components, GRID, GRID.paths[4], PARAMS)
    const step = await compileStep(engine, definition, trainParams())
    await step.run(1e-2, BATCH)
    expect(state()).to.deep.equal(before)
  })

  it("hard labels are the teacher's likeliest classes, the first of equal ones", () => {
    const { 'teacher.labels': labels } = hardLabels(Float32Array.of(1, 3, 2, 5, 5, 0), 3)
    expect([...labels]).to.deep.equal([0, 1, 0, 1, 0, 0])
  })
})
