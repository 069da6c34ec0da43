/** What an ONNX file says of itself; nothing of it is run. */
import onnxProto from 'onnx-proto'
import { sentenceOf } from '../../base/errors.js'
import { EngineError } from '../engine.js'

/** Axes by length; a text is the name of one of any length. */
type FileShape = readonly (number | string)[]

export interface OnnxFile {
  readonly bytes: number
  readonly opset: number
  /** Other operator sets that it names, with their versions. */
  readonly domains: Readonly<Record<string, number>>
  /** What wrote it, as the file says. */
  readonly producer: string
  /** Texts by key. */
  readonly metadata: Readonly<Record<string, string>>
  /** By name. */
  readonly inputs: Readonly<Record<string, FileShape>>
  readonly outputs: Readonly<Record<string, FileShape>>
  /** Tensors that it brings, and the bytes of their elements in the file. */
  readonly initializers: { readonly count: number; readonly bytes: number }
  /** Nodes of its graph by operator, the most frequent first; one of another domain with that before it. */
  readonly operators: Readonly<Record<string, number>>
}

const { ModelProto } = onnxProto.onnx

type ValueInfo = InstanceType<typeof onnxProto.onnx.ValueInfoProto>

const shapesOf = (values: readonly unknown[]): OnnxFile['inputs'] =>
  Object.fromEntries(
    (values as readonly ValueInfo[]).map(({ name, type }) => [
      name,
      (type?.tensorType?.shape?.dim ?? []).map(({ dimParam, dimValue }) => dimParam || Number(dimValue)),
    ]),
  )

type Tensor = onnxProto.onnx.ITensorProto

const elementBytes = ({ rawData, floatData, int32Data, int64Data, doubleData, uint64Data }: Tensor): number => {
  const lengthOf = (values: { readonly length: number } | null | undefined): number => values?.length ?? 0
  const [halves, wholes] = [lengthOf(floatData) + lengthOf(int32Data), lengthOf(int64Data) + lengthOf(uint64Data)]
  return lengthOf(rawData) + 4 * halves + 8 * (wholes + lengthOf(doubleData))
}

const countsOf = (names: readonly string[]): Readonly<Record<string, number>> => {
  const counts = new Map<string, number>()
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1)
  return Object.fromEntries([...counts].sort(([a, many], [b, more]) => more - many || (a < b ? -1 : 1)))
}

/** What the bytes of a file say. Throws an EngineError where they are no ONNX model. */
export const describeOnnx = (path: string, bytes: Uint8Array): OnnxFile => {
  let model: ReturnType<typeof ModelProto.decode>
  try {
    model = ModelProto.decode(bytes)
  } catch (cause) {
    throw new EngineError(`${path}: is no ONNX model: ${sentenceOf(cause)}`, { cause })
  }
  const { graph, metadataProps, opsetImport, producerName, producerVersion } = model
  if (!graph?.input?.length || !graph.output?.length) throw new EngineError(`${path}: is no ONNX model`)
  return {
    bytes: bytes.length,
    opset: Number(opsetImport.find(({ domain }) => !domain)?.version ?? 0),
    domains: Object.fromEntries(
      opsetImport.flatMap(({ domain, version }) => (domain ? [[domain, Number(version ?? 0)]] : [])),
    ),
    producer: [producerName, producerVersion].filter(Boolean).join(' '),
    metadata: Object.fromEntries(metadataProps.map(({ key, value }) => [key ?? '', value ?? ''])),
    inputs: shapesOf(graph.input),
    outputs: shapesOf(graph.output),
    initializers: {
      count: graph.initializer?.length ?? 0,
      bytes: (graph.initializer ?? []).reduce((sum, tensor) => sum + elementBytes(tensor), 0),
    },
    operators: countsOf(
      (graph.node ?? []).map(({ domain, opType }) => (domain ? `${domain}.${opType}` : String(opType))),
    ),
  }
}
