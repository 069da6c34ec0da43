/**
 * A function as an ONNX model for other programs: any number of rows, standard operators of set 17 alone, weights by
 * their names.
 */
import type { TensorFunction, TensorSpecs } from '../engine.js'
import { EngineError } from '../engine.js'
import { type BatchAxis, encodeModel } from './graph/encode.js'
import { elementsOf, Graph, type GraphNode, type GraphValue, type WeightPrecision } from './graph/graph.js'
import { type NamedWeights, traceInto } from './trace.js'

interface ExportedFunction {
  /** Names the graph. */
  readonly label: string
  /** Of inputs and weights; each row of the results depends on the same row of the inputs alone. */
  readonly fn: TensorFunction
  /** The inputs for so many rows. */
  readonly inputs: (rows: number) => TensorSpecs
  /** Initialisers of the model, as they are named here. */
  readonly weights: NamedWeights
  readonly precision?: WeightPrecision
  /** The model's metadata: texts by key. */
  readonly metadata: Readonly<Record<string, string>>
}

/** Primes that divide no extent of a model, so that what depends on the number of rows shows. */
const [FEW, MORE] = [1009, 1013]

const sameNumbers = (one: ArrayLike<unknown>, other: ArrayLike<unknown>): boolean =>
  one.length === other.length && Array.from(one).every((value, at) => Object.is(value, other[at]))

/**
 * Where two traces of one function differ, which were made for different numbers of rows: extents, and the shapes that
 * tensors are reshaped to, of which -1 stands for the extent that depends on it. Throws an EngineError where anything
 * else does.
 */
const batchAxisOf = (label: string, one: readonly GraphValue[], other: readonly GraphValue[]): BatchAxis => {
  const partners = new Map<GraphValue, GraphValue>()
  const constants = new Map<GraphValue, BigInt64Array>()
  const differs = (what: string): never => {
    throw new EngineError(`${label}: ${what} depends on the number of rows, so the model cannot take any number`)
  }
  const open = one.map((value, at) => [value, other[at]] as const)
  for (let pair = open.pop(); pair !== undefined; pair = open.pop()) {
    const [a, b] = pair
    const known = partners.get(a)
    if (known === b) continue
    if (known !== undefined || a.origin.kind !== b.origin.kind || a.shape.length !== b.shape.length) {
      differs(`what ${a.madeBy} makes`)
    }
    partners.set(a, b)
    if (a.origin.kind === 'node' && b.origin.kind === 'node') {
      const [p, q] = [a.origin.node, b.origin.node]
      if (p.op !== q.op || JSON.stringify(p.attributes) !== JSON.stringify(q.attributes)) differs(`${p.op}`)
      p.inputs.forEach((input, at) => open.push([input, q.inputs[at]]))
    } else if (a.origin.kind === 'constant' && b.origin.kind === 'constant' && a.origin.name === undefined) {
      const [x, y] = [elementsOf(a.type, a.shape, a.origin.content), elementsOf(b.type, b.shape, b.origin.content)]
      if (sameNumbers(x, y)) continue
      if (!(x instanceof BigInt64Array)) differs(`a constant ${a.type}`)
      const free = BigInt64Array.from(x as BigInt64Array, (extent, at) => (extent === y[at] ? extent : -1n))
      if (free.filter((extent) => extent === -1n).length > 1) differs('more than one extent of a shape')
      constants.set(a, free)
    }
  }
  return {
    name: 'batch',
    constants,
    isFree: (value, axis) => value.shape[axis] !== (partners.get(value) ?? value).shape[axis],
  }
}

/** The part of the model that a weight is of: `blocks.0.attn.qkv` of `blocks.0.attn.qkv.weight`. */
const partOfWeight = (name: string): string => name.replace(/\.(weight|bias|gamma)(_quantized|_scale)?$/, '')

/**
 * Names for people: each node is called by its operator and the part of the model that the last weight belongs to which
 * a node before it has read.
 */
const readableNames = (values: readonly GraphValue[]): ReadonlyMap<GraphNode, string> => {
  const names = new Map<GraphNode, string>()
  const counts = new Map<string, number>()
  let part = ''
  for (const { origin } of values) {
    if (origin.kind !== 'node' || names.has(origin.node)) continue
    const { op, inputs } = origin.node
    const weights = inputs.flatMap((input) => (input.origin.kind === 'constant' ? (input.origin.name ?? []) : []))
    if (weights.length > 0) part = partOfWeight(weights[0])
    const base = part === '' ? op : `${part}/${op}`
    const count = (counts.get(base) ?? 0) + 1
    counts.set(base, count)
    names.set(origin.node, count === 1 ? base : `${base}_${count}`)
  }
  return names
}

/** The bytes of an ONNX ModelProto: the same for the same function. Throws an EngineError as a trace does. */
export const exportOnnx = ({ label, fn, inputs, weights, precision, metadata }: ExportedFunction): Uint8Array => {
  const [one, other] = [FEW, MORE].map((rows) => {
    const graph = new Graph(label, 'standard', precision)
    return { graph, outputs: traceInto(graph, fn, inputs(rows), weights) }
  })
  const [ends, otherEnds] = [one, other].map(({ graph, outputs }) => [
    ...graph.inputs,
    ...outputs.map(({ value }) => value),
  ])
  const batchAxis = batchAxisOf(label, ends, otherEnds)
  return encodeModel(one.graph, one.outputs, { namesOf: readableNames, batchAxis, metadata }).bytes
}
