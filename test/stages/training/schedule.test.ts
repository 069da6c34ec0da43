import { expect } from 'chai'
import { canGoOn, whyNotExtendable } from '../../../src/dsl/extendable.js'
import { learningRate } from '../../../src/stages/training/optimiser.js'
import { trainParams } from '../model-stage-runs.js'

const train = trainParams({ epochs: 100, batchSize: 256, lr: 5e-4, warmupEpochs: 5 })

describe('the learning rate', () => {
  it('starts at the warm-up rate and climbs linearly', () => {
    expect(learningRate(train, 0)).to.equal(1e-6)
    expect(learningRate(train, 2.5)).to.be.closeTo((1e-6 + 5e-4) / 2, 1e-12)
  })

  it('follows the cosine of the whole run from the end of the warm-up on', () => {
    expect(learningRate(train, 5)).to.be.closeTo(1e-5 + 0.5 * 4.9e-4 * (1 + Math.cos(Math.PI / 20)), 1e-12)
    expect(learningRate(train, 50)).to.be.closeTo((5e-4 + 1e-5) / 2, 1e-12)
    expect(learningRate(train, 100)).to.be.closeTo(1e-5, 1e-12)
  })

  it('holds the rate for a whole epoch when scheduled by epoch', () => {
    const byEpoch = { ...train, scheduleBy: 'epoch' } as const
    expect(learningRate(byEpoch, 3.99)).to.equal(learningRate(train, 3))
    expect(learningRate(byEpoch, 42.5)).to.equal(learningRate(train, 42))
    expect(learningRate(byEpoch, 43)).to.not.equal(learningRate(byEpoch, 42.5))
  })

  it('starts at the peak without a warm-up', () => {
    expect(learningRate({ ...train, warmupEpochs: 0 }, 0)).to.equal(5e-4)
  })

  it('stays at the peak after the warm-up where it is constant', () => {
    const constant = { ...train, schedule: 'constant' } as const
    expect(learningRate(constant, 2.5)).to.equal(learningRate(train, 2.5))
    expect([5, 50, 99.9].map((epoch) => learningRate(constant, epoch))).to.deep.equal([5e-4, 5e-4, 5e-4])
  })

  it('follows the cosine of more epochs than there are where it is told', () => {
    const part = { ...train, epochs: 30, scheduleEpochs: 100 }
    for (const epoch of [0, 4.5, 5, 17.3, 29.9]) expect(learningRate(part, epoch)).to.equal(learningRate(train, epoch))
  })

  it('depends on where training ends nowhere where it can go on, and after every warm-up where it cannot', () => {
    const schedules = [{}, { schedule: 'constant' }, { scheduleEpochs: 40 }] as const
    const extendable = schedules.map((schedule) => whyNotExtendable({ ...train, ...schedule }) === undefined)
    expect(extendable).to.deep.equal([false, true, true])
    for (const [index, schedule] of schedules.entries()) {
      for (const scheduleBy of ['step', 'epoch'] as const) {
        for (const warmupEpochs of [0, 2]) {
          const to = (epochs: number) => ({ ...train, ...schedule, scheduleBy, warmupEpochs, epochs })
          for (let step = 0; step < 7 * 10; step++) {
            const [short, long] = [learningRate(to(7), step / 10), learningRate(to(31), step / 10)]
            const isSame =
              extendable[index] || step === 0 || step / 10 < Math.max(warmupEpochs, scheduleBy === 'epoch' ? 1 : 0)
            expect(short === long, `${JSON.stringify(to(7))} at ${step / 10}`).to.equal(isSame)
          }
        }
      }
    }
  })

  it('may warm up for a fraction of an epoch', () => {
    const short = { ...train, warmupEpochs: 0.5 }
    expect(learningRate(short, 0.25)).to.be.closeTo((1e-6 + 5e-4) / 2, 1e-12)
    expect(learningRate(short, 0.5)).to.be.above(4.9e-4)
  })
})

describe('a training that can go on', () => {
  it('has a schedule that does not end where it does', () => {
    const of = (changes: Partial<typeof train>) => canGoOn({ ...train, ...changes })
    expect(of({})).to.equal(false)
    expect(of({ schedule: 'constant' })).to.equal(true)
    expect(of({ schedule: 'constant', epochs: 0 })).to.equal(false)
    expect([99, 100].map((epochs) => of({ epochs, scheduleEpochs: 100 }))).to.deep.equal([true, false])
  })
})
