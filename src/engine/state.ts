/**
 * State that functions read and replace call after call, such as parameters and an optimiser's moments. It stays on a
 * device that can keep it, so that a call moves nothing but its inputs and results; elsewhere it is arrays of the host.
 * `repeated` makes several calls one: where the state passes between device and host, it does so once.
 */
import * as tf from '@tensorflow/tfjs-core'
import {
  type CompiledFunction,
  type Engine,
  EngineError,
  type HostArray,
  type HostArrays,
  type State,
  type StateSupport,
  type TensorFunction,
  type TensorSpecs,
} from './engine.js'
import { checkedInput, checkSpecs } from './host-values.js'

/** How the engine keeps state: on its device where it can, else in arrays of the host. */
export const stateOf = (engine: Engine): StateSupport => engine.resident ?? hostStateOf(engine)

/** Inputs that a call has to bring, and outputs that it hands back. */
export const withoutState = (specs: TensorSpecs, state: readonly string[]): TensorSpecs =>
  Object.fromEntries(Object.entries(specs).filter(([name]) => !state.includes(name)))

/** Every value by its name, once all of them have been found to fit. Throws an EngineError otherwise. */
export const checkedState = (
  specs: TensorSpecs,
  values: HostArrays,
): readonly (readonly [name: string, value: HostArray])[] =>
  Object.keys(values).map((name) => {
    const spec = specs[name]
    if (spec === undefined) throw unknownState(name)
    return [name, checkedInput('a state', name, spec, values)]
  })

export const unknownState = (name: string): EngineError => new EngineError(`the state has no tensor ${name}`)

export const unsetState = (name: string): EngineError => new EngineError(`the state's tensor ${name} was never set`)

/** Runs bodies one after the other, each to its end. */
export const inTurn = (): (<T>(body: () => Promise<T>) => Promise<T>) => {
  let last: Promise<unknown> = Promise.resolve()
  return (body) => {
    const result = last.then(body)
    last = result.catch(() => {})
    return result
  }
}

class HostState implements State {
  readonly #specs: TensorSpecs
  readonly #turn = inTurn()
  readonly #values = new Map<string, HostArray>()
  /** Values of an earlier call, whose arrays the next call writes to. */
  readonly #spare = new Map<string, HostArray>()

  constructor(specs: TensorSpecs) {
    checkSpecs('a state', specs)
    this.#specs = specs
  }

  set(values: HostArrays): Promise<void> {
    return this.#turn(async () => {
      for (const [name, value] of checkedState(this.#specs, values)) this.#values.set(name, value.slice())
    })
  }

  get(...names: readonly string[]): Promise<Record<string, HostArray>> {
    return this.#turn(async () => {
      const wanted = names.length === 0 ? Object.keys(this.#specs) : names
      return Object.fromEntries(wanted.map((name) => [name, this.#value(name).slice()]))
    })
  }

  release(): Promise<void> {
    return this.#turn(async () => {
      this.#values.clear()
      this.#spare.clear()
    })
  }

  #value(name: string): HostArray {
    const value = this.#values.get(name)
    if (value === undefined) throw this.#specs[name] === undefined ? unknownState(name) : unsetState(name)
    return value
  }

  run(compiled: CompiledFunction, names: readonly string[], inputs: HostArrays): Promise<Record<string, HostArray>> {
    return this.#turn(async () => {
      const read = Object.fromEntries(names.map((name) => [name, this.#value(name)]))
      const replaced = names.filter((name) => name in compiled.outputs)
      const into = Object.fromEntries(
        replaced.map((name) => [name, this.#spare.get(name) ?? read[name].slice()] as const),
      )
      const results = await compiled.run({ ...inputs, ...read }, into)
      for (const name of replaced) {
        this.#spare.set(name, read[name])
        this.#values.set(name, results[name])
        delete results[name]
      }
      return results
    })
  }
}

const hostStateOf = (engine: Engine): StateSupport => ({
  open: (specs) => new HostState(specs),
  compile: async (label, fn, inputs, state) => {
    const compiled = await engine.compile(label, fn, inputs)
    return {
      get outputs() {
        return withoutState(compiled.outputs, state)
      },
      run: async (given, values) => {
        if (!(given instanceof HostState)) throw new EngineError(`${label} was given a state of another engine`)
        return await given.run(compiled, state, values)
      },
      release: () => compiled.release(),
    }
  },
})

/** Several calls of a stateful function as one. */
interface Repeated {
  readonly fn: TensorFunction
  readonly inputs: TensorSpecs
}

/** `[times, ...shape]` → the tensor at this index, of its shape. */
const at = (stacked: tf.Tensor, index: number, shape: readonly number[]): tf.Tensor =>
  tf.reshape(tf.slice(stacked, [index, ...shape.map(() => 0)], [1, ...shape]), [...shape])

/**
 * The function that calls `fn` so many times, each call with the state that the one before left. Inputs and outputs
 * that are not named in `state` are stacked: `[times, ...shape]`, in the order of the calls. The graph grows with
 * `times`.
 */
export const repeated = (
  fn: TensorFunction,
  inputs: TensorSpecs,
  times: number,
  state: readonly string[],
): Repeated => {
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
