import { expect } from 'chai'
import { readFileSync } from 'node:fs'
import type { SingleParams } from '../../src/dsl/nodes.js'
import { evaluate } from '../../src/stages/evaluate.js'
import { readSafetensors } from '../../src/stages/tensors/safetensors.js'
import { single } from '../../src/stages/single.js'
import { bytesIn, gridParams, runModelStage, syntheticData, tinyConfig, trainParams } from './model-stage-runs.js'
import { tempFolder } from './temp-folder.js'
import { waveTeacher } from './wave-pool.js'

const singleParams = (changes: Partial<SingleParams> = {}): SingleParams => ({
  names: ['tiny', 'base'],
  models: [tinyConfig(8), tinyConfig(12, 3, 3)],
  grid: gridParams(),
  // tiny[0..1]→base[2..2]
  descendant: 6,
  loss: 'none',
  train: trainParams({ epochs: 3 }),
  weightStarts: [
    { type: 'xavierUniform', gain: 1 },
    { type: 'xavierUniform', gain: 1 },
  ],
  seed: 5,
  ...changes,
})

describe('the stage single', () => {
  const folder = tempFolder()
  const run = (out: string, changes: Partial<SingleParams> = {}, taught = false) =>
    runModelStage(single, {
      params: singleParams(changes),
      inputs: {
        data: syntheticData(folder.file('data'), 64, 30),
        ...(taught && { teacher: waveTeacher(folder.file('teacher'), tinyConfig(16)) }),
      },
      outDir: folder.file(out),
    })
  const names = (path: string) => [...readSafetensors(folder.file(path)).tensors.keys()]
  const line = (out: string) => JSON.parse(readFileSync(folder.file(`${out}/descendants.jsonl`), 'utf8')) as object

  it('trains one descendant, keeps what it runs and no more, and measures it', async () => {
    const { summary } = await run('single')
    expect(line('single')).to.deep.include({ id: 6, models: ['tiny', 'base'], positions: [[1, 2]], depth: 3 })
    expect(summary).to.include({ name: 'tiny[0..1]→base[2..2]' })
    const parts = (path: string) => [...new Set(names(path).map((name) => name.split('.').slice(0, 2).join('.')))]
    expect(parts('single/students/tiny/model.safetensors')).to.deep.equal([
      'cls_token', 'pos_embed', 'patch_embed.proj', 'blocks.0', 'blocks.1',
    ]) // prettier-ignore
    expect(names('single/students/base/model.safetensors').slice(-4)).to.deep.equal([
      'norm.weight', 'norm.bias', 'head.weight', 'head.bias',
    ]) // prettier-ignore
    expect(parts('single/students/base/model.safetensors')).to.include('blocks.2').and.not.include('blocks.1')
    expect(names('single/stitches.safetensors')).to.deep.equal(['stitch.0.1.weight', 'stitch.0.1.bias'])
    const history = readFileSync(folder.file('single/history.jsonl'), 'utf8').trim().split('\n')
    const losses = history.map((each) => (JSON.parse(each) as { loss: number }).loss)
    expect(losses).to.have.length(3)
    expect(losses[2]).to.be.lessThan(losses[0])
    expect(summary['finalLoss']).to.equal(losses[2])
  })

  it('leaves an artifact that evaluates to the very same line', async () => {
    for (const descendant of [6, 1]) {
      const made = await run(`single ${descendant}`, { descendant })
      await runModelStage(evaluate, {
        params: { split: 'test' },
        inputs: { data: syntheticData(folder.file('data'), 64, 30), stitch: made },
        outDir: folder.file(`again ${descendant}`),
      })
      expect(line(`again ${descendant}`)).to.deep.equal(line(`single ${descendant}`))
    }
    const files = Object.keys(bytesIn(folder.file('single 1')))
    expect(files).to.include('students/tiny/config.json').and.not.include('students/tiny/model.safetensors')
    expect(files).to.not.include('stitches.safetensors')
  })

  it('is the same for one seed and another for another, with and without a teacher', async () => {
    const bytes = async (out: string, changes: Partial<SingleParams>, taught = false) => {
      await run(out, { train: trainParams({ epochs: 1 }), ...changes }, taught)
      return bytesIn(folder.file(out))['students/base/model.safetensors']
    }
    const first = await bytes('a', {})
    expect(await bytes('b', {})).to.equal(first)
    const others = [
      await bytes('c', { seed: 6 }),
      await bytes('d', { loss: 'soft' }, true),
      await bytes('e', { loss: 'hard' }, true),
    ]
    expect(new Set([first, ...others]).size).to.equal(4)
  })
})
