import { expect } from 'chai'
import * as Effect from 'effect/Effect'
import { readFileSync } from 'node:fs'
import type { StitchParams } from '../../src/dsl/nodes.js'
import type { InputArtifact } from '../../src/runtime/stage-contract.js'
import { openEngine } from '../../src/engine/choice/open.js'
import { openDataset } from '../../src/stages/data/dataset.js'
import { evaluate } from '../../src/stages/evaluate.js'
import { readSafetensors } from '../../src/stages/tensors/safetensors.js'
import { stitch } from '../../src/stages/stitch.js'
import { type DescendantScores, measureGrid } from '../../src/stages/stitching/descendant-scores.js'
import { openStitchedPool } from '../../src/stages/stitching/stitched-pool.js'
import {
  bytesIn,
  failModelStage,
  gridParams,
  ONNX,
  runModelStage,
  stitchParams,
  syntheticData,
  tinyConfig,
  trainParams,
} from './model-stage-runs.js'
import { tempFolder } from './temp-folder.js'
import { storedValues, wavePool, waveTeacher } from './wave-pool.js'

const STUDENTS = { tiny: tinyConfig(6), mid: tinyConfig(8), base: tinyConfig(10, 6) }
const NAMES = ['tiny', 'mid', 'base']
const TEACHER = 10
const NONE = trainParams({ epochs: 0 })

describe('the stage stitch', () => {
  const folder = tempFolder()
  const run = (changes: Partial<StitchParams>, { teacherWidth = TEACHER as number | null, out = 'stitch' } = {}) => {
    const inputs: Record<string, InputArtifact> = {
      data: syntheticData(folder.file('data')),
      pool: wavePool(folder.file('pool'), STUDENTS, teacherWidth),
      ...(teacherWidth !== null && { teacher: waveTeacher(folder.file('teacher'), tinyConfig(teacherWidth)) }),
    }
    return { params: stitchParams({ models: NAMES, ...changes }), inputs, outDir: folder.file(out) }
  }
  const stitches = (out = 'stitch') => readSafetensors(folder.file(`${out}/stitches.safetensors`)).tensors
  const nearest = gridParams({ pairs: [[0, 1], [1, 2]] }) // prettier-ignore

  it('stitches any number of students and says what one has to keep of them', async () => {
    const grid = { ...nearest, triples: true }
    const params = { grid, init: 'random', train: trainParams({ epochs: 1 }) } as const
    const artifact = await runModelStage(stitch, run(params))
    const { summary } = artifact
    const layers = 2 * ((6 + 1) * 8 + (8 + 1) * 10)
    const stored = Object.values(STUDENTS).reduce((sum, config) => sum + storedValues(config), layers)
    expect(summary).to.deep.include({ layers: 4, init: 'random', instances: 12, storedParams: stored })
    // 7 + 7 positions, and 3 · 7 triples of which the middle one runs at least a block.
    expect(summary['descendants']).to.be.greaterThan(3 + 14)
    expect(summary['finalLoss']).to.be.a('number')
    expect([...stitches()].map(([name, { shape }]) => `${name} ${shape}`)).to.deep.equal(
      [0, 1].flatMap((pair) =>
        [0, 1].flatMap((layer) => [
          `stitch.${pair}.${layer}.weight ${pair === 0 ? '8,6' : '10,8'}`,
          `stitch.${pair}.${layer}.bias ${pair === 0 ? 8 : 10}`,
        ]),
      ),
    )
    const opened = openStitchedPool(artifact)
    expect(opened.names).to.deep.equal(NAMES)
    expect(opened.grid.descendants).to.have.length(summary['descendants'] as number)
    expect(opened.groups).to.have.length(4)
  })

  it('composes a start from the matrices nearest to a layer, as the files hold them', async () => {
    await runModelStage(stitch, run({ grid: nearest, init: 'composed', matrices: 'nearest', train: NONE }))
    const matrices = (name: string) =>
      readSafetensors(folder.file(`pool/students/${name}/transforms.safetensors`)).tensors
    const [front, end] = [matrices('mid'), matrices('base')]
    // Layer 1 of three stages lies after about 2.2 of them: after the front's third block's and the end's fourth.
    const [p, q] = [1, 3]
    const [reverse, shift] = ['weight', 'bias'].map((part) => front.get(`reverse.${p}.${part}`)!.data)
    const [map, offset] = ['weight', 'bias'].map((part) => end.get(`map.${q}.${part}`)!.data)
    const [weight, bias] = ['weight', 'bias'].map((part) => stitches().get(`stitch.1.1.${part}`)!.data)
    for (const e of [0, 4, 9]) {
      let total = Number(offset[e])
      for (let t = 0; t < TEACHER; t++) total += Number(map[e * TEACHER + t]) * Number(shift[t])
      expect(bias[e]).to.be.closeTo(total, 1e-6)
      for (const f of [0, 7]) {
        let sum = 0
        for (let t = 0; t < TEACHER; t++) sum += Number(map[e * TEACHER + t]) * Number(reverse[t * 8 + f])
        expect(weight[e * 8 + f]).to.be.closeTo(sum, 1e-6)
      }
    }
  })

  it('goes both ways between anchors without matrices and teacher, and every descendant is measured', async () => {
    const params = { grid: gridParams({ pairs: [[1, 2]], twoWay: true }), init: 'leastSquares', loss: 'none' } as const
    const given = run({ ...params, train: trainParams({ epochs: 1 }) }, { teacherWidth: null })
    const tuned = await runModelStage(stitch, given)
    const scores = await runModelStage(evaluate, {
      params: { split: 'test' },
      inputs: { data: given.inputs['data'], stitch: tuned },
      outDir: folder.file('scores'),
    })
    const lines = readFileSync(scores.files['descendants.jsonl'], 'utf8').trim().split('\n')
    const descendants = lines.map((line) => JSON.parse(line) as DescendantScores)
    expect(descendants.map(({ models }) => models.join())).to.deep.equal([
      'tiny', 'mid', 'base', 'mid,base', 'mid,base', 'base,mid', 'base,mid', 'base,mid,base', 'mid,base,mid',
    ]) // prettier-ignore
    expect(descendants[7].positions).to.deep.equal([[1, 1], [1, 4]]) // prettier-ignore
    expect(scores.summary).to.include({ models: 9, smallest: 'tiny' })
  })

  it('with anchors asks for a start that needs no matrices, and with a taught loss for a teacher', async () => {
    const learned = await failModelStage(stitch, run({ init: 'learned', loss: 'none' }, { teacherWidth: null }))
    expect(learned.message).to.equal("init 'learned' starts from a teacher, but there is none")
    const soft = await failModelStage(stitch, run({ init: 'random' }, { teacherWidth: null }))
    expect(soft.message).to.equal("the loss 'soft' needs a teacher, but there is none")
  })

  it('tunes the stitches alone: every student keeps its bytes, every layer moves', async () => {
    const params = { grid: nearest, init: 'random', tuned: 'stitches', sampling: 'macs', macsGroups: 3 } as const
    await runModelStage(stitch, run({ ...params, train: NONE }, { out: 'before' }))
    await runModelStage(stitch, run({ ...params, train: trainParams({ epochs: 8 }) }, { out: 'after' }))
    const [before, after] = ['before', 'after'].map((name) => bytesIn(folder.file(name)))
    const students = Object.keys(before).filter((name) => name.startsWith('students/'))
    expect(students).to.have.length(6)
    for (const name of students) expect(after[name]).to.equal(before[name], name)
    for (const [name, { data }] of stitches('before')) {
      expect([...stitches('after').get(name)!.data], name).to.not.deep.equal([...data])
    }
  })

  it('has the same scores computed a few descendants at a time', async () => {
    const given = run({ grid: { ...nearest, triples: true }, init: 'random', train: NONE })
    const pool = openStitchedPool(await runModelStage(stitch, given))
    const split = openDataset(given.inputs['data']).split('test')
    const engine = await openEngine(ONNX)
    const reports: number[][] = []
    const measure = (limit?: number) =>
      Effect.runPromise(measureGrid(engine, pool, split, ({ step, steps }) => reports.push([step, steps]), limit))
    const [whole, parts] = [await measure(), await measure(20_000)]
    await engine.release()
    expect(Object.keys(parts)).to.have.length(pool.grid.descendants.length)
    for (const [id, { top1, loss }] of Object.entries(whole)) {
      expect(parts[id].top1).to.equal(top1)
      expect(parts[id].loss).to.be.closeTo(loss, 1e-6)
    }
    const own = reports.slice(2)
    expect(own.length).to.be.greaterThan(4)
    expect(own.map(([step]) => step)).to.deep.equal(own.map((_, index) => index + 1))
    expect(own.every(([, steps]) => steps === own.length)).to.equal(true)
  })
})
