import { expect } from 'chai'
import { DefinitionError, mnist, pipeline, vit, type TrainOptions } from '../../src/index.js'

const teacher = (train: object) =>
  pipeline('schedule')
    .data(mnist())
    .teacher(vit({ embedDim: 48, depth: 6, numHeads: 3 }), { epochs: 4, ...train } as TrainOptions)

const REFUSED: readonly (readonly [train: object, sentence: string])[] = [
  [{ warmupEpochs: 9, scheduleEpochs: 8 }, 'teacher.warmupEpochs is 9, above scheduleEpochs 8: write 8 or less'],
  [{ warmupEpochs: 5, schedule: 'constant' }, 'teacher.warmupEpochs is 5, above epochs 4: write 4 or less'],
  [{ scheduleEpochs: 3 }, 'teacher.epochs is 4, above scheduleEpochs 3: write 3 or less'],
  [{ scheduleEpochs: 0 }, 'teacher.scheduleEpochs is 0: write a whole number, 1 or more'],
  [
    { schedule: 'constant', scheduleEpochs: 8 },
    "teacher.scheduleEpochs goes with schedule: 'cosine' alone: leave it out, or write that",
  ],
  [
    { schedule: 'constnat' },
    "teacher.schedule is \"constnat\": did you mean 'constant'? (it may be 'cosine' or 'constant')",
  ],
  [
    { milestones: 2 },
    'teacher.milestones is for trainings that can go on: leave it out, or write scheduleEpochs or ' +
      "schedule: 'constant' too",
  ],
  [{ milestones: -1, scheduleEpochs: 8 }, 'teacher.milestones is -1: write a whole number, 0 or more'],
]

describe('a schedule', () => {
  for (const [train, sentence] of REFUSED) {
    it(`is refused where it is ${JSON.stringify(train)}`, () => {
      expect(() => teacher(train)).to.throw(DefinitionError, sentence)
    })
  }

  it('may warm up for longer than training lasts where it goes on after it', () => {
    teacher({ warmupEpochs: 5, scheduleEpochs: 8 })
  })
})
