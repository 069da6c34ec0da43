/** A graph of TensorFlow operations in TensorFlow's own file format, `saved_model.pb` (tensorflow/core/protobuf). */
import type { Binding, OperationAttribute, TensorValues } from './addon.js'

/** One field of a protocol buffer message, encoded; the functions below write the few wire types that a graph takes. */
type Field = Uint8Array

const varint = (value: bigint): number[] => {
  // A negative number is written as its 64 bits.
  let rest = BigInt.asUintN(64, value)
  const bytes: number[] = []
  do {
    const low = Number(rest & 0x7fn)
    rest >>= 7n
    bytes.push(rest > 0n ? low | 0x80 : low)
  } while (rest > 0n)
  return bytes
}

const tag = (field: number, wireType: number): number[] => varint(BigInt((field << 3) | wireType))

/** Any integer, enum or boolean. */
const integerField = (field: number, value: number | boolean): Field =>
  Uint8Array.from([...tag(field, 0), ...varint(BigInt(value))])

/** A 32-bit float. */
const floatField = (field: number, value: number): Field => {
  const bytes = new Uint8Array(Float32Array.of(value).buffer)
  return Uint8Array.from([...tag(field, 5), ...bytes])
}

/** Bytes, or text as UTF-8. */
const bytesField = (field: number, value: Uint8Array | string): Field => {
  const bytes = typeof value === 'string' ? Buffer.from(value) : value
  return Buffer.concat([Uint8Array.from([...tag(field, 2), ...varint(BigInt(bytes.length))]), bytes])
}

/** A message inside a message. */
const messageField = (field: number, ...fields: readonly Field[]): Field => bytesField(field, Buffer.concat(fields))

const message = (...fields: readonly Field[]): Uint8Array => Buffer.concat(fields)

/** Output number `output` of the graph's node number `node`. */
export interface TensorflowOutput {
  readonly node: number
  readonly output: number
}

/** A tensor that a run is given, known when the graph is made, or computed. */
export type TensorflowNode =
  | { readonly kind: 'input'; readonly dtype: number; readonly shape: readonly number[] }
  | {
      readonly kind: 'constant'
      readonly dtype: number
      readonly shape: readonly number[]
      readonly values: TensorValues
    }
  | {
      readonly kind: 'operation'
      readonly operation: string
      readonly attributes: readonly OperationAttribute[]
      readonly inputs: readonly TensorflowOutput[]
    }

/** What a session calls a node's output. */
export const sourceName = ({ node, output }: TensorflowOutput): string => `n${node}:${output}`

const shapeFields = (shape: readonly number[]): readonly Field[] =>
  shape.map((extent) => messageField(2, integerField(1, extent)))

const typeValue = (dtype: number): Field => integerField(6, dtype)

const tensorValue = (dtype: number, shape: readonly number[], values: TensorValues): Field =>
  messageField(
    8,
    integerField(1, dtype),
    messageField(2, ...shapeFields(shape)),
    bytesField(4, new Uint8Array(values.buffer, values.byteOffset, values.byteLength)),
  )

/** Lists are numbers joined in the one message field of their kind. */
const numbersValue = (value: unknown, field: number, encode: (field: number, value: number) => Field): Field =>
  Array.isArray(value)
    ? messageField(1, ...value.map((element) => encode(field, Number(element))))
    : encode(field, Number(value))

/** An attribute as the message AttrValue; the fields of a list have the numbers of the single values. */
const attributeValue = (binding: Binding, { type, value }: OperationAttribute): Field | undefined => {
  switch (type) {
    case binding.TF_ATTR_STRING:
      return bytesField(2, String(value))
    case binding.TF_ATTR_INT:
      return numbersValue(value, 3, integerField)
    case binding.TF_ATTR_FLOAT:
      return numbersValue(value, 4, floatField)
    case binding.TF_ATTR_BOOL:
      return numbersValue(value, 5, integerField)
    case binding.TF_ATTR_TYPE:
      return typeValue(Number(value))
    case binding.TF_ATTR_SHAPE:
      return messageField(7, ...shapeFields(value as number[]))
    default:
      return undefined
  }
}

const nodeField = (
  index: number,
  operation: string,
  inputs: readonly TensorflowOutput[],
  attributes: ReadonlyMap<string, Field>,
): Field =>
  messageField(
    1,
    bytesField(1, `n${index}`),
    bytesField(2, operation),
    ...inputs.map((source) => bytesField(3, sourceName(source))),
    ...[...attributes].map(([name, value]) => messageField(5, bytesField(1, name), messageField(2, value))),
  )

const encodeNode = (binding: Binding, node: TensorflowNode, index: number): Field => {
  switch (node.kind) {
    case 'input':
      return nodeField(
        index,
        'Placeholder',
        [],
        new Map([
          ['dtype', typeValue(node.dtype)],
          ['shape', messageField(7, ...shapeFields(node.shape))],
        ]),
      )
    case 'constant':
      return nodeField(
        index,
        'Const',
        [],
        new Map([
          ['dtype', typeValue(node.dtype)],
          ['value', tensorValue(node.dtype, node.shape, node.values)],
        ]),
      )
    case 'operation':
      return nodeField(
        index,
        node.operation,
        node.inputs,
        new Map(
          node.attributes.flatMap((attribute) => {
            const value = attributeValue(binding, attribute)
            return value === undefined ? [] : [[attribute.name, value] as const]
          }),
        ),
      )
  }
}

/** What marks the one graph of the file. */
export const servingTag = 'serve'

/** The oldest and the newest kind of graph that this is: what TensorFlow 2.0 to 2.21 read and write. */
const versions = messageField(4, integerField(1, 987), integerField(2, 12))

/** The file's bytes. Node i of the graph is called `n<i>`. */
export const encodeSavedModel = (binding: Binding, nodes: readonly TensorflowNode[]): Uint8Array => {
  const graph = messageField(2, ...nodes.map((node, index) => encodeNode(binding, node, index)), versions)
  const information = messageField(1, bytesField(4, servingTag))
  return message(integerField(1, 1), messageField(2, information, graph))
}
