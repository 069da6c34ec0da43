/** ONNX files with one input and one output each, run one after the other by ONNX Runtime on the CPU. */
import * as ort from 'onnxruntime-node'
import { sentenceOf } from '../../base/errors.js'
import { readWholeFile } from '../../base/files.js'
import { EngineError } from '../engine.js'
import { cpuSessionOptions } from './device.js'

export interface OnnxChain {
  /** Makes ready the files; those that are, are not read again. */
  readonly open: (paths: readonly string[]) => Promise<void>
  /** The last one's output for these values of the first one's input, of this shape. */
  readonly run: (paths: readonly string[], values: Float32Array, shape: readonly number[]) => Promise<Float32Array>
  readonly release: () => Promise<void>
}

/** On so many threads. Its functions reject with an EngineError where a file is no model or does not load. */
export const openOnnxChain = (threads = 1): OnnxChain => {
  const sessions = new Map<string, Promise<ort.InferenceSession>>()
  const refused =
    (path: string) =>
    (cause: unknown): never => {
      throw new EngineError(`${path}: ONNX Runtime does not take it: ${sentenceOf(cause).split('\n')[0]}`, { cause })
    }
  const sessionOf = (path: string): Promise<ort.InferenceSession> => {
    const known = sessions.get(path)
    if (known !== undefined) return known
    const session = ort.InferenceSession.create(readWholeFile(path), cpuSessionOptions(threads)).catch(refused(path))
    sessions.set(path, session)
    session.catch(() => sessions.delete(path))
    return session
  }
  return {
    open: async (paths) => void (await Promise.all(paths.map(sessionOf))),
    run: async (paths, values, shape) => {
      let value: ort.Tensor = new ort.Tensor('float32', values, shape)
      for (const path of paths) {
        const session = await sessionOf(path)
        const [output] = session.outputNames
        const results = await session.run({ [session.inputNames[0]]: value }, [output]).catch(refused(path))
        value = results[output]
      }
      return value.data as Float32Array
    },
    release: async () => {
      const open = await Promise.all(sessions.values())
      sessions.clear()
      await Promise.all(open.map((session) => session.release()))
    },
  }
}
