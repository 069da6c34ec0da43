import { expect } from 'chai'
import * as tf from '@tensorflow/tfjs-core'
import { openEngine } from '../../../src/engine/choice/open.js'
import type { EngineName } from '../../../src/engine/request.js'
import { locateTensorflow } from '../../../src/engine/installed.js'
import {
  crossEntropy,
  klDivergence,
  meanSquaredError,
  relativeSquaredError,
  softCrossEntropy,
} from '../../../src/stages/training/losses.js'

const STUDENT = [
  [0.2, -1.3, 2.1, 0.4],
  [1.5, 0.3, -0.7, 0],
]
const TEACHER = [
  [1.1, 0.2, 3, -2],
  [-0.4, 2.2, 0.1, 0.6],
]

const logSoftmax = (row: readonly number[]): number[] => {
  const normaliser = Math.log(row.reduce((sum, x) => sum + Math.exp(x), 0))
  return row.map((x) => x - normaliser)
}
const sumOver = (value: (s: number, t: number) => number, temperature = 1): number => {
  const scaled = (rows: readonly (readonly number[])[]) =>
    rows.map((row) => logSoftmax(row.map((x) => x / temperature)))
  const [s, t] = [scaled(STUDENT), scaled(TEACHER)]
  return s.reduce((sum, row, b) => sum + row.reduce((inner, x, c) => inner + value(x, t[b][c]), 0), 0)
}
const crossTerm = (s: number, t: number): number => -Math.exp(t) * s
const number = (value: tf.Scalar): number => value.dataSync()[0]

describe('losses', () => {
  before(() => {
    tf.enableProdMode()
    return tf.setBackend('cpu')
  })
  const student = () => tf.tensor2d(STUDENT)
  const teacher = () => tf.tensor2d(TEACHER)

  it('ce is the mean over the batch, for soft labels too', () => {
    const labels = [
      [0, 0, 1, 0],
      [0.5, 0.25, 0.25, 0],
    ]
    const expected = STUDENT.map(logSoftmax).flatMap((row, b) => row.map((x, c) => -labels[b][c] * x))
    const mean = expected.reduce((a, b) => a + b) / 2
    expect(number(crossEntropy(student(), tf.tensor2d(labels)))).to.be.closeTo(mean, 1e-6)
  })

  it('soft takes the mean over batch and classes as published, or over the batch', () => {
    const sum = sumOver(crossTerm)
    expect(number(softCrossEntropy(student(), teacher(), 1, 'elementMean'))).to.be.closeTo(sum / 8, 1e-6)
    expect(number(softCrossEntropy(student(), teacher(), 1, 'batchMean'))).to.be.closeTo(sum / 2, 1e-6)
  })

  it('soft divides both logits by the temperature and multiplies by nothing', () => {
    const expected = sumOver(crossTerm, 3) / 2
    expect(number(softCrossEntropy(student(), teacher(), 3, 'batchMean'))).to.be.closeTo(expected, 1e-6)
  })

  it("kl weighs by the teacher's probabilities and is zero between equal logits", () => {
    const expected = sumOver((s, t) => Math.exp(t) * (t - s)) / 2
    expect(number(klDivergence(student(), teacher()))).to.be.closeTo(expected, 1e-6)
    expect(number(klDivergence(teacher(), teacher()))).to.be.closeTo(0, 1e-7)
  })

  it('the squared error is a mean over all elements', () => {
    const expected = STUDENT.flatMap((row, b) => row.map((x, c) => (x - TEACHER[b][c]) ** 2))
    const mean = expected.reduce((a, b) => a + b) / 8
    expect(number(meanSquaredError(student(), teacher()))).to.be.closeTo(mean, 1e-5)
  })
})

const engines: readonly EngineName[] = ['cpu', 'onnxruntime', ...(locateTensorflow() ? (['tensorflow'] as const) : [])]

for (const name of engines) {
  describe(`the error relative to the target, on the engine ${name}`, () => {
    it("is in units of each image's mean square, and as it is where the target is all zero, with a finite gradient", async () => {
      const engine = await openEngine({ engine: name, device: 'cpu', threads: 1 })
      const spec = { shape: [2, 1, 2], dtype: 'float32' } as const
      const compiled = await engine.compile(
        'relative error',
        ({ target, found }) => ({
          loss: relativeSquaredError(target, found),
          gradient: tf.grad((x: tf.Tensor) => relativeSquaredError(target, x))(found),
        }),
        { target: spec, found: spec },
      )
      const found = Float32Array.of(1, 5, 3, 1)
      // The first image: errors 1 and 1 in units of (4 + 16) / 2; the second: (9 + 1) / 2.
      const { loss, gradient } = await compiled.run({ target: Float32Array.of(2, 4, 0, 0), found })
      expect(loss[0]).to.be.closeTo((0.1 + 5) / 2, 1e-6)
      const expected = [-0.05, 0.05, 1.5, 0.5]
      expected.forEach((value, index) => expect(gradient[index]).to.be.closeTo(value, 1e-6))
      await engine.release()
    })
  })
}
