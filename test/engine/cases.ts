/** Seeded inputs and comparisons for the tests of engines. */
import type { HostArray, TensorFunction, TensorSpec } from '../../src/engine/engine.js'

/** Numbers in [0, 1), the same for the same seed (mulberry32). */
export const seededNumbers = (seed: number): (() => number) => {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

export interface CaseInput extends TensorSpec {
  /** Values lie in [low, high). */
  readonly low: number
  readonly high: number
}

export interface KernelCase {
  readonly title: string
  readonly fn: TensorFunction
  readonly inputs: Readonly<Record<string, CaseInput>>
}

export const floats = (shape: readonly number[], low = -2, high = 2): CaseInput => ({
  shape,
  dtype: 'float32',
  low,
  high,
})

export const integers = (shape: readonly number[], low = -5, high = 6): CaseInput => ({
  shape,
  dtype: 'int32',
  low,
  high,
})

export const drawInputs = (inputs: Readonly<Record<string, CaseInput>>, seed: number): Record<string, HostArray> => {
  const next = seededNumbers(seed)
  return Object.fromEntries(
    Object.entries(inputs).map(([name, { shape, dtype, low, high }]) => {
      const length = shape.reduce((size, extent) => size * extent, 1)
      const draw = () => low + (high - low) * next()
      return [
        name,
        dtype === 'int32'
          ? Int32Array.from({ length }, () => Math.floor(draw()))
          : Float32Array.from({ length }, () => draw()),
      ]
    }),
  )
}

/** The largest |a − b| / max(1, |b|); infinite where lengths or non-finite values differ. */
export const relativeDistance = (actual: ArrayLike<number>, expected: ArrayLike<number>): number => {
  if (actual.length !== expected.length) return Infinity
  let largest = 0
  for (let index = 0; index < expected.length; index++) {
    const [a, b] = [actual[index], expected[index]]
    if (Object.is(a, b) || a === b) continue
    if (!Number.isFinite(a) || !Number.isFinite(b)) return Infinity
    largest = Math.max(largest, Math.abs(a - b) / Math.max(1, Math.abs(b)))
  }
  return largest
}
