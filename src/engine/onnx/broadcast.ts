/** Elementwise operations with broadcasting, without the work that constants make needless. */
import { type Attributes, type ElementType, type Graph, type GraphValue, nodeOf, sizeOf, uniformOf } from './graph.js'

const sameShape = (one: readonly number[], other: readonly number[]): boolean =>
  one.length === other.length && one.every((extent, axis) => extent === other[axis])

/** The shape two tensors broadcast to. TensorFlow.js leaves it to its kernels to check that they do. */
export const broadcastShape = (one: readonly number[], other: readonly number[]): number[] => {
  const rank = Math.max(one.length, other.length)
  return Array.from({ length: rank }, (_, axis) => {
    const a = one[axis - rank + one.length] ?? 1
    const b = other[axis - rank + other.length] ?? 1
    if (a !== b && a !== 1 && b !== 1) throw new Error(`the shapes [${one}] and [${other}] do not broadcast`)
    return a === 1 ? b : a
  })
}

export const reshape = (graph: Graph, value: GraphValue, shape: readonly number[]): GraphValue => {
  if (sameShape(value.shape, shape)) return value
  const uniform = uniformOf(value)
  if (uniform !== undefined) return graph.uniform(value.type, shape, uniform)
  // Only the last of several reshapes counts.
  const source = nodeOf(value, 'Reshape')?.inputs[0]
  if (source !== undefined) return reshape(graph, source, shape)
  return graph.node('Reshape', [value, graph.integers(shape)], { shape, type: value.type }, { allowzero: { int: 1 } })
}

export const expand = (graph: Graph, value: GraphValue, shape: readonly number[]): GraphValue => {
  if (sameShape(value.shape, shape)) return value
  const uniform = uniformOf(value)
  if (uniform !== undefined) return graph.uniform(value.type, shape, uniform)
  return graph.node('Expand', [value, graph.integers(shape)], { shape, type: value.type })
}

/** The smallest tensor that still broadcasts to the result's shape together with the other operand. */
const narrowed = (graph: Graph, value: GraphValue, other: GraphValue, shape: readonly number[]): GraphValue => {
  const uniform = uniformOf(value)
  if (uniform !== undefined && sameShape(other.shape, shape)) return graph.scalar(value.type, uniform)
  const source = nodeOf(value, 'Expand')?.inputs[0]
  if (source !== undefined && sameShape(broadcastShape(source.shape, other.shape), shape)) return source
  return value
}

const isNeutral = (op: string, value: GraphValue): boolean => {
  const uniform = uniformOf(value)
  return op === 'Add' || op === 'Sub' ? uniform === 0 : op === 'Mul' || op === 'Div' ? uniform === 1 : false
}

/**
 * An operation on two tensors with broadcasting. `type` is the result's. Adding zeros and multiplying by ones, which
 * TensorFlow.js's gradients do a lot, cost nothing; what a spread tensor is combined with is spread only afterwards.
 */
export const binary = (
  graph: Graph,
  op: string,
  left: GraphValue,
  right: GraphValue,
  type: ElementType,
  attributes: Attributes = {},
): GraphValue => {
  const shape = broadcastShape(left.shape, right.shape)
  if (isNeutral(op, right)) return expand(graph, left, shape)
  if (isNeutral(op, left) && op !== 'Sub' && op !== 'Div') return expand(graph, right, shape)
  const a = narrowed(graph, left, right, shape)
  const b = narrowed(graph, right, a, shape)
  // Both spread the same way: combine first.
  const [sourceA, sourceB] = [spreadFrom(a), spreadFrom(b)]
  const inner = broadcastShape(sourceA.shape, sourceB.shape)
  if (sizeOf(inner) < sizeOf(shape)) {
    return expand(graph, binary(graph, op, sourceA, sourceB, type, attributes), shape)
  }
  return graph.node(op, [a, b], { shape, type }, attributes)
}

const spreadFrom = (value: GraphValue): GraphValue => nodeOf(value, 'Expand')?.inputs[0] ?? value
