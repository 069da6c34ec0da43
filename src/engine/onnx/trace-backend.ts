/** The TensorFlow.js backend that writes down what it is asked to compute. */
import * as tf from '@tensorflow/tfjs-core'
import { sentenceOf } from '../../base/errors.js'
import { EngineError } from '../engine.js'
import { reshape } from './graph/nodes.js'
import { type Dialect, elementsOf, type ElementType, type Graph, type GraphValue } from './graph/graph.js'
import type { KernelInputs, TraceKernel } from './kernels/kernel.js'
import { traceKernels, untracedKernels } from './kernels/trace-kernels.js'
import { wholeKernels } from './kernels/whole.js'
import { namedOperation, refuseRandomValues } from './trace-errors.js'

type DataId = tf.TensorInfo['dataId']
type BackendValues = Parameters<tf.KernelBackend['write']>[0]

const elementTypeOf = (graph: Graph, dtype: tf.DataType): ElementType => {
  if (dtype === 'float32' || dtype === 'int32' || dtype === 'bool') return dtype
  throw new EngineError(`${graph.label}: tensors of the type ${dtype} cannot be traced`)
}

const dtypeOf = (type: ElementType): tf.DataType => (type === 'float32' || type === 'bool' ? type : 'int32')

const copied = (values: BackendValues, type: ElementType) => {
  const numbers = values as ArrayLike<number>
  if (type === 'float32') return new Float32Array(numbers)
  return type === 'int32' ? new Int32Array(numbers) : new Uint8Array(numbers)
}

class TraceBackend extends tf.KernelBackend {
  /** What it is registered as with TensorFlow.js. */
  readonly name: string
  #graph: Graph | undefined
  /** What went wrong where no error could be thrown to the function's caller. */
  #refusal: EngineError | undefined
  readonly #held = new Map<DataId, { readonly value: GraphValue; references: number }>()

  constructor(name: string) {
    super()
    this.name = name
  }

  /** The trace that is going on. */
  get graph(): Graph {
    if (this.#graph === undefined) throw new EngineError('a traced tensor was used after its function had been traced')
    return this.#graph
  }

  get refusal(): EngineError | undefined {
    return this.#refusal
  }

  begin(graph: Graph): void {
    this.#graph = graph
    this.#refusal = undefined
  }

  end(): void {
    this.#graph = undefined
  }

  hold(value: GraphValue): tf.TensorInfo {
    const dataId = {}
    this.#held.set(dataId, { value, references: 1 })
    return { dataId, shape: [...value.shape], dtype: dtypeOf(value.type) }
  }

  /** What a tensor stands for. One of another backend becomes a constant, and stays where it is. */
  valueBehind({ dataId, shape, dtype }: tf.TensorInfo): GraphValue {
    const held = this.#held.get(dataId)
    if (held === undefined) {
      const { graph } = this
      if (!tf.engine().state.tensorInfo.has(dataId)) {
        throw new EngineError(`${graph.label}: ${namedOperation(graph.kernel)} was given a tensor that is disposed`)
      }
      const type = elementTypeOf(graph, dtype)
      return graph.constant(type, shape, copied(tf.engine().readSync(dataId), type))
    }
    // Tensors that share data may differ in shape.
    return reshape(held.value.graph, held.value, shape)
  }

  override write(values: BackendValues, shape: number[], dtype: tf.DataType): DataId {
    refuseRandomValues(this.graph.label)
    const type = elementTypeOf(this.graph, dtype)
    return this.hold(this.graph.constant(type, shape, copied(values, type))).dataId
  }

  override move(dataId: DataId, values: BackendValues, shape: number[], dtype: tf.DataType, refCount: number): void {
    const type = elementTypeOf(this.graph, dtype)
    this.#held.set(dataId, {
      value: this.graph.constant(type, shape, copied(values, type)),
      references: refCount,
    })
  }

  override readSync(dataId: DataId): BackendValues {
    const value = this.#held.get(dataId)?.value
    if (value === undefined) throw new EngineError('a traced tensor was read after it had been disposed')
    if (value.origin.kind !== 'constant') {
      const from = value.origin.kind === 'input' ? `the input ${value.origin.name}` : `a tensor made by ${value.madeBy}`
      throw new EngineError(
        `${value.graph.label}: the value of ${from} was read, ` +
          'but while a function is traced its tensors have no values; ' +
          'express it in tensor operations, or return the tensor',
      )
    }
    return elementsOf(value.type, value.shape, value.origin.content) as BackendValues
  }

  /** The caller may not await it: a promise that is never kept, and the error for the trace to end with. */
  override read(dataId: DataId): Promise<BackendValues> {
    try {
      return Promise.resolve(this.readSync(dataId))
    } catch (error) {
      if (this.#graph === undefined || !(error instanceof EngineError)) return Promise.reject(error)
      this.#refusal ??= error
      return new Promise(() => {})
    }
  }

  override disposeData(dataId: DataId, force = false): boolean {
    const held = this.#held.get(dataId)
    if (held === undefined) return true
    held.references -= 1
    if (!force && held.references > 0) return false
    this.#held.delete(dataId)
    return true
  }

  override refCount(dataId: DataId): number {
    return this.#held.get(dataId)?.references ?? 0
  }

  override incRef(dataId: DataId): void {
    const held = this.#held.get(dataId)
    if (held !== undefined) held.references += 1
  }

  override numDataIds(): number {
    return this.#held.size
  }

  override memory(): { unreliable: boolean } {
    return { unreliable: false }
  }

  override floatPrecision(): 32 {
    return 32
  }

  override dispose(): void {
    this.#held.clear()
  }
}

const register = (backend: TraceBackend, { name, trace }: TraceKernel): void => {
  tf.registerKernel({
    kernelName: name,
    backendName: backend.name,
    kernelFunc: ({ inputs, attrs }) => {
      const { graph } = backend
      const before = graph.kernel
      graph.kernel = name
      try {
        const values: Record<string, GraphValue> = {}
        for (const [key, input] of Object.entries(inputs)) if (input) values[key] = backend.valueBehind(input)
        const made = trace(graph, values satisfies KernelInputs, attrs)
        return Array.isArray(made) ? made.map((value) => backend.hold(value)) : backend.hold(made as GraphValue)
      } catch (error) {
        if (error instanceof EngineError) throw error
        const reason = sentenceOf(error)
        throw new EngineError(`${graph.label}: ${namedOperation(name)} fails: ${reason}`, { cause: error })
      } finally {
        graph.kernel = before
      }
    },
  })
}

/** Stands for a kernel that cannot be traced, and says why. */
const untraced = (name: string): TraceKernel => ({
  name,
  trace: (graph) => {
    throw new EngineError(
      `${graph.label}: ${namedOperation(name)} cannot be traced: ` +
        `${untracedKernels[name] ?? 'it has no ONNX form here'}; ` +
        'compute it outside and pass the result in as an input, or use the engine tensorflow or cpu',
    )
  },
})

const registered = new Map<Dialect, TraceBackend>()

/** The one backend of each kind, registered with TensorFlow.js when it is first asked for. */
export const traceBackend = (dialect: Dialect = 'fast'): TraceBackend => {
  const existing = registered.get(dialect)
  if (existing !== undefined) return existing
  // TensorFlow.js is one for the whole process, even where this module is loaded twice: each copy has its own backend.
  let name = dialect === 'fast' ? 'genepool-trace' : `genepool-trace-${dialect}`
  while (tf.findBackendFactory(name) !== null) name += '+'
  const backend = new TraceBackend(name)
  // Priority 0: never chosen by itself.
  tf.registerBackend(name, () => backend, 0)
  const kernels = dialect === 'standard' ? [...traceKernels, ...wholeKernels] : traceKernels
  for (const kernel of kernels) register(backend, kernel)
  const known = new Set(kernels.map((kernel) => kernel.name))
  const others = [
    ...Object.keys(untracedKernels),
    ...tf.getKernelsForBackend('cpu').map(({ kernelName }) => kernelName),
  ]
  for (const name of new Set(others)) if (!known.has(name)) register(backend, untraced(name))
  registered.set(dialect, backend)
  return backend
}
