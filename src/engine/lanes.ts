/**
 * Lanes compute several calls of one function at a time, each on a thread of its own. Two halves of a batch on two lanes
 * take less time than the whole batch with two threads inside every operation: nothing waits for the slower half of each
 * of a thousand operations, and what an operation leaves is still in its own core's cache for the next one.
 */
import type { CompiledFunction, Engine, HostArray, TensorFunction, TensorSpec } from './engine.js'

type Arrays = Readonly<Record<string, HostArray>>

/** A call with fixed arrays, whose contents may change between calls. Resolves to the outputs. */
export type BoundCall = () => Promise<Arrays>

export interface LaneFunction {
  /** Shapes and types of the outputs, by name. */
  readonly outputs: Readonly<Record<string, TensorSpec>>
  /**
   * Binds one call to its arrays, all of them made by `Lanes.allocate` or views of such. Lanes on threads need one for every
   * output; with one lane an output without is a new array of every call. Calls that are under way together must not share
   * an output. Throws an EngineError that names what is missing or does not fit.
   */
  readonly bind: (inputs: Arrays, into: Arrays) => BoundCall
  readonly release: () => Promise<void>
}

/** Work without tensors: a function that a module exports, called with these arguments. It may not be asynchronous. */
export interface HostCall {
  /** URL of the module. */
  readonly module: string
  readonly name: string
  /** Plain data, and arrays made by `Lanes.allocate`, which the function may change. */
  readonly args: readonly unknown[]
}

export interface Lanes {
  /** How many calls compute at the same time. */
  readonly count: number
  readonly compile: (
    label: string,
    fn: TensorFunction,
    inputs: Readonly<Record<string, TensorSpec>>,
  ) => Promise<LaneFunction>
  /** Zeros that every lane can reach. */
  readonly allocate: (length: number) => Float32Array
  /** Runs all of them to their end. */
  readonly call: (calls: readonly HostCall[]) => Promise<void>
}

const inlineFunction = (compiled: CompiledFunction): LaneFunction => ({
  get outputs() {
    return compiled.outputs
  },
  bind: (inputs, into) => () => compiled.run(inputs, into),
  release: () => compiled.release(),
})

/** The one lane of an engine without threads of its own: its calls follow one another. */
export const oneLane = (engine: Engine): Lanes => ({
  count: 1,
  compile: async (label, fn, inputs) => inlineFunction(await engine.compile(label, fn, inputs)),
  allocate: (length) => new Float32Array(length),
  call: async (calls) => {
    for (const { module, name, args } of calls) {
      // genepool: opaque whoever names a module has its URL from a literal, which is followed there
      const exported = (await import(module)) as Record<string, (...given: readonly unknown[]) => void>
      exported[name]!(...args)
    }
  },
})
