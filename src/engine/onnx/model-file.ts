/** ONNX files as they are handed out, run by ONNX Runtime on the CPU: one alone, or several one after the other. */
import * as ort from 'onnxruntime-node'
import { sentenceOf } from '../../base/errors.js'
import { readWholeFile } from '../../base/files.js'
import { EngineError } from '../engine.js'
import { cpuSessionOptions } from './device.js'
import { describeOnnx, type OnnxFile } from './file-description.js'

const refusedAt =
  (path: string) =>
  (cause: unknown): never => {
    throw new EngineError(`${path}: ONNX Runtime does not take it: ${sentenceOf(cause).split('\n')[0]}`, { cause })
  }

const openSession = (path: string, bytes: Uint8Array, threads: number): Promise<ort.InferenceSession> =>
  ort.InferenceSession.create(bytes, cpuSessionOptions(threads)).catch(refusedAt(path))

/** The first output for this first input. */
const runSession = async (path: string, session: ort.InferenceSession, input: ort.Tensor): Promise<ort.Tensor> => {
  const [output] = session.outputNames
  const results = await session.run({ [session.inputNames[0]]: input }, [output]).catch(refusedAt(path))
  return results[output]
}

export interface OpenOnnxFile extends OnnxFile {
  /** The first output for these values of the first input, of this shape. */
  readonly run: (values: Float32Array, shape: readonly number[]) => Promise<Float32Array>
  readonly release: () => Promise<void>
}

/** Opens the file on so many threads. Rejects with an EngineError where it is no model, or one that does not load. */
export const openOnnxFile = async (path: string, threads = 1): Promise<OpenOnnxFile> => {
  const bytes = readWholeFile(path)
  const file = describeOnnx(path, bytes)
  const session = await openSession(path, bytes, threads)
  return {
    ...file,
    run: async (values, shape) => {
      const output = await runSession(path, session, new ort.Tensor('float32', values, shape))
      return output.data as Float32Array
    },
    release: () => session.release(),
  }
}

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
  const sessionOf = (path: string): Promise<ort.InferenceSession> => {
    const known = sessions.get(path)
    if (known !== undefined) return known
    const session = openSession(path, readWholeFile(path), threads)
    sessions.set(path, session)
    session.catch(() => sessions.delete(path))
    return session
  }
  return {
    open: async (paths) => void (await Promise.all(paths.map(sessionOf))),
    run: async (paths, values, shape) => {
      let value: ort.Tensor = new ort.Tensor('float32', values, shape)
      for (const path of paths) value = await runSession(path, await sessionOf(path), value)
      return value.data as Float32Array
    },
    release: async () => {
      const open = await Promise.all(sessions.values())
      sessions.clear()
      await Promise.all(open.map((session) => session.release()))
    },
  }
}
