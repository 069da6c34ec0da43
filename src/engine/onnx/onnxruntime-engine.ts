/** The engine that traces a function once and runs it as a whole by ONNX Runtime. */
import * as ort from 'onnxruntime-node'
import {
  type CompiledFunction,
  type Engine,
  EngineError,
  type EngineRequest,
  type HostArray,
  type TensorFunction,
  type TensorSpec,
} from '../engine.js'
import { checkedInput, checkSpecs } from '../host-values.js'
import { traceToOnnx } from './trace.js'

/** ONNX Runtime's memory arena and memory patterns stay on, as is its default: without the arena a step takes 1.5 times as long. */
const sessionOptions = ({ device, threads }: EngineRequest): ort.InferenceSession.SessionOptions => ({
  executionProviders: device === 'cpu' ? ['cpu'] : [device, 'cpu'],
  intraOpNumThreads: threads,
  interOpNumThreads: 1,
  executionMode: 'sequential',
  graphOptimizationLevel: 'all',
  logSeverityLevel: 3,
  // A spinning thread takes the core from stages that run beside this one: with two threads on two busy cores a step
  // took twice as long.
  extra: { session: { intra_op: { allow_spinning: '0' } } },
})

const session = async (label: string, bytes: Uint8Array, request: EngineRequest): Promise<ort.InferenceSession> => {
  try {
    return await ort.InferenceSession.create(bytes, sessionOptions(request))
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new EngineError(`${label}: ONNX Runtime does not take the graph on ${request.device}: ${reason}`, {
      cause: error,
    })
  }
}

const compile = async (
  request: EngineRequest,
  label: string,
  fn: TensorFunction,
  inputs: Readonly<Record<string, TensorSpec>>,
): Promise<CompiledFunction> => {
  checkSpecs(label, inputs)
  const specs = Object.entries(inputs)
  const { bytes, outputs, outputNames } = traceToOnnx(label, fn, inputs)
  const compiled = await session(label, bytes, request)
  const fetches = Object.values(outputNames)
  let released = false
  return {
    outputs,
    run: async (values) => {
      if (released) throw new EngineError(`${label} was run after it had been released`)
      const feeds: Record<string, ort.Tensor> = {}
      for (const [name, spec] of specs) {
        feeds[name] = new ort.Tensor(spec.dtype, checkedInput(label, name, spec, values), spec.shape)
      }
      try {
        const results = await compiled.run(feeds, fetches)
        return Object.fromEntries(
          Object.entries(outputNames).map(([name, inModel]) => [name, results[inModel]!.data as HostArray]),
        )
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error)
        throw new EngineError(`${label}: ONNX Runtime failed: ${reason}`, { cause: error })
      }
    },
    release: async () => {
      if (released) return
      released = true
      await compiled.release()
    },
  }
}

/** Opens ONNX Runtime on the request's device. */
export const openOnnxRuntime = async (
  request: EngineRequest,
  versions: Readonly<Record<string, string>>,
): Promise<Engine> => {
  const functions = new Set<CompiledFunction>()
  return {
    name: 'onnxruntime',
    device: request.device,
    versions,
    compile: async (label, fn, inputs) => {
      const compiled = await compile(request, label, fn, inputs)
      functions.add(compiled)
      return compiled
    },
    release: async () => {
      for (const compiled of functions) await compiled.release()
      functions.clear()
    },
  }
}
