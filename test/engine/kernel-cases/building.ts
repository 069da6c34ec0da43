/** How cases are written: a title, inputs, a function of one result. */
import * as tf from '@tensorflow/tfjs-core'
import type { TensorFunction } from '../../../src/engine/engine.js'
import { type CaseInput, floats, integers, type KernelCase } from '../cases.js'

export type Inputs = Parameters<TensorFunction>[0]

export const on =
  (fn: (inputs: Inputs) => tf.Tensor): TensorFunction =>
  (inputs) => ({ result: fn(inputs) })

export const unary = (name: string, fn: (x: tf.Tensor) => tf.Tensor, low = -2, high = 2): KernelCase[] =>
  [[], [1], [7], [3, 1, 5]].map((shape) => ({
    title: `${name} of [${shape}]`,
    fn: on(({ x }) => fn(x)),
    inputs: { x: floats(shape, low, high) },
  }))

const pairs: readonly (readonly [readonly number[], readonly number[]])[] = [
  [[], []],
  [[], [3]],
  [[7], [1]],
  [
    [3, 1, 5],
    [4, 1],
  ],
  [
    [2, 3],
    [2, 3],
  ],
  [[3], [2, 1, 3]],
]

export const binary = (
  name: string,
  fn: (a: tf.Tensor, b: tf.Tensor) => tf.Tensor,
  make: (shape: readonly number[]) => CaseInput = floats,
  makeSecond = make,
): KernelCase[] =>
  pairs.map(([a, b]) => ({
    title: `${name} of [${a}] and [${b}]`,
    fn: on((inputs) => fn(inputs['a'], inputs['b'])),
    inputs: { a: make(a), b: makeSecond(b) },
  }))

export const one = (
  title: string,
  inputs: Readonly<Record<string, CaseInput>>,
  fn: (inputs: Inputs) => tf.Tensor,
): KernelCase => ({
  title,
  fn: on(fn),
  inputs,
})

export const positive = (shape: readonly number[]): CaseInput => floats(shape, 0.2, 3)
export const nonZero = (shape: readonly number[]): CaseInput => integers(shape, 1, 6)
export const few = (shape: readonly number[]): CaseInput => integers(shape, 0, 3)

export const asBool = (x: tf.Tensor): tf.Tensor => tf.cast(x, 'bool')
