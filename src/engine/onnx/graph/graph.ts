/** A graph of ONNX operations as it grows under a trace. */
import { EngineError } from '../../engine.js'
import { sizeOfShape } from '../../host-values.js'
import { halfOf } from './half.js'

export type ElementType = 'float32' | 'float16' | 'int32' | 'int64' | 'int8' | 'uint8' | 'bool'

type ElementArray = Float32Array | Uint16Array | Int32Array | BigInt64Array | Int8Array | Uint8Array

/** An ONNX attribute; the kind says how it is encoded. */
type Attribute =
  | { readonly float: number }
  | { readonly int: number }
  | { readonly ints: readonly number[] }
  | { readonly text: string }

export type Attributes = Readonly<Record<string, Attribute>>

/** Constant content: every element, or the one number that all elements are. */
type ConstantContent = { readonly elements: ElementArray } | { readonly uniform: number }

type ValueOrigin =
  | { readonly kind: 'input'; readonly name: string }
  | { readonly kind: 'constant'; readonly content: ConstantContent; readonly name?: string }
  | { readonly kind: 'node'; readonly node: GraphNode }

/** One tensor of the graph. */
export interface GraphValue {
  readonly graph: Graph
  /** Unique in the graph; grows in the order of creation, so it is also a topological order. */
  readonly id: number
  readonly shape: readonly number[]
  readonly type: ElementType
  readonly origin: ValueOrigin
  /** The TensorFlow.js kernel that made it, for errors. */
  readonly madeBy: string
}

export interface GraphNode {
  readonly op: string
  /** Operator set; empty for standard ONNX. */
  readonly domain: string
  readonly inputs: readonly GraphValue[]
  readonly attributes: Attributes
  readonly outputs: readonly GraphValue[]
}

interface NodeOutput {
  readonly shape: readonly number[]
  readonly type: ElementType
}

const arrayOf: Readonly<Record<ElementType, (values: ArrayLike<number>) => ElementArray>> = {
  float32: (values) => Float32Array.from(values),
  float16: (values) => {
    const halves = new Uint16Array(values.length)
    for (let at = 0; at < values.length; at++) halves[at] = halfOf(values[at])
    return halves
  },
  int32: (values) => Int32Array.from(values),
  int64: (values) => BigInt64Array.from(Array.from(values), (value) => BigInt(value)),
  int8: (values) => Int8Array.from(values),
  uint8: (values) => Uint8Array.from(values),
  bool: (values) => Uint8Array.from(values),
}

/** Above this many elements, a constant is not looked up among those that exist already. */
const deduplicationLimit = 4096

/**
 * `fast`: operator set 20, with operators of com.microsoft where they are faster. `standard`: what any runtime reads
 * that has operator set 17, the first with LayerNormalization as one operator.
 */
export type Dialect = 'fast' | 'standard'

/**
 * In what the weights of a standard graph are kept. `fp16`: matrices in half precision, and computed with in single;
 * `int8`: matrices that tokens are multiplied by in 8 bits, and multiplied as such.
 */
export type WeightPrecision = 'fp32' | 'fp16' | 'int8'

export class Graph {
  /** Name of the traced function, for errors. */
  readonly label: string
  readonly dialect: Dialect
  readonly precision: WeightPrecision
  readonly inputs: GraphValue[] = []
  /** The TensorFlow.js kernel that is being traced. */
  kernel = 'the trace itself'
  readonly #nodes = new Map<string, GraphNode>()
  readonly #constants = new Map<string, GraphValue>()
  readonly #named = new Map<string, GraphValue>()
  #nextId = 0

  constructor(label: string, dialect: Dialect = 'fast', precision: WeightPrecision = 'fp32') {
    this.label = label
    this.dialect = dialect
    this.precision = precision
  }

  #value(shape: readonly number[], type: ElementType, origin: ValueOrigin): GraphValue {
    return { graph: this, id: this.#nextId++, shape: [...shape], type, origin, madeBy: this.kernel }
  }

  input(name: string, shape: readonly number[], type: ElementType): GraphValue {
    const value = this.#value(shape, type, { kind: 'input', name })
    this.inputs.push(value)
    return value
  }

  /** A constant with a name of its own. Whatever its elements are, the graph is the same: none is optimised away. */
  weight(name: string, shape: readonly number[], elements: Float32Array): GraphValue {
    if (this.precision !== 'fp16' || shape.length < 2) return this.named(name, 'float32', shape, elements)
    const half = this.named(name, 'float16', shape, arrayOf.float16(elements))
    // Where a session is made, this is computed once.
    return this.node('Cast', [half], { shape, type: 'float32' }, { to: { int: 1 } })
  }

  /** The constant of this name; of the elements that it was made of first. */
  named(name: string, type: ElementType, shape: readonly number[], elements: ElementArray): GraphValue {
    const existing = this.#named.get(name)
    if (existing !== undefined) return existing
    const value = this.#value(shape, type, { kind: 'constant', content: { elements }, name })
    this.#named.set(name, value)
    return value
  }

  /** A constant tensor. The elements are taken over: the caller may not change them afterwards. */
  constant(type: ElementType, shape: readonly number[], elements: ElementArray): GraphValue {
    if (elements.length !== sizeOfShape(shape)) {
      throw new EngineError(`${this.label}: a constant of shape [${shape}] was given ${elements.length} elements`)
    }
    // -0 and 0 are told apart, NaN equals itself: a constant keeps its bits.
    const first = elements[0]
    if (first !== undefined && elements.every((element: number | bigint) => Object.is(element, first))) {
      return this.uniform(type, shape, Number(first))
    }
    if (elements.length > deduplicationLimit)
      return this.#value(shape, type, { kind: 'constant', content: { elements } })
    const bytes = Buffer.from(elements.buffer, elements.byteOffset, elements.byteLength).toString('latin1')
    return this.#constant(`${type}|${shape}|${bytes}`, type, shape, { elements })
  }

  /** A constant tensor whose elements are all the same. */
  uniform(type: ElementType, shape: readonly number[], uniform: number): GraphValue {
    const kept = Number(arrayOf[type]([uniform])[0])
    const written = Object.is(kept, -0) ? '-0' : String(kept)
    return this.#constant(`${type}|${shape}|all ${written}`, type, shape, { uniform: kept })
  }

  #constant(key: string, type: ElementType, shape: readonly number[], content: ConstantContent): GraphValue {
    const existing = this.#constants.get(key)
    if (existing !== undefined) return existing
    const value = this.#value(shape, type, { kind: 'constant', content })
    this.#constants.set(key, value)
    return value
  }

  scalar(type: ElementType, value: number): GraphValue {
    return this.uniform(type, [], value)
  }

  /** A list of integers as ONNX takes shapes, axes and the like: int64, `[length]`. */
  integers(values: readonly number[]): GraphValue {
    return this.constant('int64', [values.length], arrayOf.int64(values))
  }

  /** Appends an operation with one output, or finds the same operation on the same inputs. */
  node(
    op: string,
    inputs: readonly GraphValue[],
    output: NodeOutput,
    attributes: Attributes = {},
    domain = '',
  ): GraphValue {
    return this.nodes(op, inputs, [output], attributes, domain)[0]
  }

  /** Like `node`, with several outputs. */
  nodes(
    op: string,
    inputs: readonly GraphValue[],
    outputs: readonly NodeOutput[],
    attributes: Attributes = {},
    domain = '',
  ): readonly GraphValue[] {
    const foreign = inputs.find((input) => input.graph !== this)
    if (foreign !== undefined) {
      throw new EngineError(
        `${this.label}: ${this.kernel} was given a tensor that ${foreign.madeBy} made ` +
          `in the trace of ${foreign.graph.label}`,
      )
    }
    const key = `${domain}.${op}(${inputs.map((input) => input.id)})${JSON.stringify(attributes)}`
    const existing = this.#nodes.get(key)
    if (existing !== undefined) return existing.outputs
    const made: GraphValue[] = []
    const node: GraphNode = { op, domain, inputs, attributes, outputs: made }
    for (const { shape, type } of outputs) made.push(this.#value(shape, type, { kind: 'node', node }))
    this.#nodes.set(key, node)
    return made
  }
}

/** The number that all elements of a value are, where that is known. */
export const uniformOf = (value: GraphValue): number | undefined =>
  value.origin.kind === 'constant' && 'uniform' in value.origin.content ? value.origin.content.uniform : undefined

/** The node that made a value, where it is one of this operation. */
export const nodeOf = (value: GraphValue, op: string): GraphNode | undefined =>
  value.origin.kind === 'node' && value.origin.node.op === op ? value.origin.node : undefined

/** All elements of a constant, as one array. */
export const elementsOf = (type: ElementType, shape: readonly number[], content: ConstantContent): ElementArray =>
  'elements' in content
    ? content.elements
    : arrayOf[type](Array.from({ length: sizeOfShape(shape) }, () => content.uniform))
