/** How a TensorFlow.js kernel is written for the trace: it appends ONNX nodes instead of computing. */
import type { Graph, GraphValue } from '../graph/graph.js'

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
