/** What the addon of `@tensorflow/tfjs-node` exports: TensorFlow's C API for eager operations and saved models. */

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
