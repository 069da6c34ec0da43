/** How a TensorFlow.js kernel is written for the trace: it appends ONNX nodes instead of computing. */
import type { ElementType, Graph, GraphValue } from './graph.js'

/** Inputs by name; kernels of any number of inputs (Concat, Pack, AddN) have theirs under '0', '1' and so on. */
export type KernelInputs = Readonly<Record<string, GraphValue>>

export interface TraceKernel {
  readonly name: string
  readonly trace: (graph: Graph, inputs: KernelInputs, attributes: unknown) => GraphValue | readonly GraphValue[]
}

/**
 * Defines the kernel of this name. The attributes' type is what TensorFlow.js documents for the kernel: its registry
 * hands them over untyped.
 */
export const kernel = <Attributes = unknown>(
  name: string,
  trace: (graph: Graph, inputs: KernelInputs, attributes: Attributes) => GraphValue | readonly GraphValue[],
): TraceKernel => ({ name, trace: (graph, inputs, attributes) => trace(graph, inputs, attributes as Attributes) })

/** The input of this name; TensorFlow.js has checked that it is there. */
export const required = (inputs: KernelInputs, name: string): GraphValue => {
  const value = inputs[name]
  if (value === undefined) throw new Error(`the input ${name} is missing`)
  return value
}

/** The value in another element type. */
export const cast = (graph: Graph, value: GraphValue, type: ElementType): GraphValue => {
  if (value.type === type) return value
  return graph.node('Cast', [value], { shape: value.shape, type }, { to: { int: onnxTypeCode[type] } })
}

/** ONNX's numbers for the element types. */
export const onnxTypeCode: Readonly<Record<ElementType, number>> = { float32: 1, int32: 6, int64: 7, bool: 9 }
