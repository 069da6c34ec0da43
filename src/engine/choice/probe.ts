/** What an opened engine is tried with: whether it computes what is right, and how fast it multiplies matrices. */
import * as tf from '@tensorflow/tfjs-core'
import { type Engine, EngineError, type HostArray } from '../engine.js'

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
      for (let at = 0; at < inner; at++) product += a[row * inner + at] * b[at * columns + column]
      sums[column] += Math.max(0, product)
    }
  }
  return sums
}

/**
 * Has the engine compute a small function whose exact result is known. Throws an EngineError where it gives anything
 * else.
 */
export const checkEngine = async (engine: Engine): Promise<void> => {
  const compiled = await engine.compile('check', ({ a, b }) => ({ sums: tf.sum(tf.relu(tf.matMul(a, b)), 0) }), {
    a: { shape: [rows, inner], dtype: 'float32' },
    b: { shape: [inner, columns], dtype: 'float32' },
  })
  const { sums } = await compiled.run({ a, b })
  const wanted = expected()
  const wrong = wanted.findIndex((value, at) => sums[at] !== value)
  if (wrong >= 0) throw new EngineError(`it computes ${sums[wrong]} where ${wanted[wrong]} is right`)
  await compiled.release()
}

interface MatmulRate {
  readonly gflops: number
  /** The matrices are size × size. */
  readonly size: number
}

/** Products in one call, each of the result before: the copies to and from the device then count little. */
const chained = 8

const sizes = [128, 256, 512, 1024, 2048, 4096] as const

/** A call that takes this long is long enough to be measured; the next size would take eight times as long. */
const enoughMs = 120

const rounds = 3

/** About 1 / √size each, so that products of products stay in range. */
const matrix = (size: number): Float32Array =>
  Float32Array.from({ length: size * size }, (_, at) => (((at * 7_919) % 1_009) / 504 - 1) / Math.sqrt(size / 3))

const timed = async (run: () => Promise<Record<string, HostArray>>): Promise<number> => {
  const start = performance.now()
  await run()
  return performance.now() - start
}

/**
 * 10⁹ floating-point operations a second in products of float32 matrices, copies to and from the device included, at
 * the first size that is large enough to be timed; `maxSize` bounds it. Best of three calls.
 */
export const matmulRate = async (engine: Engine, maxSize: number = sizes.at(-1)!): Promise<MatmulRate> => {
  let rate: MatmulRate = { gflops: 0, size: 0 }
  for (const size of sizes.filter((candidate) => candidate <= maxSize)) {
    const spec = { shape: [size, size], dtype: 'float32' } as const
    const compiled = await engine.compile(
      'matmul',
      ({ a, b }) => {
        let product = a
        for (let time = 0; time < chained; time++) product = tf.matMul(product, b)
        return { product }
      },
      { a: spec, b: spec },
    )
    const values = { a: matrix(size), b: matrix(size) }
    const run = () => compiled.run(values)
    // The first call allocates, and on a GPU compiles.
    let best = await timed(run)
    for (let round = 1; round <= rounds && best < 20 * enoughMs; round++) best = Math.min(best, await timed(run))
    await compiled.release()
    rate = { gflops: (2 * size ** 3 * chained) / best / 1e6, size }
    if (best >= enoughMs) break
  }
  return rate
}
