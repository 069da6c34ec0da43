import { expect } from 'chai'
import * as tf from '@tensorflow/tfjs-core'
import { adamw, type AdamwParams, adamwScalars } from '../../../src/stages/training/optimiser.js'

const PARAMS: AdamwParams = { beta1: 0.9, beta2: 0.95, eps: 1e-3, weightDecay: 0.1 }

/** PyTorch's loop over single numbers, in double precision. */
const reference = (start: readonly number[], gradients: readonly (readonly number[])[], lrs: readonly number[]) => {
  const { beta1, beta2, eps, weightDecay } = PARAMS
  return start.map((theta, i) => {
    let m = 0
    let v = 0
    gradients.forEach((gradient, step) => {
      const t = step + 1
      if (i < 3) theta -= lrs[step] * weightDecay * theta
      m = beta1 * m + (1 - beta1) * gradient[i]
      v = beta2 * v + (1 - beta2) * gradient[i] ** 2
      theta -= (lrs[step] * (m / (1 - beta1 ** t))) / (Math.sqrt(v / (1 - beta2 ** t)) + eps)
    })
    return { theta, m, v }
  })
}

describe('AdamW', () => {
  const start = [1, -2, 0.5, 3, -1]
  const gradients = [0, 1, 2, 3].map((step) => start.map((_, i) => Math.sin(3 * step + i) / (i + 1)))
  const lrs = [0.1, 0.05, 0.2, 0.01]

  before(() => {
    tf.enableProdMode()
    return tf.setBackend('cpu')
  })

  const updated = (decayed: number) => {
    let state = { theta: tf.tensor1d(start), m: tf.zeros([5]) as tf.Tensor1D, v: tf.zeros([5]) as tf.Tensor1D }
    gradients.forEach((gradient, step) => {
      const { keep, stepSize, rootCorrection } = adamwScalars(PARAMS, lrs[step], step + 1)
      const scalars = {
        keep: tf.scalar(keep),
        stepSize: tf.scalar(stepSize),
        rootCorrection: tf.scalar(rootCorrection),
      }
      state = adamw(PARAMS, state, tf.tensor1d(gradient), decayed, scalars)
    })
    return state
  }

  it("is PyTorch's over several steps, with decay on the first values only", () => {
    const { theta, m, v } = updated(3)
    reference(start, gradients, lrs).forEach((expected, i) => {
      expect(theta.dataSync()[i]).to.be.closeTo(expected.theta, 1e-5)
      expect(m.dataSync()[i]).to.be.closeTo(expected.m, 1e-6)
      expect(v.dataSync()[i]).to.be.closeTo(expected.v, 1e-6)
    })
  })

  it('decay moves the decayed values towards zero and no other', () => {
    const [all, some, none] = [5, 3, 0].map((decayed) => updated(decayed).theta.dataSync())
    expect(some.slice(0, 3)).to.deep.equal(all.slice(0, 3))
    expect(some.slice(3)).to.deep.equal(none.slice(3))
    expect(Math.abs(some[0])).to.be.lessThan(Math.abs(none[0]))
  })
})
