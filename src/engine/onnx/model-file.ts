/** An ONNX file as it is handed out, run by ONNX Runtime on the CPU. */
import onnxProto from 'onnx-proto'
import * as ort from 'onnxruntime-node'
import { sentenceOf } from '../../base/errors.js'
import { readWholeFile } from '../../base/files.js'
import { EngineError } from '../engine.js'
import { cpuSessionOptions } from './device.js'

/** Axes by length; a text is the name of one of any length. */
type FileShape = readonly (number | string)[]

export interface OnnxFile {
  readonly bytes: number
  readonly opset: number
  /** Texts by key. */
  readonly metadata: Readonly<Record<string, string>>
  /** By name. */
  readonly inputs: Readonly<Record<string, FileShape>>
  readonly outputs: Readonly<Record<string, FileShape>>
}

export interface OpenOnnxFile extends OnnxFile {
  /** The first output for these values of the first input, of this shape. */
  readonly run: (values: Float32Array, shape: readonly number[]) => Promise<Float32Array>
  readonly release: () => Promise<void>
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

const described = (path: string, bytes: Buffer): OnnxFile => {
  let model: ReturnType<typeof ModelProto.decode>
  try {
    model = ModelProto.decode(bytes)
  } catch (cause) {
    throw new EngineError(`${path}: is no ONNX model: ${sentenceOf(cause)}`, { cause })
  }
  const { graph, metadataProps, opsetImport } = model
  if (!graph?.input?.length || !graph.output?.length) throw new EngineError(`${path}: is no ONNX model`)
  return {
    bytes: bytes.length,
    opset: Number(opsetImport.find(({ domain }) => !domain)?.version ?? 0),
    metadata: Object.fromEntries(metadataProps.map(({ key, value }) => [key ?? '', value ?? ''])),
    inputs: shapesOf(graph.input),
    outputs: shapesOf(graph.output),
  }
}

/** Opens the file on so many threads. Rejects with an EngineError where it is no model, or one that does not load. */
export const openOnnxFile = async (path: string, threads = 1): Promise<OpenOnnxFile> => {
  const bytes = readWholeFile(path)
  const file = described(path, bytes)
  const refused = (cause: unknown): never => {
    throw new EngineError(`${path}: ONNX Runtime does not take it: ${sentenceOf(cause).split('\n')[0]}`, { cause })
  }
  const session = await ort.InferenceSession.create(bytes, cpuSessionOptions(threads)).catch(refused)
  const [input, output] = [session.inputNames[0], session.outputNames[0]]
  return {
    ...file,
    run: async (values, shape) => {
      const results = await session.run({ [input]: new ort.Tensor('float32', values, shape) }, [output]).catch(refused)
      return results[output].data as Float32Array
    },
    release: () => session.release(),
  }
}
