import { expect } from 'chai'
import { linearTensors } from '../../../src/stages/tensors/named-tensors.js'
import { vitTensors } from '../../../src/stages/model/vit.js'
import { startLinears, startVit } from '../../../src/stages/model/weight-start.js'
import { tinyConfig } from '../model-stage-runs.js'

const CONFIG = tinyConfig(32, 2, 4)

const spread = (values: Float32Array): number => Math.sqrt(values.reduce((sum, x) => sum + x * x, 0) / values.length)
const largest = (values: Float32Array): number => values.reduce((most, x) => Math.max(most, Math.abs(x)), 0)

describe('weights start', () => {
  it('truncated normal: every matrix with its deviation, biases 0, norms 1 and 0', () => {
    const values = startVit(CONFIG, { type: 'truncatedNormal', std: 0.1 }, 1, 'teacher')
    for (const { name, shape } of vitTensors(CONFIG)) {
      const value = values[name]
      if (name === 'cls_token' || name === 'pos_embed') expect(spread(value)).to.be.within(0.01, 0.03)
      else if (shape.length > 1) expect(spread(value), name).to.be.within(0.07, 0.13)
      else expect([...new Set(value)], name).to.deep.equal([name.endsWith('.weight') ? 1 : 0])
    }
  })

  it('truncated normal never leaves ±2, however large its deviation', () => {
    const values = startVit(CONFIG, { type: 'truncatedNormal', std: 3 }, 1, 'teacher')
    expect(largest(values['blocks.0.mlp.fc1.weight'])).to.be.within(1.9, 2)
  })

  it('Xavier uniform: bounded by gain·√(6 / (in + out)), patch filters as the matrix they are', () => {
    const values = startVit(CONFIG, { type: 'xavierUniform', gain: 2 }, 1, 'teacher')
    const bounds = {
      'blocks.0.attn.qkv.weight': 96 + 32,
      'blocks.1.mlp.fc2.weight': 128 + 32,
      'patch_embed.proj.weight': 48,
    }
    for (const [name, fans] of Object.entries(bounds)) {
      const bound = 2 * Math.sqrt(6 / fans)
      expect(largest(values[name]), name).to.be.within(0.97 * bound, bound)
      expect(spread(values[name]), name).to.be.closeTo(bound / Math.sqrt(3), 0.1 * bound)
    }
  })

  it('one seed gives the same values; another seed, role or width gives others', () => {
    const start = { type: 'xavierUniform', gain: 1 } as const
    const first = (seed: number, role: string, width = 32) =>
      startVit(tinyConfig(width, 2, 4), start, seed, role)['blocks.0.mlp.fc1.weight'][0] * Math.sqrt(width)
    expect(first(1, 'student')).to.equal(first(1, 'student'))
    const all = [first(1, 'student'), first(2, 'student'), first(1, 'teacher'), first(1, 'student', 16)]
    expect(new Set(all).size).to.equal(4)
  })

  it('a Linear by itself: weight and bias within ±1/√in', () => {
    const values = startLinears(linearTensors('stitch.0', 64, 25), 1, 'stitch')
    expect(largest(values['stitch.0.weight'])).to.be.within(0.195, 0.2)
    expect(largest(values['stitch.0.bias'])).to.be.within(0.15, 0.2)
  })
})
