/**
 * State that functions read and replace call after call, such as parameters and an optimiser's moments. It stays on a
 * device that can keep it, so that a call moves nothing but its inputs and results; elsewhere it is arrays of the host.
 */
import { type CompiledFunction, type Engine, EngineError, type HostArray, type TensorFunction } from './engine.js'
import type { TensorSpec } from './engine.js'
import { checkedInput, checkSpecs } from './host-values.js'

type Arrays = Readonly<Record<string, HostArray>>
type Specs = Readonly<Record<string, TensorSpec>>

/** Named tensors. Several functions may take turns with it, each with the names that it knows. */
export interface State {
  /** Copies these values in. Rejects with an EngineError for a name that the state lacks, or a value that does not fit. */
  readonly set: (values: Arrays) => Promise<void>
  /** Copies of the values of these names; of all without any. */
  readonly get: (...names: readonly string[]) => Promise<Record<string, HostArray>>
  /** Frees it, once its calls have ended. */
  readonly release: () => Promise<void>
}

/** A function of which some inputs are the state's, and outputs of these names the state's next values. */
export interface StatefulFunction {
  /** Outputs that are not the state's. */
  readonly outputs: Specs
  /** One call on what the state's `set` or the last call left. A call that fails changes nothing. */
  readonly run: (state: State, inputs: Arrays) => Promise<Record<string, HostArray>>
  readonly release: () => Promise<void>
}

export interface StateSupport {
  /** A state without values as yet. */
  readonly open: (specs: Specs) => State
  /** `state` names the inputs that are the state's; one without an output of its name is only read. */
  readonly compile: (
    label: string,
    fn: TensorFunction,
    inputs: Specs,
    state: readonly string[],
  ) => Promise<StatefulFunction>
}

/** Where the engine cannot keep values on its device, they are the host's. */
export const stateOf = (engine: Engine): StateSupport => engine.resident ?? hostStateOf(engine)

/** Inputs that a call has to bring, and outputs that it hands back. */
export const withoutState = (specs: Specs, state: readonly string[]): Specs =>
  Object.fromEntries(Object.entries(specs).filter(([name]) => !state.includes(name)))

/** Every value, once all of them fit. */
export const checkedState = (specs: Specs, values: Arrays): readonly (readonly [name: string, value: HostArray])[] =>
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
  readonly #specs: Specs
  readonly #turn = inTurn()
  readonly #values = new Map<string, HostArray>()
  /** The values before the last, to be written over. */
  readonly #spare = new Map<string, HostArray>()

  constructor(specs: Specs) {
    checkSpecs('a state', specs)
    this.#specs = specs
  }

  set(values: Arrays): Promise<void> {
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

  run(compiled: CompiledFunction, names: readonly string[], inputs: Arrays): Promise<Record<string, HostArray>> {
    return this.#turn(async () => {
      const read = Object.fromEntries(names.map((name) => [name, this.#value(name)]))
      const replaced = names.filter((name) => name in compiled.outputs)
      const into = Object.fromEntries(
        replaced.map((name) => [name, this.#spare.get(name) ?? read[name]!.slice()] as const),
      )
      const results = await compiled.run({ ...inputs, ...read }, into)
      for (const name of replaced) {
        this.#spare.set(name, read[name]!)
        this.#values.set(name, results[name]!)
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
