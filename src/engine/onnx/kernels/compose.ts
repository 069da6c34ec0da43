/** Short forms for kernels that take several ONNX operators. */
import { binary, broadcastShape } from '../broadcast.js'
import type { Attributes, Graph, GraphValue } from '../graph.js'

/** An operator on one tensor that keeps its shape and type. */
export const apply = (graph: Graph, op: string, x: GraphValue, attributes: Attributes = {}): GraphValue =>
  graph.node(op, [x], { shape: x.shape, type: x.type }, attributes)

const operand = (graph: Graph, like: GraphValue, given: GraphValue | number): GraphValue =>
  typeof given === 'number' ? graph.scalar(like.type, given) : given

/** An operator on two tensors, or a tensor and a number, whose result has the first one's type. */
export const combine = (graph: Graph, op: string, a: GraphValue, b: GraphValue | number): GraphValue =>
  binary(graph, op, a, operand(graph, a, b), a.type)

/** A comparison. */
export const compare = (graph: Graph, op: string, a: GraphValue, b: GraphValue | number): GraphValue =>
  binary(graph, op, a, operand(graph, a, b), 'bool')

/** One or the other, element by element. */
export const choose = (
  graph: Graph,
  condition: GraphValue,
  then: GraphValue,
  otherwise: GraphValue | number,
): GraphValue => {
  const other = operand(graph, then, otherwise)
  const shape = broadcastShape(condition.shape, broadcastShape(then.shape, other.shape))
  return graph.node('Where', [condition, then, other], { shape, type: then.type })
}
