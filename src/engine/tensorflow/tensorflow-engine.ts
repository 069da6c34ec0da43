/**
 * The engine that computes with TensorFlow's own library. A function runs once through TensorFlow.js, whose calls are
 * recorded as a graph; from then on TensorFlow runs that graph as a whole. A function that cannot be recorded, because
 * it reads a value or uses a tensor from elsewhere, runs eagerly.
 */
import * as tf from '@tensorflow/tfjs-core'
import { openEager } from '../eager-engine.js'
import { type CompiledFunction, type Engine, EngineError } from '../engine.js'
import type { EngineOptions } from '../request.js'
import { checkedInput, checkedOutput, checkSpecs } from '../host-values.js'
import { type LocatedTensorflow, locateTensorflow } from '../installed.js'
import { backendName, loadAddon, type NodeBackend } from './addon.js'
import { graphFunction, type GraphFunction } from './graph-function.js'
import { registerNodeBackend } from './load-package.js'

/**
 * Runs the body, which loads TensorFlow's library, with settings for the request in the environment: the library reads
 * them when it is loaded. What the user has set stays as it is, but for the GPUs of an engine that is to run on the
 * CPU. Other libraries see the process's GPUs as before.
 */
const withSettings = <T>({ device, deviceIndex, threads }: EngineOptions, body: () => T): T => {
  // Sessions read these later.
  process.env['TF_NUM_INTRAOP_THREADS'] ??= String(threads)
  // Branches of the gradient side by side: measured a tenth faster than threads inside operations alone, with the same
  // bytes as the result.
  process.env['TF_NUM_INTEROP_THREADS'] ??= String(threads)
  process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '2'
  // Memory is taken as it is needed, so that another process can use the GPU too.
  process.env['TF_FORCE_GPU_ALLOW_GROWTH'] ??= 'true'
  const visible = process.env['CUDA_VISIBLE_DEVICES']
  if (device === 'cpu') process.env['CUDA_VISIBLE_DEVICES'] = '-1'
  else if (deviceIndex !== undefined) process.env['CUDA_VISIBLE_DEVICES'] = nth(visible, deviceIndex)
  try {
    return body()
  } finally {
    if (visible === undefined) delete process.env['CUDA_VISIBLE_DEVICES']
    else process.env['CUDA_VISIBLE_DEVICES'] = visible
  }
}

/** The GPU with this number among those that are visible. */
const nth = (visible: string | undefined, index: number): string =>
  visible === undefined || visible === '' ? String(index) : (visible.split(',')[index] ?? '-1')

let loaded: NodeBackend | undefined

const loadBackend = (located: LocatedTensorflow, request: EngineOptions): NodeBackend => {
  const addon = withSettings(request, () => loadAddon(located))
  return registerNodeBackend(located.folder, located.name, addon)
}

/** Gives the addon's errors in one sentence that names the function; any other as it is. */
const explaining = async <T>(label: string, work: () => Promise<T>): Promise<T> => {
  try {
    return await work()
  } catch (error) {
    const message = error instanceof Error ? error.message : ''
    const [, reason] =
      /^(?:Invalid TF_Status: \d+\s+Message: |Session fail to run with error: )(.+)/.exec(message) ?? []
    if (reason === undefined) throw error
    throw new EngineError(`${label}: TensorFlow fails: ${reason}`, { cause: error })
  }
}

/** The function as a graph, or undefined where it has to run eagerly. */
const asGraph = (...args: Parameters<typeof graphFunction>): GraphFunction | undefined => {
  try {
    return graphFunction(...args)
  } catch {
    // What is wrong with the function itself is said when it runs.
    return undefined
  }
}

/** Throws an EngineError where TensorFlow is missing, does not load or lacks the device; it says what to do. */
export const openTensorflow = async (
  request: EngineOptions,
  versions: Readonly<Record<string, string>>,
  located: LocatedTensorflow | undefined = locateTensorflow(),
): Promise<Engine> => {
  if (located === undefined) {
    throw new EngineError(
      'the engine tensorflow is not installed; genepool engine build tensorflow makes it, or use the engine ' +
        'onnxruntime or cpu',
    )
  }
  // Production mode leaves out TensorFlow.js's advice, which it prints to stderr.
  tf.enableProdMode()
  const backend = (loaded ??= loadBackend(located, request))
  if (request.device === 'cuda' && !backend.binding.isUsingGpuDevice()) {
    throw new EngineError(
      located.gpu
        ? 'TensorFlow finds no NVIDIA GPU that it can use; see that nvidia-smi names one and that CUDA is installed'
        : 'this TensorFlow has no code for GPUs; genepool engine build tensorflow --gpu makes one that has',
    )
  }
  const eager = openEager({ engine: 'tensorflow', device: request.device, backend: backendName, versions })
  const graphs = new Set<GraphFunction>()
  const drop = (graph: GraphFunction): void => {
    if (graphs.delete(graph)) graph.release()
  }
  const compile: Engine['compile'] = async (label, fn, inputs): Promise<CompiledFunction> => {
    checkSpecs(label, inputs)
    const graph = asGraph(backend, fn, inputs)
    if (graph === undefined) {
      const compiled = await eager.compile(label, fn, inputs)
      return {
        get outputs() {
          return compiled.outputs
        },
        run: (...args) => explaining(label, () => compiled.run(...args)),
        release: () => compiled.release(),
      }
    }
    graphs.add(graph)
    return {
      outputs: graph.outputs,
      run: async (values, into = {}) => {
        if (!graphs.has(graph)) throw new EngineError(`${label} was run after it had been released`)
        for (const [name, spec] of Object.entries(inputs)) checkedInput(label, name, spec, values)
        for (const [name, spec] of Object.entries(graph.outputs)) {
          if (into[name] !== undefined) checkedOutput(label, name, spec, into)
        }
        return explaining(label, async () => graph.run(values, into))
      },
      release: async () => drop(graph),
    }
  }
  return {
    name: 'tensorflow',
    device: request.device,
    versions,
    compile,
    release: async () => {
      for (const graph of graphs) drop(graph)
      await eager.release()
    },
  }
}
