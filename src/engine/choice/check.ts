/** A small function whose exact result is known: an engine that gives anything else is not used. */
import type { Tensor } from '@tensorflow/tfjs'
import { type Engine, EngineError } from '../engine.js'

const [rows, inner, columns] = [24, 32, 16]

/** Small whole numbers: every float format and every order of summation gives the same, exact result. */
const a = Float32Array.from({ length: rows * inner }, (_, at) => (at % 7) - 3)
const b = Float32Array.from({ length: inner * columns }, (_, at) => (at % 5) - 2)

/** [rows, columns] → [columns]: the sums of each column of relu(a·b). */
const expected = (): Float32Array => {
  const sums = new Float32Array(columns)
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      let product = 0
      for (let at = 0; at < inner; at++) product += a[row * inner + at]! * b[at * columns + column]!
      sums[column]! += Math.max(0, product)
    }
  }
  return sums
}

/** Throws an EngineError where the engine computes something else. */
export const checkEngine = async (engine: Engine): Promise<void> => {
  const compiled = await engine.compile(
    'check',
    (inputs) => ({
      sums: (inputs['a'] as Tensor)
        .matMul(inputs['b'] as Tensor)
        .relu()
        .sum(0),
    }),
    { a: { shape: [rows, inner], dtype: 'float32' }, b: { shape: [inner, columns], dtype: 'float32' } },
  )
  const { sums } = await compiled.run({ a, b })
  const wanted = expected()
  const wrong = wanted.findIndex((value, at) => sums?.[at] !== value)
  if (wrong >= 0) throw new EngineError(`it computes ${sums?.[wrong]} where ${wanted[wrong]} is right`)
  await compiled.release()
}
