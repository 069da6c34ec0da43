/** Writes a tensor function down as one ONNX model: forward pass, gradients and optimiser together. */
import * as tf from '@tensorflow/tfjs-core'
import { sentenceOf } from '../../base/errors.js'
import { withBackend } from '../backend.js'
import { EngineError, type TensorFunction, type TensorSpec, type TensorSpecs } from '../engine.js'
import { callPlace, guarded } from './trace-errors.js'
import { encodeModel } from './graph/encode.js'
import { Graph, type GraphValue } from './graph/graph.js'
import { cast } from './graph/nodes.js'
import { traceBackend } from './trace-backend.js'

export interface TracedModel {
  /** An ONNX ModelProto, operator set 20, with operators of com.microsoft where they are faster. */
  readonly bytes: Uint8Array
  /** The function's outputs, by its own names. */
  readonly outputs: TensorSpecs
  /** The function's name of each output → its name in the model: another only where an input has that name too. */
  readonly outputNames: Readonly<Record<string, string>>
}

/** An error of the function itself, with the line that it goes back to. */
const placed = (label: string, error: unknown): EngineError => {
  const reason = sentenceOf(error)
  const sentence = error instanceof EngineError ? reason : `${label}: tracing failed: ${reason}`
  const place = error instanceof Error ? callPlace(error) : undefined
  return new EngineError(place === undefined ? sentence : `${sentence} (${place})`, { cause: error })
}

/** What the function returns on these tensors. */
const called = (
  label: string,
  fn: TensorFunction,
  backend: ReturnType<typeof traceBackend>,
  symbols: Readonly<Record<string, tf.Tensor>>,
): unknown => {
  try {
    const returned: unknown = guarded(label, () => fn(symbols))
    // What it rejects with later is of no interest: the trace fails here.
    if (returned instanceof Promise) returned.catch(() => {})
    if (backend.refusal !== undefined) throw backend.refusal
    return returned
  } catch (error) {
    throw placed(label, error)
  }
}

/** The outputs by name, once they are tensors that can still be used. */
const checkedOutputs = (label: string, returned: unknown): readonly (readonly [string, tf.Tensor])[] => {
  const wanted = 'a traced function returns an object of tensors by name'
  if (returned instanceof Promise) {
    throw new EngineError(`${label} returned a promise, but ${wanted}: it may not be async`)
  }
  if (typeof returned !== 'object' || returned === null || Array.isArray(returned) || returned instanceof tf.Tensor) {
    const what = Array.isArray(returned) ? 'an array' : returned instanceof tf.Tensor ? 'a tensor' : String(returned)
    throw new EngineError(`${label} returned ${what}, but ${wanted}`)
  }
  const outputs = Object.entries(returned)
  if (outputs.length === 0) throw new EngineError(`${label} returned no outputs, but ${wanted}`)
  return outputs.map(([name, output]: [string, unknown]) => {
    if (!(output instanceof tf.Tensor)) {
      throw new EngineError(`${label}: the output ${name} is no tensor but of the type ${typeof output}`)
    }
    if (output.isDisposed) {
      throw new EngineError(
        `${label}: the output ${name} is disposed; a tensor made in tf.tidy must be what that returns, ` +
          'or kept by tf.keep',
      )
    }
    return [name, output]
  })
}

/** Weights by name. */
export type NamedWeights = Readonly<
  Record<string, { readonly shape: readonly number[]; readonly values: Float32Array }>
>

/** The outputs of a function in a graph, of the type float32 or int32 each. */
export type TracedOutputs = readonly { readonly name: string; readonly value: GraphValue }[]

/**
 * Traces a function for fixed shapes into the graph; weights are its inputs too, and constants of the graph by their
 * names. The backend selected before is selected again afterwards, and no tensor stays. Throws an EngineError that
 * names the function, and the operation and the line that called it, where the function does what a graph cannot hold:
 * reads a value, draws random numbers, uses a variable or a kernel without an ONNX form.
 */
export const traceInto = (
  graph: Graph,
  fn: TensorFunction,
  inputs: TensorSpecs,
  weights: NamedWeights = {},
): TracedOutputs => {
  const { label } = graph
  const backend = traceBackend(graph.dialect)
  backend.begin(graph)
  try {
    return withBackend(backend.name, () => {
      const symbols: Record<string, tf.Tensor> = {}
      const stands = (name: string, value: GraphValue, dtype: TensorSpec['dtype']): void => {
        const { dataId } = backend.hold(value)
        symbols[name] = tf.engine().makeTensorFromDataId(dataId, [...value.shape], dtype, backend)
      }
      for (const [name, { shape, dtype }] of Object.entries(inputs)) {
        stands(name, graph.input(name, shape, dtype), dtype)
      }
      for (const [name, { shape, values }] of Object.entries(weights)) {
        stands(name, graph.weight(name, shape, values), 'float32')
      }
      return checkedOutputs(label, called(label, fn, backend, symbols)).map(([name, tensor]) => {
        const made = backend.valueBehind(tensor)
        return { name, value: made.type === 'float32' ? made : cast(graph, made, 'int32') }
      })
    })
  } finally {
    backend.end()
  }
}

/** Traces a function for fixed shapes, as an engine runs it. Throws as `traceInto` does. */
export const traceToOnnx = (label: string, fn: TensorFunction, inputs: TensorSpecs): TracedModel => {
  const graph = new Graph(label)
  const named = traceInto(graph, fn, inputs)
  const { bytes, outputNames } = encodeModel(graph, named)
  const spec = ({ shape, type }: GraphValue): TensorSpec => ({
    shape,
    dtype: type === 'float32' ? 'float32' : 'int32',
  })
  return {
    bytes,
    outputs: Object.fromEntries(named.map(({ name, value }) => [name, spec(value)])),
    outputNames: Object.fromEntries(named.map(({ name }, index) => [name, outputNames[index]])),
  }
}
