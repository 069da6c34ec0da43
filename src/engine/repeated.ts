/** Several calls of a stateful function as one: where the state passes between device and host, it does so once. */
import * as tf from '@tensorflow/tfjs'
import { EngineError, type TensorFunction, type TensorSpec } from './engine.js'

type Specs = Readonly<Record<string, TensorSpec>>

export interface Repeated {
  readonly fn: TensorFunction
  readonly inputs: Specs
}

/** `[times, ...shape]` → the tensor at this index, of its shape. */
const at = (stacked: tf.Tensor, index: number, shape: readonly number[]): tf.Tensor =>
  tf.reshape(tf.slice(stacked, [index, ...shape.map(() => 0)], [1, ...shape]), [...shape])

/**
 * The function that calls `fn` so many times, each call with the state that the one before left. Inputs and outputs
 * that are not named in `state` are stacked: `[times, ...shape]`, in the order of the calls. The graph grows with
 * `times`.
 */
export const repeated = (fn: TensorFunction, inputs: Specs, times: number, state: readonly string[]): Repeated => {
  if (!Number.isSafeInteger(times) || times < 1) {
    throw new EngineError(`a function is repeated a whole number of times, at least once; ${times} was asked for`)
  }
  const stacked = Object.entries(inputs).filter(([name]) => !state.includes(name))
  return {
    inputs: {
      ...inputs,
      ...Object.fromEntries(
        stacked.map(([name, { shape, dtype }]) => [name, { shape: [times, ...shape], dtype }] as const),
      ),
    },
    fn: (given) => {
      let current = Object.fromEntries(state.map((name) => [name, given[name]]))
      const results: Record<string, tf.Tensor[]> = {}
      for (let index = 0; index < times; index++) {
        const own = Object.fromEntries(stacked.map(([name, { shape }]) => [name, at(given[name], index, shape)]))
        const outputs = fn({ ...current, ...own })
        for (const [name, output] of Object.entries(outputs)) {
          if (!state.includes(name)) (results[name] ??= []).push(output)
        }
        current = Object.fromEntries(state.map((name) => [name, outputs[name] ?? current[name]]))
      }
      const replaced = Object.entries(current).filter(([name, tensor]) => tensor !== given[name])
      return {
        ...Object.fromEntries(replaced),
        ...Object.fromEntries(Object.entries(results).map(([name, tensors]) => [name, tf.stack(tensors)])),
      }
    },
  }
}
