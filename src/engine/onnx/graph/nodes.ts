/**
 * The operations that kernels are written in: each adds the ONNX nodes that it takes to the graph, with the result's
 * shape, and none where constants, or the nodes before, make it needless.
 */
import { sizeOfShape } from '../../host-values.js'
import { type Attributes, type ElementType, type Graph, type GraphValue, nodeOf, uniformOf } from './graph.js'

/** The value in another element type. */
export const cast = (graph: Graph, value: GraphValue, type: ElementType): GraphValue => {
  if (value.type === type) return value
  return graph.node('Cast', [value], { shape: value.shape, type }, { to: { int: onnxTypeCode[type] } })
}

/** ONNX's numbers for the element types. */
const onnxTypeCode: Readonly<Record<ElementType, number>> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
}

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
  // Where both are spread along an axis they are combined before they are spread.
  const [sourceA, sourceB] = [spreadFrom(a), spreadFrom(b)]
  const inner = broadcastShape(sourceA.shape, sourceB.shape)
  if (sizeOfShape(inner) < sizeOfShape(shape)) {
    return expand(graph, binary(graph, op, sourceA, sourceB, type, attributes), shape)
  }
  return graph.node(op, [a, b], { shape, type }, attributes)
}

const spreadFrom = (value: GraphValue): GraphValue => nodeOf(value, 'Expand')?.inputs[0] ?? value

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

export const transpose = (graph: Graph, x: GraphValue, perm: readonly number[]): GraphValue => {
  const shape = perm.map((axis) => x.shape[axis])
  const before = nodeOf(x, 'Transpose')
  if (before !== undefined && 'perm' in before.attributes) {
    const inner = (before.attributes['perm'] as { readonly ints: readonly number[] }).ints
    return transpose(
      graph,
      before.inputs[0],
      perm.map((axis) => inner[axis]),
    )
  }
  // Where only axes of one element move, the elements stay in their order.
  const moved = perm.filter((axis) => x.shape[axis] !== 1)
  if (moved.every((axis, index) => index === 0 || axis > moved[index - 1])) return reshape(graph, x, shape)
  return (
    swappedMiddle(graph, x, perm) ?? graph.node('Transpose', [x], { shape, type: x.type }, { perm: { ints: perm } })
  )
}

/**
 * `[.., a, b, c]` → `[.., b, a, c]`: ONNX Runtime moves single axes half as fast as it permutes axes freely, so an axis
 * of one element is moved along.
 */
const swappedMiddle = (graph: Graph, x: GraphValue, perm: readonly number[]): GraphValue | undefined => {
  const rank = perm.length
  const swapped = perm.every(
    (axis, index) => axis === (index === rank - 3 ? index + 1 : index === rank - 2 ? index - 1 : index),
  )
  if (rank < 3 || !swapped) return undefined
  const [a, b, c] = x.shape.slice(-3)
  const outer = x.shape.slice(0, -3).reduce((size, extent) => size * extent, 1)
  const raised = reshape(graph, x, [outer, a, 1, b, c])
  const moved = graph.node(
    'Transpose',
    [raised],
    { shape: [1, outer, b, a, c], type: x.type },
    { perm: { ints: [2, 0, 3, 1, 4] } },
  )
  return reshape(graph, moved, [...x.shape.slice(0, -3), b, a, c])
}

export const slice = (graph: Graph, x: GraphValue, begin: readonly number[], size: readonly number[]): GraphValue => {
  const axes = x.shape.flatMap((extent, axis) => (size[axis] === extent ? [] : [axis]))
  if (axes.length === 0) return x
  const starts = axes.map((axis) => begin[axis])
  const ends = axes.map((axis) => begin[axis] + size[axis])
  const inputs = [x, graph.integers(starts), graph.integers(ends), graph.integers(axes)]
  return graph.node('Slice', inputs, { shape: size, type: x.type })
}

/** A WebGPU shader may bind 12 buffers. */
const concatLimit = 10

export const concat = (graph: Graph, given: readonly GraphValue[], axis: number): GraphValue => {
  const parts = given.filter((part) => part.shape[axis] !== 0)
  if (parts.length === 0) return given[0]
  if (parts.length === 1) return parts[0]
  if (parts.length > concatLimit) {
    const groups = Array.from({ length: Math.ceil(parts.length / concatLimit) }, (_, group) =>
      concat(graph, parts.slice(group * concatLimit, (group + 1) * concatLimit), axis),
    )
    return concat(graph, groups, axis)
  }
  const shape = [...parts[0].shape]
  shape[axis] = parts.reduce((sum, part) => sum + part.shape[axis], 0)
  return graph.node('Concat', parts, { shape, type: parts[0].type }, { axis: { int: axis } })
}

/** The end of a slice with a negative step that takes the first element too. */
export const beforeFirst = -(2 ** 31)

export const fromEnd = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis)

export const reverse = (graph: Graph, x: GraphValue, dims: readonly number[]): GraphValue => {
  const axes = dims.map((axis) => fromEnd(axis, x.shape.length)).filter((axis) => x.shape[axis] !== 1)
  if (axes.length === 0) return x
  const list = (value: number) => graph.integers(axes.map(() => value))
  return graph.node('Slice', [x, list(-1), list(beforeFirst), graph.integers(axes), list(-1)], x)
}

interface Part {
  readonly start: number
  readonly value: GraphValue
}

/**
 * A tensor that is zero but for these parts along one axis. The gradient of a slice is one: the slice's own gradient
 * padded with zeros. Where several slices of a tensor are used such tensors are added up, and where their parts do not
 * overlap, joining the parts costs a fraction of padding and adding.
 */
interface Parts {
  readonly axis: number
  readonly parts: readonly Part[]
}

const joined = new WeakMap<GraphValue, Parts>()

const partsOf = (value: GraphValue): Parts | undefined => {
  const known = joined.get(value)
  if (known !== undefined) return known
  const [source, , filling] = nodeOf(value, 'Pad')?.inputs ?? []
  if (source === undefined || filling === undefined || uniformOf(filling) !== 0) return undefined
  const padded = value.shape.flatMap((extent, axis) => (extent === source.shape[axis] ? [] : [axis]))
  if (padded.length !== 1) return undefined
  const start = padStarts.get(value)
  return start === undefined ? undefined : { axis: padded[0], parts: [{ start: start[padded[0]], value: source }] }
}

const padStarts = new WeakMap<GraphValue, readonly number[]>()

/** Pads with one value; `paddings` are the elements before and after, an axis each. */
export const pad = (
  graph: Graph,
  x: GraphValue,
  paddings: readonly (readonly [number, number])[],
  filling: number,
): GraphValue => {
  if (paddings.every(([before, after]) => before === 0 && after === 0)) return x
  const shape = x.shape.map((extent, axis) => extent + paddings[axis][0] + paddings[axis][1])
  const starts = paddings.map(([before]) => before)
  const pads = graph.integers([...starts, ...paddings.map(([, after]) => after)])
  const padded = graph.node('Pad', [x, pads, graph.scalar(x.type, filling)], { shape, type: x.type })
  padStarts.set(padded, starts)
  return padded
}

/** The sum of two tensors padded along the same axis, where their parts do not overlap. */
export const joinPadded = (graph: Graph, one: GraphValue, other: GraphValue): GraphValue | undefined => {
  const [a, b] = [partsOf(one), partsOf(other)]
  if (a === undefined || b === undefined || a.axis !== b.axis || String(one.shape) !== String(other.shape)) {
    return undefined
  }
  const { axis } = a
  const parts = [...a.parts, ...b.parts].sort((left, right) => left.start - right.start)
  const pieces: GraphValue[] = []
  let position = 0
  const fill = (to: number) => {
    const gap = one.shape.map((extent, index) => (index === axis ? to - position : extent))
    if (to > position) pieces.push(graph.uniform(one.type, gap, 0))
  }
  for (const { start, value } of parts) {
    if (start < position) return undefined
    fill(start)
    pieces.push(value)
    position = start + value.shape[axis]
  }
  fill(one.shape[axis])
  const sum = graph.node('Concat', pieces, { shape: one.shape, type: one.type }, { axis: { int: axis } })
  joined.set(sum, { axis, parts })
  return sum
}
