/** The machine's matmul peak as an engine reaches it. */
import * as tf from '@tensorflow/tfjs'
import type { Engine } from '../src/engine/engine.js'
import { contestant, type Contestant } from './turns.js'

const SIZE = 1024
/** Products a turn's step: one alone is over too soon to be timed beside a step of seconds. */
const TIMES = 8

/** Products of two 1024 × 1024 matrices; `gflops` of milliseconds. */
export const matmulContestant = async (
  engine: Engine,
): Promise<{ readonly contestant: Contestant; readonly gflops: (ms: number) => number }> => {
  const spec = { shape: [SIZE, SIZE], dtype: 'float32' } as const
  // Only a sum comes back: what a device computes must not hide behind what it hands over.
  const compiled = await engine.compile(
    'matmul',
    ({ a, b }) => ({ sum: tf.sum(tf.matMul(a as tf.Tensor2D, b as tf.Tensor2D)) }),
    { a: spec, b: spec },
  )
  const values = () => Float32Array.from({ length: SIZE ** 2 }, (_, index) => Math.sin(index))
  const inputs = { a: values(), b: values() }
  return {
    contestant: contestant('matmul', async () => {
      for (let time = 0; time < TIMES; time++) await compiled.run(inputs)
    }),
    gflops: (ms) => (TIMES * 2 * SIZE ** 3) / ms / 1e6,
  }
}
