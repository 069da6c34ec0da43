/** Writes a tensor function down as one ONNX model: forward pass, gradients and optimiser together. */
import * as tf from '@tensorflow/tfjs'
import { withBackend } from '../backend.js'
import { EngineError, type TensorFunction, type TensorSpec } from '../engine.js'
import { encodeModel } from './encode.js'
import { Graph } from './graph.js'
import { cast } from './kernel.js'
import { traceBackend } from './trace-backend.js'

export interface TracedModel {
  /** An ONNX ModelProto, operator set 20, with operators of com.microsoft where they are faster. */
  readonly bytes: Uint8Array
  /** The function's outputs, by its own names. */
  readonly outputs: Readonly<Record<string, TensorSpec>>
  /** The function's name of each output → its name in the model: another only where an input has that name too. */
  readonly outputNames: Readonly<Record<string, string>>
}

/**
 * Traces a function for fixed shapes. The backend selected before is selected again afterwards, and no tensor stays.
 * Throws an EngineError that names the function where it reads a value, or uses a kernel without an ONNX form.
 */
export const traceToOnnx = (
  label: string,
  fn: TensorFunction,
  inputs: Readonly<Record<string, TensorSpec>>,
): TracedModel => {
  const backend = traceBackend()
  const graph = new Graph(label)
  backend.begin(graph)
  try {
    return withBackend(backend.name, () => {
      const symbols: Record<string, tf.Tensor> = {}
      for (const [name, { shape, dtype }] of Object.entries(inputs)) {
        const { dataId } = backend.hold(graph.input(name, shape, dtype))
        symbols[name] = tf.engine().makeTensorFromDataId(dataId, [...shape], dtype, backend)
      }
      const outputs: Record<string, TensorSpec> = {}
      const named = Object.entries(fn(symbols)).map(([name, tensor]) => {
        const made = backend.valueBehind(tensor)
        const value = made.type === 'float32' ? made : cast(graph, made, 'int32')
        outputs[name] = { shape: value.shape, dtype: value.type === 'float32' ? 'float32' : 'int32' }
        return { name, value }
      })
      const { bytes, outputNames } = encodeModel(graph, named)
      const renamed = Object.fromEntries(named.map(({ name }, index) => [name, outputNames[index]!]))
      return { bytes, outputs, outputNames: renamed }
    })
  } catch (error) {
    if (error instanceof EngineError) throw error
    const reason = error instanceof Error ? error.message : String(error)
    throw new EngineError(`${label}: tracing failed: ${reason}`, { cause: error })
  } finally {
    backend.end()
  }
}
