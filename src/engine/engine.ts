/**
 * The contract every engine keeps. A model, a loss or a training step is written once, as a pure function of
 * TensorFlow.js tensors; an engine decides how that function runs: eagerly, or traced into a graph and compiled.
 */
import type { Tensor } from '@tensorflow/tfjs-core'
import type { DeviceName, EngineName } from './request.js'

export type DType = 'float32' | 'int32'

export interface TensorSpec {
  readonly shape: readonly number[]
  readonly dtype: DType
}

/** Shapes and types by the tensors' names. */
export type TensorSpecs = Readonly<Record<string, TensorSpec>>

/** Row-major values of one tensor on the host; its length is the product of the spec's shape. */
export type HostArray = Float32Array | Int32Array

/** Values by the tensors' names. */
export type HostArrays = Readonly<Record<string, HostArray>>

/**
 * A pure function of named tensors. Shapes are fixed when it is compiled. It may differentiate (`tf.valueAndGrads`),
 * but may not read a value, draw random numbers or depend on anything but its inputs: randomness comes in as an input.
 */
export type TensorFunction = (inputs: Readonly<Record<string, Tensor>>) => Readonly<Record<string, Tensor>>

export interface Engine {
  readonly name: EngineName
  readonly device: DeviceName
  /** Numeric libraries and their versions, for manifests. */
  readonly versions: Readonly<Record<string, string>>
  /** `label` names the function in errors. */
  readonly compile: (label: string, fn: TensorFunction, inputs: TensorSpecs) => Promise<CompiledFunction>
  /** Threads of the engine's own, where it has them. */
  readonly lanes?: Lanes
  /** State kept on the device, where the engine can (WebGPU); `stateOf` serves every engine. */
  readonly resident?: StateSupport
  /** Frees every function compiled so far and the device. */
  readonly release: () => Promise<void>
}

export interface CompiledFunction {
  readonly outputs: TensorSpecs
  /**
   * One call. Outputs named in `into` are written to the arrays given there (which are then the results of these
   * names); the others are new arrays. Rejects with an EngineError that names the input or output when one is missing
   * or has the wrong length or type.
   */
  readonly run: (inputs: HostArrays, into?: HostArrays) => Promise<Record<string, HostArray>>
  readonly release: () => Promise<void>
}

/** An engine that could not be opened, a function that it cannot compile, or a call that does not fit. */
export class EngineError extends Error {
  override readonly name = 'EngineError'
}

/**
 * Lanes compute several calls of one function at a time, each on a thread of its own. Two halves of a batch on two
 * lanes take less time than the whole batch with two threads inside every operation: nothing waits for the slower half
 * of each of a thousand operations, and what an operation leaves is still in its own core's cache for the next one.
 */
export interface Lanes {
  /** How many calls compute at the same time. */
  readonly count: number
  readonly compile: (label: string, fn: TensorFunction, inputs: TensorSpecs) => Promise<LaneFunction>
  /** Zeros that every lane can reach. */
  readonly allocate: (length: number) => Float32Array
  /** Runs all of them to their end. */
  readonly call: (calls: readonly HostCall[]) => Promise<void>
}

export interface LaneFunction {
  readonly outputs: TensorSpecs
  /**
   * Binds one call to its arrays, all of them made by `Lanes.allocate` or views of such. Lanes on threads need an array
   * for every output; with one lane, an output without an array is a new array of every call. Calls that are under way
   * together must not share an output. Throws an EngineError that names what is missing or does not fit.
   */
  readonly bind: (inputs: HostArrays, into: HostArrays) => BoundCall
  readonly release: () => Promise<void>
}

/** A call with fixed arrays, whose contents may change between calls. Resolves to the outputs. */
export type BoundCall = () => Promise<HostArrays>

/** Work without tensors: a function that a module exports, called with these arguments. It may not be asynchronous. */
export interface HostCall {
  /** URL of the module. */
  readonly module: string
  readonly name: string
  /** Plain data, and arrays made by `Lanes.allocate`, which the function may change. */
  readonly args: readonly unknown[]
}

export interface StateSupport {
  /** A state without values as yet. */
  readonly open: (specs: TensorSpecs) => State
  /** `state` names the inputs that are the state's; one without an output of its name is only read. */
  readonly compile: (
    label: string,
    fn: TensorFunction,
    inputs: TensorSpecs,
    state: readonly string[],
  ) => Promise<StatefulFunction>
}

/**
 * Named tensors that functions read and replace call after call, such as parameters and an optimiser's moments. Several
 * functions may take turns with it, each with the names that it knows.
 */
export interface State {
  /**
   * Copies these values in. Rejects with an EngineError for a name that the state lacks, or a value that does not fit.
   */
  readonly set: (values: HostArrays) => Promise<void>
  /** Copies of the values of these names; of all without any. */
  readonly get: (...names: readonly string[]) => Promise<Record<string, HostArray>>
  /** Frees it, once its calls have ended. */
  readonly release: () => Promise<void>
}

/** A function of which some inputs are the state's, and outputs of these names the state's next values. */
export interface StatefulFunction {
  /** Outputs that are not the state's. */
  readonly outputs: TensorSpecs
  /** One call on what the state's `set` or the last call left. A call that fails changes nothing. */
  readonly run: (state: State, inputs: HostArrays) => Promise<Record<string, HostArray>>
  readonly release: () => Promise<void>
}
