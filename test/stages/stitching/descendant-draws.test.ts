import { expect } from 'chai'
import * as Effect from 'effect/Effect'
import * as tf from '@tensorflow/tfjs-core'
import { openEngine } from '../../../src/engine/choice/open.js'
import { linearTensors } from '../../../src/stages/tensors/named-tensors.js'
import { newComponent } from '../../../src/stages/training/component.js'
import { runTraining } from '../../../src/stages/training/training.js'
import { descendantDraws } from '../../../src/stages/stitching/tuning.js'
import { poolGrid } from '../../../src/stages/stitching/grid.js'
import { gridParams, ONNX, tinyConfig, trainParams } from '../model-stage-runs.js'
import { tempFolder } from '../temp-folder.js'

const grid = poolGrid([tinyConfig(8, 6), tinyConfig(12, 6, 3)], gridParams())
const draws = (changes: Partial<Parameters<typeof descendantDraws>[1]> = {}) =>
  descendantDraws(grid, { tuned: 'all', sampling: 'uniform', macsGroups: 1, ...changes })

/** How often 600 steps of a training draw each of these, counted by what each alone updates. */
const countDraws = async (checkpointDir: string, { drawn, groups }: ReturnType<typeof draws>) => {
  const tensors = linearTensors('layer', 1, 1)
  const start = { 'layer.weight': Float32Array.of(1), 'layer.bias': Float32Array.of(0) }
  const components = drawn.map((id) => newComponent(`${id}`, 'model', tensors, start))
  const engine = await openEngine(ONNX)
  const training = runTraining({ checkpointDir, progress: () => {} }, engine, {
    phase: 'tune',
    train: trainParams({ epochs: 1, batchSize: 2 }),
    seed: 3,
    images: 1200,
    components,
    steps: components.map((component) => ({
      label: 'count',
      trained: [component],
      frozen: [],
      inputs: { x: { shape: [2, 1], dtype: 'float32' } },
      weights: { square: 1 },
      loss: ({ model }, { x }) => ({
        square: tf.mean(tf.square(tf.add(tf.mul(x, tf.reshape(model['layer.weight'], [1, 1])), model['layer.bias']))),
      }),
    })),
    ...(groups && { groups }),
    batch: async () => ({ x: Float32Array.of(1, 2) }),
  })
  await Effect.runPromise(training)
  await engine.release()
  return components.map(({ updates }) => updates)
}

describe('draws of descendants', () => {
  const folder = tempFolder()

  it('by MACs take each interval equally often, and each of its descendants as often as another', async () => {
    const byMacs = draws({ sampling: 'macs', macsGroups: 3 })
    const counts = await countDraws(folder.file('macs'), byMacs)
    const groups = byMacs.groups!
    expect(groups.map(({ length }) => length)).to.not.deep.equal([6, 6, 6])
    for (const group of groups) {
      const total = group.reduce((sum, index) => sum + counts[index], 0)
      // Four standard deviations of a third of 600 draws.
      expect(total).to.be.within(200 - 46, 200 + 46)
      for (const index of group) expect(counts[index]).to.be.within(0, (3 * 200) / group.length + 12)
    }
    const uniform = await countDraws(folder.file('uniform'), draws())
    expect(uniform.reduce((sum, count) => sum + count)).to.equal(600)
    for (const count of uniform) expect(count).to.be.within(33 - 23, 33 + 23)
  })

  it('are of all of them in one group by default', () => {
    expect(draws()).to.deep.equal({ drawn: Array.from({ length: 18 }, (_, id) => id), groups: undefined })
  })

  it('leave single students out where stitches alone are tuned', () => {
    expect(draws({ tuned: 'stitches' }).drawn).to.deep.equal(Array.from({ length: 16 }, (_, id) => id + 2))
  })

  it('by MACs come from intervals of equal width, every descendant in its own', () => {
    const { drawn, groups } = draws({ sampling: 'macs', macsGroups: 4 })
    const macs = grid.descendants.map((each) => each.macs)
    const [least, most] = [Math.min(...macs), Math.max(...macs)]
    expect(groups!.flat().sort((a, b) => a - b)).to.deep.equal(drawn)
    expect(groups).to.have.length(4)
    groups!.forEach((group, interval) => {
      for (const index of group) {
        expect(macs[index]).to.be.at.least(least + ((most - least) * interval) / 4)
        expect(macs[index]).to.be.at.most(least + ((most - least) * (interval + 1)) / 4)
      }
    })
  })

  it('leave out intervals that no descendant is in, and have one where all cost the same', () => {
    const many = draws({ sampling: 'macs', macsGroups: 1000 }).groups!
    expect(many.every(({ length }) => length > 0)).to.equal(true)
    expect(many.flat()).to.have.length(18)
    const alike = grid.descendants.slice(2, 4).map((each) => ({ ...each, macs: 7 }))
    const params = { tuned: 'all', sampling: 'macs', macsGroups: 5 } as const
    expect(descendantDraws({ descendants: alike }, params).groups).to.deep.equal([[0, 1]])
  })

  it('by MACs of stitches alone are grouped among those that are drawn', () => {
    const { drawn, groups } = draws({ tuned: 'stitches', sampling: 'macs', macsGroups: 3 })
    expect(groups!.flat().sort((a, b) => a - b)).to.deep.equal([...drawn.keys()])
  })
})
