import { expect } from 'chai'
import { DefinitionError, mnist, pipeline, vit, type StitchOptions, type StudentOptions } from '../../src/index.js'

const taught = pipeline('x')
  .data(mnist())
  .teacher(vit({ embedDim: 48, depth: 6, numHeads: 3 }), { epochs: 1 })

type Own = Partial<StudentOptions>

/** The parameters of a stitch of two students, or its refusal in words. */
const stitched = (tiny: Own, base: Own, options: Partial<StitchOptions>) => {
  try {
    const { stages } = taught
      .distill(
        {
          tiny: { embedDim: 24, depth: 6, numHeads: 3, ...tiny } as { embedDim: 24; depth: 6; numHeads: 3 },
          base: { embedDim: 48, depth: 6, numHeads: 3, ...base } as { embedDim: 48; depth: 6; numHeads: 3 },
        },
        { epochs: 1 },
      )
      .pool()
      .stitch({ from: 'tiny', to: 'base', ...options }, { epochs: 1 })
      .evaluate()
    return stages.find(({ kind }) => kind === 'stitch')!.params
  } catch (error) {
    expect((error as Error).name).to.equal(DefinitionError.name)
    return (error as Error).message
  }
}

describe('starts of stitch layers ask of the students', () => {
  const reverse = { reverseTransforms: true }
  const logits = { loss: 'logits' } as const

  it('composed: matrices towards the teacher of whoever is left, any of whoever is entered', () => {
    expect(stitched(reverse, {}, { init: 'composed' })).to.include({ init: 'composed', matrices: 'nearest' })
    expect(stitched({}, reverse, { init: 'composed' })).to.contain("'tiny' is distilled without matrices towards")
    expect(stitched(reverse, logits, { init: 'composed' })).to.contain("'base' is distilled with loss 'logits'")
    expect(stitched(reverse, {}, { init: 'composed', twoWay: true })).to.contain("'base' is distilled without matrices")
    expect(stitched(reverse, reverse, { init: 'composed', twoWay: true })).to.include({ init: 'composed' })
  })

  it('composed: those of a student that was distilled towards its teacher are its own', () => {
    const hinted = { transforms: 'toTeacher' } as const
    expect(stitched(hinted, hinted, { init: 'composed', twoWay: true })).to.include({ init: 'composed' })
  })

  it('learned: any of whoever is narrower than the teacher, in either direction', () => {
    expect(stitched({}, logits, { init: 'learned' })).to.include({ init: 'learned', matrices: 'mean' })
    expect(stitched({}, logits, { init: 'learned', twoWay: true })).to.include({ init: 'learned' })
    expect(stitched(logits, {}, { init: 'learned', twoWay: true })).to.contain("'tiny' is distilled with loss 'logits'")
  })

  it('nothing where the layers start from features or at random', () => {
    for (const init of ['leastSquares', 'random'] as const) {
      expect(stitched(logits, logits, { init })).to.include({ init })
    }
  })

  it('depths of a whole ratio, and a window no larger than the shallower one', () => {
    expect(stitched({ depth: 3 }, {}, {})).to.have.nested.property('grid.kernel', 2)
    expect(stitched({ depth: 3 }, {}, { kernel: 4 })).to.contain("stitch.kernel is 4, above the students' depth 3")
  })
})
