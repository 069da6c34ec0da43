import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import type { VitConfig } from '../../src/dsl/vit-config.js'
import type { InputArtifact } from '../../src/runtime/stage-contract.js'
import { pool } from '../../src/stages/pool.js'
import { writeSafetensors } from '../../src/stages/tensors/safetensors.js'
import { failStage, runStage } from './stage-runs.js'
import { tempFolder } from './temp-folder.js'

const tiny: VitConfig = {
  imageSize: 28,
  patchSize: 7,
  channels: 1,
  numClasses: 10,
  embedDim: 24,
  depth: 6,
  numHeads: 3,
  mlpRatio: 4,
  layerNormEps: 1e-6,
}
const base: VitConfig = { ...tiny, embedDim: 48, depth: 9 }

const FILES = ['model.safetensors', 'config.json', 'transforms.safetensors']

describe('the pool stage', () => {
  const folder = tempFolder()

  /** A distilled student's artifact; the weights themselves do not matter to a pool. */
  const student = (name: string, config: VitConfig, weights: number): InputArtifact => {
    const dir = folder.file(name)
    mkdirSync(dir)
    writeSafetensors(join(dir, 'model.safetensors'), {
      'norm.weight': { shape: [2, weights], data: new Float32Array(2 * weights).fill(weights) },
      'head.bias': { shape: [3], data: Float32Array.of(1, 2, 3) },
    })
    writeFileSync(join(dir, 'config.json'), JSON.stringify({ ...config, more: 'is allowed' }))
    writeSafetensors(join(dir, 'transforms.safetensors'), { m: { shape: [1], data: Float32Array.of(weights) } })
    return { files: Object.fromEntries(FILES.map((file) => [file, join(dir, file)])), summary: {} }
  }
  const given = (inputs: Record<string, InputArtifact>, students = Object.keys(inputs)) => {
    mkdirSync(folder.file('out'))
    return { params: { students }, inputs, outDir: folder.file('out') }
  }

  it('counts every block as an instance and lists the students in the order asked for', async () => {
    const inputs = { base: student('base', base, 20), tiny: student('tiny', tiny, 10) }
    const summary = await runStage(pool, given(inputs, ['tiny', 'base']))
    expect(summary).to.deep.equal({ instances: 15, students: 2, params: 23 + 43 })
    expect(JSON.parse(readFileSync(folder.file('out/pool.json'), 'utf8'))).to.deep.equal({
      students: [
        { name: 'tiny', embedDim: 24, depth: 6, numHeads: 3, instances: 6, params: 23 },
        { name: 'base', embedDim: 48, depth: 9, numHeads: 3, instances: 9, params: 43 },
      ],
      instances: 15,
    })
  })

  it('holds every file of every student, byte for byte', async () => {
    const inputs = { tiny: student('tiny', tiny, 10), base: student('base', base, 20) }
    await runStage(pool, given(inputs))
    for (const name of ['tiny', 'base']) {
      for (const file of FILES) {
        const copy = readFileSync(folder.file(`out/students/${name}/${file}`))
        expect(copy.equals(readFileSync(folder.file(`${name}/${file}`))), `${name}/${file}`).to.equal(true)
      }
    }
  })

  it('refuses students that differ in patches, images or classes, naming both, and writes nothing', async () => {
    const others = { patchSize: 14, imageSize: 14, channels: 3, numClasses: 47 }
    const first = student('tiny', tiny, 10)
    for (const [key, value] of Object.entries(others)) {
      const error = await failStage(pool, {
        params: { students: ['tiny', 'base'] },
        inputs: { tiny: first, base: student(`base-${key}`, { ...base, [key]: value }, 20) },
        outDir: folder.file('out'),
      })
      expect(error.message).to.equal(
        `students of one pool must agree on ${key}: tiny has ${tiny[key as keyof VitConfig]}, base has ${value}`,
      )
    }
    expect(existsSync(folder.file('out'))).to.equal(false)
  })

  it('names the student and the file that is missing', async () => {
    const { files, summary } = student('tiny', tiny, 10)
    const { 'config.json': _, ...rest } = files
    const error = await failStage(pool, given({ tiny: { files: rest, summary } }))
    expect(error.message).to.equal('the student tiny has no config.json')
  })

  it('takes an anchor, which brings no matrices', async () => {
    const { files, summary } = student('tiny', tiny, 10)
    const { 'transforms.safetensors': _, ...rest } = files
    await runStage(pool, given({ tiny: { files: rest, summary } }))
    expect(readdirSync(folder.file('out/students/tiny')).sort()).to.deep.equal(['config.json', 'model.safetensors'])
  })

  it('refuses a configuration that lacks a figure', async () => {
    const input = student('tiny', tiny, 10)
    const { depth: _, ...shallow } = tiny
    writeFileSync(input.files['config.json'], JSON.stringify(shallow))
    expect((await failStage(pool, given({ tiny: input }))).message).to.contain('depth')
  })
})
