/**
 * State that functions read and replace call after call, such as parameters and an optimiser's moments. It stays on a
 * device that can keep it, so that a call moves nothing but its inputs and results; elsewhere it is arrays of the host.
 */
import {
  type CompiledFunction,
  type Engine,
  EngineError,
  type HostArray,
  type HostArrays,
  type State,
  type StateSupport,
  type TensorSpecs,
} from './engine.js'
import { checkedInput, checkSpecs } from './host-values.js'

/** Where the engine cannot keep values on its device, they are the host's. */
export const stateOf = (engine: Engine): StateSupport => engine.resident ?? hostStateOf(engine)

/** Inputs that a call has to bring, and outputs that it hands back. */
export const withoutState = (specs: TensorSpecs, state: readonly string[]): TensorSpecs =>
  Object.fromEntries(Object.entries(specs).filter(([name]) => !state.includes(name)))

/** Every value, once all of them fit. */
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
  /** The values before the last, to be written over. */
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
