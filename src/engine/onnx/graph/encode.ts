/** A traced graph as the bytes of an ONNX model. */
import onnxProto from 'onnx-proto'
import { EngineError } from '../../engine.js'
import { sizeOfShape } from '../../host-values.js'
import {
  type Attributes,
  type Dialect,
  elementsOf,
  type ElementType,
  type Graph,
  type GraphNode,
  type GraphValue,
} from './graph.js'

const { AttributeProto, ModelProto, TensorProto } = onnxProto.onnx

/** Operator sets, and the version of the file's form that came with them. */
const versions: Readonly<Record<Dialect, { readonly opset: number; readonly ir: number }>> = {
  // Axes of all reductions are inputs since 18.
  fast: { opset: 20, ir: 9 },
  standard: { opset: 17, ir: 8 },
}

/** A protobuf message ends at 2 GiB. */
const byteLimit = 2 ** 31 - 2 ** 20

/** Uniform constants above this many elements are spread when the model is loaded, not stored. */
const storedUniformLimit = 64

const dataType: Readonly<Record<ElementType, number>> = {
  float32: TensorProto.DataType.FLOAT,
  float16: TensorProto.DataType.FLOAT16,
  int32: TensorProto.DataType.INT32,
  int64: TensorProto.DataType.INT64,
  int8: TensorProto.DataType.INT8,
  uint8: TensorProto.DataType.UINT8,
  bool: TensorProto.DataType.BOOL,
}

interface NamedOutput {
  readonly name: string
  readonly value: GraphValue
}

const ownName = ({ origin, madeBy, id }: GraphValue): string =>
  origin.kind !== 'node' && origin.name !== undefined ? origin.name : `${madeBy}:${id}`

const rawTensor = (type: ElementType, dims: readonly number[], elements: ReturnType<typeof elementsOf>) => ({
  dims: [...dims],
  dataType: dataType[type],
  rawData: new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength),
})

const attributesOf = (attributes: Attributes) =>
  Object.entries(attributes).map(([name, attribute]) => {
    const { AttributeType } = AttributeProto
    if ('float' in attribute) return { name, type: AttributeType.FLOAT, f: attribute.float }
    if ('int' in attribute) return { name, type: AttributeType.INT, i: attribute.int }
    if ('ints' in attribute) return { name, type: AttributeType.INTS, ints: [...attribute.ints] }
    return { name, type: AttributeType.STRING, s: new TextEncoder().encode(attribute.text) }
  })

const valueInfo = (name: string, value: GraphValue, batchAxis: BatchAxis | undefined) => ({
  name,
  type: {
    tensorType: {
      elemType: dataType[value.type],
      shape: {
        dim: value.shape.map((extent, axis) =>
          batchAxis?.isFree(value, axis) === true ? { dimParam: batchAxis.name } : { dimValue: extent },
        ),
      },
    },
  },
})

/** What the outputs depend on, in the order of creation. */
const reachable = (outputs: readonly NamedOutput[]): readonly GraphValue[] => {
  const seen = new Set<GraphValue>()
  const open = outputs.map(({ value }) => value)
  for (let value = open.pop(); value !== undefined; value = open.pop()) {
    if (seen.has(value)) continue
    seen.add(value)
    if (value.origin.kind === 'node') open.push(...value.origin.node.inputs)
  }
  return [...seen].sort((one, other) => one.id - other.id)
}

/**
 * ONNX Runtime computes what the last node needs first, then what the node before it needs, and so on. Creation order
 * would leave every weight's gradient to the end of a training step, and keep all that they are computed from alive
 * until then; so nodes that nothing else reads stand last, those that can be computed earliest at the very end.
 */
const readLast = (values: readonly GraphValue[]): readonly GraphValue[] => {
  const read = new Set(values.flatMap(({ origin }) => (origin.kind === 'node' ? origin.node.inputs : [])))
  const isLeaf = ({ origin }: GraphValue): boolean =>
    origin.kind === 'node' && origin.node.outputs.every((output) => !read.has(output))
  return [...values.filter((value) => !isLeaf(value)), ...values.filter(isLeaf).reverse()]
}

/** An axis of any length, in a graph that was traced for one. */
export interface BatchAxis {
  readonly name: string
  readonly isFree: (value: GraphValue, axis: number) => boolean
  /** Constants that depend on its length, as they are for every length. */
  readonly constants: ReadonlyMap<GraphValue, BigInt64Array>
}

interface ModelDetails {
  /** What nodes, and with them what they make, are called, of values in the order in which they are written. */
  readonly namesOf?: (values: readonly GraphValue[]) => ReadonlyMap<GraphNode, string>
  readonly batchAxis?: BatchAxis
  /** Texts by key. */
  readonly metadata?: Readonly<Record<string, string>>
}

/**
 * Encodes what the outputs depend on. Every input of the trace is an input of the model, used or not. An output whose
 * name an input has too is called `name:out`; `outputNames` gives the names in the model in the order of `outputs`.
 */
export const encodeModel = (
  graph: Graph,
  outputs: readonly NamedOutput[],
  { namesOf, batchAxis, metadata = {} }: ModelDetails = {},
): { readonly bytes: Uint8Array; readonly outputNames: readonly string[] } => {
  const inputNames = new Set(graph.inputs.map(ownName))
  const outputNames = outputs.map(({ name }) => (inputNames.has(name) ? `${name}:out` : name))
  // What a node makes has the output's name itself; only what has a name already needs a copy under another one.
  const given = new Map<GraphValue, string>()
  const copies: { readonly value: GraphValue; readonly name: string }[] = []
  outputs.forEach(({ value }, index) => {
    const name = outputNames[index]
    if (value.origin.kind === 'node' && !given.has(value)) given.set(value, name)
    else copies.push({ value, name })
  })
  const values = readLast(reachable(outputs))
  const readable = namesOf?.(values)
  const nodeName = (node: GraphNode, value: GraphValue): string => readable?.get(node) ?? ownName(value)
  const nameOf = (value: GraphValue): string => {
    const { origin } = value
    const single = origin.kind === 'node' && origin.node.outputs.length === 1 ? readable?.get(origin.node) : undefined
    return given.get(value) ?? single ?? ownName(value)
  }
  const initializer = []
  const nodes: object[] = []
  const written = new Set<GraphNode>()
  for (const value of values) {
    const { origin } = value
    if (origin.kind === 'constant') {
      if ('uniform' in origin.content && sizeOfShape(value.shape) > storedUniformLimit) {
        const shape = BigInt64Array.from(value.shape, (extent) => BigInt(extent))
        initializer.push({ name: `${nameOf(value)}:shape`, ...rawTensor('int64', [shape.length], shape) })
        const one = rawTensor(value.type, [1], elementsOf(value.type, [1], origin.content))
        nodes.push({
          opType: 'ConstantOfShape',
          input: [`${nameOf(value)}:shape`],
          output: [nameOf(value)],
          attribute: [{ name: 'value', type: AttributeProto.AttributeType.TENSOR, t: one }],
        })
      } else {
        const elements = batchAxis?.constants.get(value) ?? elementsOf(value.type, value.shape, origin.content)
        initializer.push({ name: nameOf(value), ...rawTensor(value.type, value.shape, elements) })
      }
    }
    if (origin.kind === 'node' && !written.has(origin.node)) {
      written.add(origin.node)
      const { op, domain, inputs, attributes, outputs: made } = origin.node
      nodes.push({
        opType: op,
        domain,
        name: nodeName(origin.node, value),
        input: inputs.map(nameOf),
        output: made.map(nameOf),
        attribute: attributesOf(attributes),
      })
    }
  }
  const bytesOfConstants = initializer.reduce((sum, { rawData }) => sum + rawData.byteLength, 0)
  if (bytesOfConstants > byteLimit) {
    throw new EngineError(
      `${graph.label}: its constants take ${bytesOfConstants} bytes, more than one ONNX model can hold; ` +
        'pass them as inputs',
    )
  }
  for (const { value, name } of copies) {
    nodes.push({ opType: 'Identity', input: [nameOf(value)], output: [name] })
  }
  const { opset, ir } = versions[graph.dialect]
  const bytes = ModelProto.encode({
    irVersion: ir,
    producerName: 'genepool',
    opsetImport: [
      { domain: '', version: opset },
      ...(graph.dialect === 'fast' ? [{ domain: 'com.microsoft', version: 1 }] : []),
    ],
    metadataProps: Object.entries(metadata).map(([key, value]) => ({ key, value })),
    graph: {
      name: graph.label,
      node: nodes,
      initializer,
      input: graph.inputs.map((value) => valueInfo(nameOf(value), value, batchAxis)),
      output: outputs.map(({ value }, index) => valueInfo(outputNames[index], value, batchAxis)),
    },
  }).finish()
  return { bytes, outputNames }
}
