import { expect } from 'chai'
import { DefinitionError, mnist, npz, pipeline, vit, type TrainOptions } from '../../src/index.js'

const shape = { embedDim: 48, depth: 6, numHeads: 3 }
const on = (data: ReturnType<typeof mnist>) => pipeline('validated').data(data)
const held = mnist({ validation: 0.1 })

const REFUSED: Readonly<Record<string, () => unknown>> = {
  'teacher.keep is "best", which the validation images decide, but the data hold none out: write mnist({ validation: 0.1 })':
    () => on(mnist()).teacher(vit(shape), { epochs: 1, keep: 'best' }),
  'distill.patience is 3, which the validation images decide, but the data hold none out: write': () =>
    on(mnist()).teacher(vit(shape), { epochs: 1 }).distill({ tiny: shape }, { epochs: 1, patience: 3 }),
  'anchors.a.keep is "best", which the validation images decide, but the data hold none out: write': () =>
    on(mnist()).anchors({ a: { ...shape, keep: 'best' } }, { epochs: 1 }),
  'singles.keep is "best", which the validation images decide, but the data hold none out: write': () =>
    on(mnist()).singles({ a: shape, b: { ...shape, embedDim: 96 } }, { epochs: 1, keep: 'best' }),
  'stitch.keep is "best", which the validation images decide, but the data hold none out: write': () =>
    on(mnist())
      .anchors({ a: shape, b: { ...shape, embedDim: 96 } }, { epochs: 1 })
      .pool()
      .stitch({ from: 'a', to: 'b' }, { epochs: 1, keep: 'best' }),
  'teacher.keep is "best", which the validation images decide, but validate is false: leave one of the two out': () =>
    on(held).teacher(vit(shape), { epochs: 1, keep: 'best', validate: false }),
  'teacher.minDelta goes with patience alone: leave it out, or write that too': () =>
    on(held).teacher(vit(shape), { epochs: 1, minDelta: 0.001 }),
  'teacher.patience is 0: write a whole number, 1 or more': () =>
    on(held).teacher(vit(shape), { epochs: 1, patience: 0 }),
  "teacher.keep is \"bset\": write 'last' or 'best'": () =>
    on(held).teacher(vit(shape), { epochs: 1, keep: 'bset' } as unknown as TrainOptions),
}

describe('options of validation', () => {
  for (const [sentence, write] of Object.entries(REFUSED)) {
    it(`are refused: ${sentence}`, () => {
      expect(write).to.throw(DefinitionError, sentence)
    })
  }

  it('go with a share or a number of training images, and with an .npz, which may bring its own', () => {
    const train = { epochs: 4, keep: 'best', patience: 2, minDelta: 0.001 } as const
    for (const data of [held, mnist({ validation: 5_000 }), npz('a.npz', { numClasses: 3 })]) {
      const [, node] = on(data)
        .teacher(vit({ ...shape, patchSize: 7 }), train)
        .toNode().stages
      expect((node!.params as { train: object }).train).to.include(train)
    }
  })
})
