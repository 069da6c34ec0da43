/**
 * What `@tensorflow/tfjs-node` brings, as types, and how its addon is loaded: TensorFlow's C API for eager operations
 * and saved models, and the backend class whose kernels call it, operation by operation.
 */
import * as fs from 'node:fs'
import { createRequire } from 'node:module'
import type * as tf from '@tensorflow/tfjs-core'
import { sentenceOf } from '../../base/errors.js'
import { EngineError } from '../engine.js'
import type { LocatedTensorflow } from '../installed.js'
import { libraryProblem } from '../shared-library.js'

/** One attribute of an operation; `type` is one of the addon's `TF_ATTR_…` numbers. */
export interface OperationAttribute {
  readonly name: string
  readonly type: number
  readonly value: unknown
}

/** A tensor that the addon holds until `deleteTensor`. */
export interface TensorHandle {
  readonly id: number
  readonly shape: number[]
  /** One of the addon's `TF_…` numbers. */
  readonly dtype: number
}

export type TensorValues = Float32Array | Int32Array | Uint8Array

export interface Binding {
  readonly TF_Version: string
  readonly TF_FLOAT: number
  readonly TF_INT32: number
  readonly TF_BOOL: number
  readonly TF_ATTR_STRING: number
  readonly TF_ATTR_INT: number
  readonly TF_ATTR_FLOAT: number
  readonly TF_ATTR_BOOL: number
  readonly TF_ATTR_TYPE: number
  readonly TF_ATTR_SHAPE: number
  /** Shares the array's memory where it is aligned, so the array must stay as it is until the tensor is deleted. */
  readonly createTensor: (shape: readonly number[], dtype: number, values: TensorValues) => number
  readonly deleteTensor: (id: number) => void
  /** A copy. */
  readonly tensorDataSync: (id: number) => TensorValues
  readonly executeOp: (
    name: string,
    attributes: readonly OperationAttribute[],
    inputs: readonly number[],
    outputs: number,
  ) => TensorHandle[]
  readonly loadSavedModel: (folder: string, tags: string) => number
  /** Names are lists joined by commas. */
  readonly runSavedModel: (
    id: number,
    inputs: readonly number[],
    inputNames: string,
    outputNames: string,
  ) => TensorHandle[]
  readonly deleteSavedModel: (id: number) => void
  readonly isUsingGpuDevice: () => boolean
  readonly getNumOfTensors: () => number
  readonly getNumOfSavedModels: () => number
}

/** The class `NodeJSKernelBackend` of the package, as far as it is used here. */
export interface NodeBackend extends tf.KernelBackend {
  /** What the kernels call. */
  binding: Binding
  /** The addon's tensor of each tensor, or values that have not been given to the addon yet. */
  readonly tensorMap: {
    readonly get: (dataId: object) => {
      readonly id: number
      readonly dtype: number
      readonly values: Float32Array | Int32Array | Uint8Array | null
    }
  }
  /** A tensor of TensorFlow.js for one of the addon's, which then belongs to it. */
  readonly createOutputTensor: (handle: TensorHandle) => tf.Tensor
  readonly executeSingleOutput: (
    operation: string,
    attributes: readonly OperationAttribute[],
    inputs: readonly tf.TensorInfo[],
  ) => tf.Tensor
  readonly applyActivation: (
    input: tf.Tensor,
    activation: string | undefined,
    weights: tf.Tensor | undefined,
    alpha: number | undefined,
  ) => tf.Tensor
}

export const backendName = 'tensorflow'

const require = createRequire(import.meta.url)

const repairOf = ({ origin, name }: LocatedTensorflow): string =>
  origin === 'build'
    ? 'genepool engine build tensorflow makes it again'
    : `genepool engine build tensorflow makes one that works, or install ${name} again`

const failure = (located: LocatedTensorflow, reason: string, cause?: unknown): EngineError =>
  new EngineError(`TensorFlow's library does not load: ${reason}; ${repairOf(located)}`, { cause })

const loaderSays = (error: unknown): string => {
  const [line] = sentenceOf(error).split('\n')
  return line
}

/** A library that is missing, cut short or another machine's is an EngineError that says how to repair it. */
export const loadAddon = (located: LocatedTensorflow): Binding => {
  for (const file of [located.addon, ...located.libraries]) {
    if (!fs.existsSync(file)) throw failure(located, `${file} is missing`)
    const problem = libraryProblem(file)
    if (problem !== undefined) throw failure(located, problem)
  }
  try {
    // genepool: opaque the version of TensorFlow's library is part of the engine's identity
    return require(located.addon) as Binding
  } catch (error) {
    throw failure(located, loaderSays(error), error)
  }
}
