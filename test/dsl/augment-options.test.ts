import { expect } from 'chai'
import type { AugmentParams, StageNode } from '../../src/dsl/nodes.js'
import { mnist, pipeline, vit } from '../../src/index.js'
import type { TrainOptions } from '../../src/index.js'

// What JavaScript users can write although it does not compile goes through this, without types.
const augmented = (augment: unknown): AugmentParams | null => {
  const train = { epochs: 1, augment } as TrainOptions
  const taught = pipeline('augmented')
    .data(mnist())
    .teacher(vit({ embedDim: 48, depth: 6, numHeads: 3 }), train)
  const stages: readonly StageNode[] = taught.toNode().stages
  const { params } = stages.find(({ kind }) => kind === 'teacher')!
  return (params as { readonly train: { readonly augment: AugmentParams | null } }).train.augment
}

const PUBLISHED: AugmentParams = {
  cropScale: 0.08,
  flip: 0.5,
  randAugment: { operations: 2, magnitude: 9, std: 0.5 },
  colorJitter: 0.4,
  erasing: 0.25,
  mixup: 0.8,
  cutmix: 1,
  switchProbability: 0.5,
  repeats: 1,
}

describe('the option augment', () => {
  it('is off unless it is asked for', () => {
    for (const off of [undefined, null, false]) expect(augmented(off)).to.equal(null)
  })

  it('is the published recipe with true, and changes parts of it with an object', () => {
    for (const on of [true, {}]) expect(augmented(on)).to.deep.equal(PUBLISHED)
    expect(augmented({ flip: 0, randAugment: { magnitude: 5 } })).to.deep.equal({
      ...PUBLISHED,
      flip: 0,
      randAugment: { operations: 2, magnitude: 5, std: 0.5 },
    })
    expect(augmented({ randAugment: null })).to.deep.equal({ ...PUBLISHED, randAugment: null })
  })

  const REFUSED: readonly (readonly [unknown, string])[] = [
    [5, 'teacher.augment is 5: write an object of options'],
    [{ flips: 0.5 }, 'teacher.augment.flips is not an option: did you mean flip?'],
    [{ cropScale: 0 }, 'teacher.augment.cropScale is 0: write a number above 0, 1 at most'],
    [{ erasing: 1.5 }, 'teacher.augment.erasing is 1.5: write a number from 0 to 1'],
    [{ colorJitter: 1 }, 'teacher.augment.colorJitter is 1: write a number from 0 to below 1'],
    [{ repeats: 0 }, 'teacher.augment.repeats is 0: write a whole number, 1 or more'],
    [{ mixup: -1 }, 'teacher.augment.mixup is -1: write a finite number, 0 or more'],
    [{ randAugment: { magnitude: 11 } }, 'teacher.augment.randAugment.magnitude is 11: write a number from 0 to 10'],
    [
      { randAugment: { operations: 0 } },
      'teacher.augment.randAugment.operations is 0: write a whole number, 1 or more',
    ],
    [
      { randAugment: { n: 3 } },
      'teacher.augment.randAugment.n is not an option: write one of operations, magnitude, std',
    ],
  ]
  for (const [written, message] of REFUSED) {
    it(`refuses ${JSON.stringify(written)}`, () => {
      expect(() => augmented(written)).to.throw(message)
    })
  }
})
