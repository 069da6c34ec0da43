/** The backend `tensorflow` of TensorFlow.js: its kernels call the addon, operation by operation. */
import type * as tf from '@tensorflow/tfjs'
import type { Binding, OperationAttribute, TensorHandle } from './binding.js'

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
