import { expect } from 'chai'
import { mnist } from '../../src/dsl/data.js'
import { DefinitionError } from '../../src/dsl/definition-error.js'
import type { TeacherParams } from '../../src/dsl/nodes.js'
import { pipeline } from '../../src/dsl/pipeline.js'
import { toPipelineNode } from '../../src/dsl/pipeline-step.js'
import { pretrained } from '../../src/dsl/pretrained.js'

const SHAPE = { embedDim: 24, depth: 3, numHeads: 3 } as const
const start = pipeline('p', { seed: 4 }).data(mnist())

const paramsOf = (step: Parameters<typeof toPipelineNode>[0], name: string): TeacherParams =>
  toPipelineNode(step)!.stages.find((stage) => stage.name === name)!.params as TeacherParams

describe('pretrained', () => {
  it('is a teacher that is taken as it is, or trained for the epochs that are written', () => {
    const asIs = paramsOf(start.teacher(pretrained('weights/deit', SHAPE)), 'teacher')
    expect(asIs).to.deep.include({ weights: 'weights/deit', seed: 4 })
    expect(asIs).not.to.have.property('head')
    expect(asIs.train.epochs).to.equal(0)
    const tuned = paramsOf(
      start.teacher(pretrained('w', { ...SHAPE, head: 'new', layerScale: true }), { epochs: 2 }),
      'teacher',
    )
    expect(tuned).to.deep.include({ head: 'new' })
    expect(tuned.model.layerScale).to.equal(true)
    expect(tuned.train.epochs).to.equal(2)
  })

  it('is an anchor', () => {
    const step = start.anchors(
      { small: pretrained('s', SHAPE), large: pretrained('l', { ...SHAPE, embedDim: 48, distillation: 'twoHeads' }) },
      { epochs: 0 },
    )
    expect(paramsOf(step, 'anchor/small')).to.deep.include({ weights: 's' })
    expect(paramsOf(step, 'anchor/large').model).to.include({ embedDim: 48, distillation: 'twoHeads' })
  })

  it('refuses in a sentence what cannot be, some of it as it is compiled', () => {
    expect(() => pretrained('', SHAPE)).to.throw(DefinitionError, 'pretrained.weights is ""')
    expect(() => pretrained('w', { ...SHAPE, numHeads: 5 })).to.throw(DefinitionError, 'pretrained.numHeads is 5')
    // @ts-expect-error: what the weights are is said once.
    expect(() => start.teacher(pretrained('w', SHAPE), { weights: 'v' })).to.throw('teacher.weights is not an option')
    expect(() =>
      // @ts-expect-error: a student is not wider than its teacher.
      start.teacher(pretrained('w', SHAPE)).distill({ wide: { embedDim: 48, depth: 3, numHeads: 3 } }, { epochs: 1 }),
    ).to.throw('wider than its teacher')
  })
})
