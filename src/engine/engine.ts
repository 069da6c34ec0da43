/**
 * The contract every engine keeps. A model, a loss or a training step is written once, as a pure function of
 * TensorFlow.js tensors; an engine decides how that function runs: eagerly, or traced into a graph and compiled.
 */
import type { Tensor } from '@tensorflow/tfjs'
import type { Lanes } from './lanes.js'
import type { DeviceName, EngineName } from './request.js'
import type { StateSupport } from './state.js'

export type { DeviceName, EngineName, EngineRequest } from './request.js'

export type DType = 'float32' | 'int32'

export interface TensorSpec {
  readonly shape: readonly number[]
  readonly dtype: DType
}

/** Row-major values of one tensor on the host; its length is the product of the spec's shape. */
export type HostArray = Float32Array | Int32Array

/**
 * A pure function of named tensors. Shapes are fixed when it is compiled. It may differentiate (`tf.valueAndGrads`),
 * but may not read a value, draw random numbers or depend on anything but its inputs: randomness comes in as an input.
 */
export type TensorFunction = (inputs: Readonly<Record<string, Tensor>>) => Readonly<Record<string, Tensor>>

export interface CompiledFunction {
  /** Shapes and types of the outputs, by name. */
  readonly outputs: Readonly<Record<string, TensorSpec>>
  /**
   * One call. Outputs named in `into` are written to the arrays given there (which are then the results of these names);
   * the others are new arrays. Rejects with an EngineError that names the input or output when one is missing or has the
   * wrong length or type.
   */
  readonly run: (
    inputs: Readonly<Record<string, HostArray>>,
    into?: Readonly<Record<string, HostArray>>,
  ) => Promise<Record<string, HostArray>>
  readonly release: () => Promise<void>
}

export interface Engine {
  readonly name: EngineName
  readonly device: DeviceName
  /** Numeric libraries and their versions, for manifests. */
  readonly versions: Readonly<Record<string, string>>
  /** `label` names the function in errors. */
  readonly compile: (
    label: string,
    fn: TensorFunction,
    inputs: Readonly<Record<string, TensorSpec>>,
  ) => Promise<CompiledFunction>
  /** Threads of the engine's own, where it has them. */
  readonly lanes?: Lanes
  /** State kept on the device, where that has a memory of its own; `stateOf` serves every engine. */
  readonly resident?: StateSupport
  /** Frees every function compiled so far and the device. */
  readonly release: () => Promise<void>
}

/** An engine that could not be opened, a function that it cannot compile, or a call that does not fit. */
export class EngineError extends Error {
  override readonly name = 'EngineError'
}
