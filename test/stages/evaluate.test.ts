import { expect } from 'chai'
import { readFileSync } from 'node:fs'
import { distill } from '../../src/stages/distill.js'
import { openDataset } from '../../src/stages/data/dataset.js'
import { evaluate } from '../../src/stages/evaluate.js'
import { loadOnEngine } from '../../src/stages/load-model.js'
import { readModel } from '../../src/stages/model/model-files.js'
import { pool } from '../../src/stages/pool.js'
import type { DescendantScores } from '../../src/stages/stitching/descendant-scores.js'
import { readGridFile } from '../../src/stages/stitching/stitched-pool.js'
import { readSafetensors } from '../../src/stages/tensors/safetensors.js'
import { stitch } from '../../src/stages/stitch.js'
import { teacher } from '../../src/stages/teacher.js'
import type { StitchParams } from '../../src/dsl/nodes.js'
import type { InputArtifact } from '../../src/runtime/stage-contract.js'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  bytesIn,
  distillParams,
  runModelStage,
  stitchParams,
  syntheticData,
  teacherParams,
  tinyConfig,
  trainParams,
} from './model-stage-runs.js'
import { referenceStitched, referenceVit } from './reference-vit.js'

/** Scores of logits in double precision, by sorting: another way than the stage's. */
const judge = (rows: readonly (readonly number[])[], labels: Int32Array) => {
  const sums = rows.map((row, i) => {
    const order = row.map((_, c) => c).sort((a, b) => row[b] - row[a])
    const normaliser = Math.log(row.reduce((sum, x) => sum + Math.exp(x), 0))
    return { right: order[0] === labels[i] ? 1 : 0, loss: normaliser - row[labels[i]] }
  })
  const mean = (value: (sum: (typeof sums)[number]) => number) =>
    sums.reduce((total, sum) => total + value(sum), 0) / rows.length
  return { top1: mean(({ right }) => right), loss: mean(({ loss }) => loss) }
}

describe('the stages from teacher to evaluation', () => {
  const root = mkdtempSync(join(tmpdir(), 'genepool-'))
  after(() => rmSync(root, { recursive: true }))
  const at = (name: string): string => join(root, name)
  let inputs: { data: InputArtifact; teacher: InputArtifact; pool: InputArtifact }
  before(async () => {
    const data = syntheticData(at('data'), 64, 37)
    const train = trainParams({ epochs: 3 })
    const taught = await runModelStage(teacher, {
      params: teacherParams({ train }),
      inputs: { data },
      outDir: at('teacher'),
    })
    const student = (embedDim: number, name: string) =>
      runModelStage(distill, {
        params: distillParams({ model: tinyConfig(embedDim), train }),
        inputs: { data, teacher: taught },
        outDir: at(name),
      })
    const [tiny, base] = [await student(8, 'tiny'), await student(16, 'base')]
    const students = await runModelStage(pool, {
      params: { students: ['tiny', 'base'] },
      inputs: { tiny, base },
      outDir: at('pool'),
    })
    inputs = { data, teacher: taught, pool: students }
  })

  const stitched = (name: string, changes: Partial<StitchParams>) =>
    runModelStage(stitch, { params: stitchParams(changes), inputs, outDir: at(name) })

  it("a student's artifact holds the student, its matrices and what was compared", () => {
    const config = JSON.parse(readFileSync(at('tiny/config.json'), 'utf8')) as Record<string, unknown>
    expect(config).to.include({ role: 'student', embedDim: 8, numHeads: 2 })
    expect(config['positions']).to.deep.equal([0, 1, 2])
    expect(config['mean']).to.deep.equal([0.33])
    const { tensors } = readSafetensors(at('tiny/transforms.safetensors'))
    const shapes = [...tensors].map(([name, { shape }]) => `${name} ${shape.join('x')}`)
    const expected = ['att', 'map'].flatMap((feature) =>
      [0, 1, 2].flatMap((p) => [`${feature}.${p}.weight 8x16`, `${feature}.${p}.bias 8`]),
    )
    expect(shapes).to.have.members(expected)
    const lines = readFileSync(at('tiny/history.jsonl'), 'utf8').trim().split('\n')
    expect(Object.keys(JSON.parse(lines[0]) as object)).to.deep.equal([
      'epoch',
      'loss',
      'ce',
      'soft',
      'rep',
      'att',
      'lr',
    ])
  })

  it("without an epoch a stitched pool is the students' bytes and the start", async () => {
    for (const init of ['learned', 'leastSquares', 'random'] as const) {
      await stitched(init, { init, train: trainParams({ epochs: 0 }) })
      const [before, after] = [bytesIn(at('pool')), bytesIn(at(init))]
      for (const file of ['students/tiny/model.safetensors', 'students/base/model.safetensors']) {
        expect(after[file]).to.equal(before[file])
      }
      expect(after['history.jsonl']).to.equal('')
      const { tensors } = readSafetensors(join(at(init), 'stitches.safetensors'))
      expect([...tensors.keys()]).to.deep.equal([0, 1].flatMap((i) => [`stitch.0.${i}.weight`, `stitch.0.${i}.bias`]))
      expect(tensors.get('stitch.0.0.weight')?.shape).to.deep.equal([16, 8])
    }
    const maps = readSafetensors(at('tiny/transforms.safetensors')).tensors
    const learned = readSafetensors(at('learned/stitches.safetensors')).tensors.get('stitch.0.1.weight')
    const mean = [0, 1, 2].reduce((sum, p) => sum + Number(maps.get(`map.${p}.weight`)?.data[5 * 16 + 9]) / 3, 0)
    expect(learned?.data[9 * 8 + 5]).to.be.closeTo(mean, 1e-7)
  })

  it('every descendant has the scores of a direct forward pass in double precision', async () => {
    const tuned = await stitched('tuned', {})
    const measured = await runModelStage(evaluate, {
      params: { split: 'test' },
      inputs: { data: inputs.data, stitch: tuned },
      outDir: at('measured'),
    })
    const lines = readFileSync(measured.files['descendants.jsonl'], 'utf8').trim().split('\n')
    const descendants = lines.map((line) => JSON.parse(line) as DescendantScores)
    expect(descendants.map(({ id }) => id)).to.deep.equal([0, 1, 2, 3, 4, 5, 6, 7, 8])

    const split = openDataset(inputs.data).split('test')
    const pixels = new Float32Array(split.count * 64)
    const labels = new Int32Array(split.count)
    split.gather(
      labels.map((_, i) => i),
      pixels,
      labels,
    )
    const open = (name: string) =>
      readModel(at(`tuned/students/${name}/model.safetensors`), at(`tuned/students/${name}/config.json`))
    const models = { tiny: open('tiny'), base: open('base') }
    const file = readSafetensors(at('tuned/stitches.safetensors')).tensors
    const stitches = Object.fromEntries([...file].map(([name, { data }]) => [name, data as Float32Array]))
    const [{ positions: served }] = readGridFile(at('tuned/grid.json')).stitches
    for (const { name, models: order, positions, depth, top1, top5, loss } of descendants) {
      const [position] = positions
      const rows = Array.from(labels, (_, i) => {
        const image = pixels.subarray(i * 64, (i + 1) * 64)
        if (position === undefined) {
          const { config, values } = models[order[0] as 'tiny']
          return referenceVit(config, values, image).logits
        }
        const [front, end] = position
        const { layer } = served.find((each) => each.front === front && each.end === end)!
        return referenceStitched(models.tiny, models.base, stitches, { front, end, layer }, image)
      })
      const expected = judge(rows, labels)
      expect(top1, name).to.equal(expected.top1)
      expect(loss, name).to.be.closeTo(expected.loss, 1e-5)
      expect(top5, name).to.equal(null)
      expect(depth, name).to.equal(position === undefined ? 3 : position[0] + 1 + 3 - position[1])
    }
    const keys = [
      'id',
      'name',
      'models',
      'positions',
      'depth',
      'params',
      'paramsStored',
      'macs',
      'top1',
      'top5',
      'loss',
    ]
    for (const line of descendants) expect(Object.keys(line)).to.deep.equal(keys)
    expect(descendants[2]).to.deep.include({
      name: 'tiny[0..0]→base[0..2]',
      models: ['tiny', 'base'],
      positions: [[0, 0]],
    })
    expect(descendants[1]).to.deep.include({ name: 'base', models: ['base'], positions: [] })

    const mean = (of: readonly DescendantScores[]) => of.reduce((sum, { top1 }) => sum + top1, 0) / of.length
    const best = descendants.reduce((a, b) => (b.top1 > a.top1 ? b : a))
    expect(measured.summary).to.deep.equal({
      models: 9,
      best: best.name,
      bestTop1: best.top1,
      meanTop1: mean(descendants),
      stitchedMeanTop1: mean(descendants.slice(2)),
      worstTop1: Math.min(...descendants.map(({ top1 }) => top1)),
      smallest: 'tiny',
      smallestParams: descendants[0].params,
      smallestTop1: descendants[0].top1,
    })
  })

  it('hard and no distillation tune as well, and differently', async () => {
    const bytes = await Promise.all(
      (['soft', 'hard', 'none'] as const).map(async (loss) => {
        await stitched(`tuned-${loss}`, { loss, train: trainParams({ epochs: 1 }) })
        return bytesIn(at(`tuned-${loss}`))['stitches.safetensors']
      }),
    )
    expect(new Set(bytes).size).to.equal(3)
  })

  it("a stage's artifact loads and answers any number of images as its summary says", async () => {
    const model = await loadOnEngine(at('teacher'), { batchSize: 8 })
    const split = openDataset(inputs.data).split('test')
    const labels = new Int32Array(split.count)
    const pixels = new Float32Array(split.count * 64)
    split.gather(
      labels.map((_, i) => i),
      pixels,
      labels,
    )
    const logits = await model.logits(pixels)
    const rows = Array.from(labels, (_, i) => [...logits.subarray(3 * i, 3 * i + 3)])
    expect(judge(rows, labels).top1).to.equal(inputs.teacher.summary['top1'])
    const alone = await model.logits(pixels.subarray(64, 128))
    alone.forEach((value, c) => expect(value).to.be.closeTo(rows[1][c], 1e-5))
    await model.release()
  })
})
