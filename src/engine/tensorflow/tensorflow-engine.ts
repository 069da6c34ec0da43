/**
 * The engine that computes with TensorFlow's own library. A function runs once through TensorFlow.js, whose calls are
 * recorded as a graph; from then on TensorFlow runs that graph as a whole. A function that cannot be recorded, because
 * it reads a value or uses a tensor from elsewhere, runs eagerly.
 */
import * as tf from '@tensorflow/tfjs'
import { openEager } from '../eager-engine.js'
import { type CompiledFunction, type Engine, EngineError, type EngineRequest } from '../engine.js'
import { checkedInput, checkedOutput, checkSpecs } from '../host-values.js'
import { type GraphFunction, graphFunction } from './graph-function.js'
import { loadAddon } from './load-addon.js'
import { type LocatedTensorflow, locateTensorflow } from './locate.js'
import { backendName, type NodeBackend } from './node-backend.js'
import { registerNodeBackend } from './register.js'

/** The library reads these when it is loaded, and can be loaded only once. */
const setEnvironment = ({ device, deviceIndex, threads }: EngineRequest): void => {
  process.env['TF_NUM_INTRAOP_THREADS'] ??= String(threads)
  // Operations run one after another; the threads are inside them.
  process.env['TF_NUM_INTEROP_THREADS'] ??= '1'
  process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '2'
  // Memory is taken as it is needed, so that another process can use the GPU too.
  process.env['TF_FORCE_GPU_ALLOW_GROWTH'] ??= 'true'
  if (device === 'cpu') process.env['CUDA_VISIBLE_DEVICES'] = '-1'
  else if (deviceIndex !== undefined) process.env['CUDA_VISIBLE_DEVICES'] ??= String(deviceIndex)
}

let loaded: NodeBackend | undefined

const loadBackend = (located: LocatedTensorflow, request: EngineRequest): NodeBackend => {
  setEnvironment(request)
  return registerNodeBackend(located.folder, located.name, loadAddon(located))
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
  request: EngineRequest,
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
    if (graph === undefined) return eager.compile(label, fn, inputs)
    graphs.add(graph)
    return {
      outputs: graph.outputs,
      run: async (values, into = {}) => {
        if (!graphs.has(graph)) throw new EngineError(`${label} was run after it had been released`)
        for (const [name, spec] of Object.entries(inputs)) checkedInput(label, name, spec, values)
        for (const [name, spec] of Object.entries(graph.outputs)) {
          if (into[name] !== undefined) checkedOutput(label, name, spec, into)
        }
        return graph.run(values, into)
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
