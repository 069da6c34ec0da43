/**
 * The gradient of a slice is its own gradient padded with zeros; where several slices of one tensor are used, such
 * tensors are added up. Where the padded parts do not overlap, joining them costs a fraction of padding and adding.
 */
import { type Graph, type GraphValue, nodeOf, uniformOf } from './graph.js'

interface Part {
  readonly start: number
  readonly value: GraphValue
}

/** A tensor that is zero but for these parts along one axis. */
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
  return start === undefined ? undefined : { axis: padded[0]!, parts: [{ start: start[padded[0]!]!, value: source }] }
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
  const shape = x.shape.map((extent, axis) => extent + paddings[axis]![0] + paddings[axis]![1])
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
    position = start + value.shape[axis]!
  }
  fill(one.shape[axis]!)
  const sum = graph.node('Concat', pieces, { shape: one.shape, type: one.type }, { axis: { int: axis } })
  joined.set(sum, { axis, parts })
  return sum
}
