import { expect } from 'chai'
import { mnist } from '../../src/dsl/data.js'
import type { StageNode } from '../../src/dsl/nodes.js'
import { pipeline } from '../../src/dsl/pipeline.js'
import { vit } from '../../src/dsl/vit.js'
import { gpuMemory } from '../../src/stages/gpu-memory.js'

const stagesOf = (batchSize: number, embedDim = 192): ReadonlyMap<string, StageNode> => {
  const node = pipeline('p')
    .data(mnist())
    .teacher(vit({ embedDim, depth: 12, numHeads: 3, patchSize: 7 }), { epochs: 1, batchSize })
    .distill(
      { tiny: { embedDim: 24, depth: 6, numHeads: 3 }, base: { embedDim: 48, depth: 6, numHeads: 3 } },
      { epochs: 1, batchSize },
    )
    .pool()
    .stitch({ from: 'tiny', to: 'base' }, { epochs: 1, batchSize })
    .latency()
    .evaluate()
  return new Map(node.stages.map((stage) => [stage.name, stage]))
}
const bytes = (stages: ReadonlyMap<string, StageNode>, name: string): number => gpuMemory(stages.get(name)!)!

describe('the estimate of GPU memory', () => {
  it('is there for every stage that computes with models, and for no other', () => {
    const stages = stagesOf(64)
    expect(gpuMemory(stages.get('data')!)).to.equal(undefined)
    for (const name of ['teacher', 'distill/tiny', 'distill/base', 'stitch', 'latency', 'evaluate']) {
      expect(bytes(stages, name), name).to.be.above(600 * 2 ** 20)
    }
  })

  it('counts what an update keeps of each parameter, and what each image of a batch leaves', () => {
    // 5.34 million parameters; 17 tokens of 18·192 values and 2·3·17 scores, in 12 blocks, twice.
    const parameters = 12 * (12 * 192 ** 2 + 13 * 192) + (49 + 1) * 192 + 2 * 192 + 193 * 10 + 18 * 192
    const values = 2 * 12 * 17 * (18 * 192 + 2 * 3 * 17)
    expect(bytes(stagesOf(64), 'teacher')).to.equal(600 * 2 ** 20 + 4 * (7 * parameters + 64 * values))
  })

  it('counts one block and what the branches of the others start from where blocks are computed again', () => {
    const train = { epochs: 1, batchSize: 64 }
    const shape = vit({ embedDim: 192, depth: 12, numHeads: 3, patchSize: 7 })
    const [kept, again] = [train, { ...train, checkpointBlocks: true }].map((each) =>
      gpuMemory(pipeline('p').data(mnist()).teacher(shape, each).toNode().stages[1]!)!,
    )
    const block = 17 * (18 * 192 + 2 * 3 * 17)
    expect(kept! - again!).to.equal(4 * 64 * (2 * 12 * block - 2 * (2 * 12 * 17 * 192 + block)))
  })

  it('grows with the batch, and a student counts its teacher too', () => {
    expect(bytes(stagesOf(128), 'teacher')).to.be.above(bytes(stagesOf(64), 'teacher'))
    expect(bytes(stagesOf(64, 384), 'distill/tiny')).to.be.above(bytes(stagesOf(64), 'distill/tiny'))
  })
})
