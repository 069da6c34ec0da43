/** An ONNX file as it is handed out, run by ONNX Runtime on the CPU. */
import * as ort from 'onnxruntime-node'
import { sentenceOf } from '../../base/errors.js'
import { readWholeFile } from '../../base/files.js'
import { EngineError } from '../engine.js'
import { cpuSessionOptions } from './device.js'
import { describeOnnx, type OnnxFile } from './file-description.js'

export interface OpenOnnxFile extends OnnxFile {
  /** The first output for these values of the first input, of this shape. */
  readonly run: (values: Float32Array, shape: readonly number[]) => Promise<Float32Array>
  readonly release: () => Promise<void>
}

/** Opens the file on so many threads. Rejects with an EngineError where it is no model, or one that does not load. */
export const openOnnxFile = async (path: string, threads = 1): Promise<OpenOnnxFile> => {
  const bytes = readWholeFile(path)
  const file = describeOnnx(path, bytes)
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
