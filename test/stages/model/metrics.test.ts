import { expect } from 'chai'
import { ScoreSum } from '../../../src/stages/model/measure.js'
import { NotFiniteError } from '../../../src/stages/tensors/named-tensors.js'

const scores = (logits: readonly number[], labels: readonly number[], classes: number) => {
  const sum = new ScoreSum()
  sum.add(Float32Array.from(logits), Int32Array.from(labels), labels.length, classes)
  return sum.scores()
}

describe('scores', () => {
  it('count the highest logit and the five highest', () => {
    const row = [6, 5, 4, 3, 2, 1, 0]
    expect(scores([...row, ...row, ...row], [0, 4, 5], 7)).to.include({ top1: 1 / 3, top5: 2 / 3 })
  })

  it('give the mean cross-entropy, also of logits whose powers overflow', () => {
    expect(scores([0, Math.log(3)], [1], 2).loss).to.be.closeTo(Math.log(4 / 3), 1e-6)
    expect(scores([1000, 0], [1], 2).loss).to.equal(1000)
  })

  it('among equal logits the first class counts as the highest', () => {
    expect(scores([1, 1, 0], [0], 3).top1).to.equal(1)
    expect(scores([1, 1, 0], [1], 3).top1).to.equal(0)
  })

  it('have no top five of fewer than six classes, of which it would be all', () => {
    expect(scores([3, 2, 1], [2], 3).top5).to.equal(null)
    expect(scores([5, 4, 3, 2, 1], [4], 5).top5).to.equal(null)
    expect(scores([6, 5, 4, 3, 2, 1], [5], 6).top5).to.equal(0)
  })

  for (const wrong of [NaN, Infinity, -Infinity]) {
    it(`of a model that gives ${wrong} there are none`, () => {
      const row = [1, wrong, 0]
      expect(() => scores([0, 1, 2, ...row], [2, 1], 3)).to.throw(
        NotFiniteError,
        `the model gives ${wrong} as a logit of image 1: it has diverged`,
      )
    })
  }

  it('rows beyond those that count are left out', () => {
    const sum = new ScoreSum()
    sum.add(Float32Array.of(1, 0, 0, 1), Int32Array.of(0, 0), 1, 2)
    expect(sum.scores().top1).to.equal(1)
  })
})
