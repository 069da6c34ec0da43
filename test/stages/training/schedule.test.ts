import { expect } from 'chai'
import { learningRate } from '../../../src/stages/training/schedule.js'
import { trainParams } from '../model-stage-runs.js'

const train = trainParams({ epochs: 100, batchSize: 256, lr: 5e-4, warmupEpochs: 5 })

describe('learningRate', () => {
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

  it('may warm up for a fraction of an epoch', () => {
    const short = { ...train, warmupEpochs: 0.5 }
    expect(learningRate(short, 0.25)).to.be.closeTo((1e-6 + 5e-4) / 2, 1e-12)
    expect(learningRate(short, 0.5)).to.be.above(4.9e-4)
  })
})
