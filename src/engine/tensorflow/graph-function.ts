/**
 * A function of tensors as a graph in a TensorFlow session: optimised as a whole, run in one call. The function runs
 * once, eagerly, and every operation that reaches the addon is recorded as a node of the graph, those of the gradient
 * too.
 */
import * as fs from 'node:fs'
import * as os from 'node:os'
import { join } from 'node:path'
import type * as tf from '@tensorflow/tfjs-core'
import { withBackend } from '../backend.js'
import type { HostArray, HostArrays, TensorFunction, TensorSpec, TensorSpecs } from '../engine.js'
import { sizeOfShape } from '../host-values.js'
import { backendName, type Binding, type NodeBackend, type TensorHandle } from './addon.js'
import { encodeSavedModel, servingTag, sourceName, type TensorflowNode, type TensorflowOutput } from './saved-model.js'

interface Recording {
  readonly nodes: readonly TensorflowNode[]
  /** Where the tensor with this id comes from; undefined for one that was made outside the recording. */
  readonly sourceOf: (id: number) => TensorflowOutput | undefined
}

/** Why a function cannot be a graph; it still runs eagerly. */
class NotRecordable extends Error {
  override readonly name = 'NotRecordable'
}

interface Recorder {
  /** The addon as before, and everything called on it is recorded. */
  readonly binding: Binding
  /** A tensor that every run of the graph is given: its handle, filled with these values while recording. */
  readonly input: (shape: readonly number[], dtype: number, values: Float32Array | Int32Array) => TensorHandle
  readonly recording: Recording
}

const recorderOf = (addon: Binding): Recorder => {
  const nodes: TensorflowNode[] = []
  const sources = new Map<number, TensorflowOutput>()
  const add = (node: TensorflowNode): number => nodes.push(node) - 1
  const sourceOf = (id: number): TensorflowOutput => {
    const source = sources.get(id)
    if (source === undefined) throw new NotRecordable('an operation took a tensor from outside the function')
    return source
  }
  const recorded: Pick<Binding, 'createTensor' | 'executeOp' | 'tensorDataSync'> = {
    createTensor: (shape, dtype, values) => {
      const id = addon.createTensor(shape, dtype, values)
      // Copied: the array may be used again.
      if (ArrayBuffer.isView(values)) {
        sources.set(id, {
          node: add({ kind: 'constant', dtype, shape: [...shape], values: values.slice() }),
          output: 0,
        })
      }
      return id
    },
    executeOp: (operation, attributes, inputs, outputs) => {
      const handles = addon.executeOp(operation, attributes, inputs, outputs)
      const node = add({ kind: 'operation', operation, attributes, inputs: inputs.map(sourceOf) })
      handles.forEach(({ id }, output) => sources.set(id, { node, output }))
      return handles
    },
    tensorDataSync: (id) => {
      if (nodes[sourceOf(id).node].kind !== 'constant') throw new NotRecordable('the function read a value')
      return addon.tensorDataSync(id)
    },
  }
  return {
    // The addon's own properties are not enumerable, so they are inherited instead of copied.
    binding: Object.create(
      addon,
      Object.fromEntries(Object.entries(recorded).map(([name, value]) => [name, { value }])),
    ) as Binding,
    input: (shape, dtype, values) => {
      const id = addon.createTensor(shape, dtype, values)
      sources.set(id, { node: add({ kind: 'input', dtype, shape }), output: 0 })
      return { id, shape: [...shape], dtype }
    },
    recording: { nodes, sourceOf: (id) => sources.get(id) },
  }
}

export interface GraphFunction {
  readonly outputs: TensorSpecs
  /** Outputs named in `into` are written there; the others are new arrays that share no memory with the inputs. */
  readonly run: (inputs: HostArrays, into: HostArrays) => Record<string, HostArray>
  readonly release: () => void
}

/** Where a run finds an output: computed by the graph, given by the caller, or the same every time. */
type Output = { readonly from: TensorflowOutput } | { readonly given: string } | { readonly values: HostArray }

interface Recorded {
  readonly file: Uint8Array
  readonly specs: TensorSpecs
  readonly outputs: ReadonlyMap<string, Output>
  /** Name of the graph's node for each input. */
  readonly inputNames: ReadonlyMap<string, string>
}

const dtypeNumber = (binding: Binding, { dtype }: TensorSpec): number =>
  dtype === 'int32' ? binding.TF_INT32 : binding.TF_FLOAT

const hostCopy = (dtype: TensorSpec['dtype'], values: ArrayLike<number>): HostArray =>
  dtype === 'int32' ? Int32Array.from(values) : Float32Array.from(values)

const record = (backend: NodeBackend, fn: TensorFunction, specs: TensorSpecs): Recorded => {
  const addon = backend.binding
  const recorder = recorderOf(addon)
  const inputNames = new Map<string, string>()
  const givenAs = new Map<number, string>()
  return withBackend(backendName, () => {
    backend.binding = recorder.binding
    try {
      const inputs: Record<string, tf.Tensor> = {}
      for (const [name, spec] of Object.entries(specs)) {
        const zeros =
          spec.dtype === 'int32' ? new Int32Array(sizeOfShape(spec.shape)) : new Float32Array(sizeOfShape(spec.shape))
        const handle = recorder.input(spec.shape, dtypeNumber(addon, spec), zeros)
        inputs[name] = backend.createOutputTensor(handle)
        const source = recorder.recording.sourceOf(handle.id)!
        inputNames.set(name, sourceName(source))
        givenAs.set(source.node, name)
      }
      const made: Record<string, TensorSpec> = {}
      const outputs = new Map<string, Output>()
      for (const [name, tensor] of Object.entries(fn(inputs))) {
        const dtype = tensor.dtype === 'float32' ? 'float32' : 'int32'
        made[name] = { shape: [...tensor.shape], dtype }
        const { id, values } = backend.tensorMap.get(tensor.dataId)
        const source = values === null ? recorder.recording.sourceOf(id) : undefined
        if (source === undefined) {
          outputs.set(name, { values: hostCopy(dtype, tensor.dataSync()) })
          continue
        }
        const given = givenAs.get(source.node)
        outputs.set(name, given === undefined ? { from: source } : { given })
      }
      return { file: encodeSavedModel(addon, recorder.recording.nodes), specs: made, outputs, inputNames }
    } finally {
      backend.binding = addon
    }
  })
}

/** A session reads its graph from a folder, once. */
const loadSession = (binding: Binding, file: Uint8Array): number => {
  const folder = fs.mkdtempSync(join(os.tmpdir(), 'genepool-graph-'))
  try {
    fs.writeFileSync(join(folder, 'saved_model.pb'), file)
    return binding.loadSavedModel(folder, servingTag)
  } finally {
    fs.rmSync(folder, { recursive: true, force: true })
  }
}

const written = (values: HostArray, target: HostArray | undefined): HostArray => {
  target?.set(values)
  return target ?? values
}

/** Throws where the function cannot be recorded or its graph not be loaded; it may still run eagerly. */
export const graphFunction = (backend: NodeBackend, fn: TensorFunction, specs: TensorSpecs): GraphFunction => {
  const { binding } = backend
  const recorded = record(backend, fn, specs)
  const session = loadSession(binding, recorded.file)
  const inputNames = Object.keys(specs)
    .map((name) => recorded.inputNames.get(name)!)
    .join(',')
  const computed = [...recorded.outputs].flatMap(([name, output]) =>
    'from' in output ? [{ name, from: output.from }] : [],
  )
  const outputNames = computed.map(({ from }) => sourceName(from)).join(',')
  return {
    outputs: recorded.specs,
    run: (inputs, into) => {
      const held: number[] = []
      try {
        for (const [name, spec] of Object.entries(specs)) {
          held.push(binding.createTensor(spec.shape, dtypeNumber(binding, spec), inputs[name]))
        }
        const handles = computed.length === 0 ? [] : binding.runSavedModel(session, held, inputNames, outputNames)
        held.push(...handles.map(({ id }) => id))
        const results = new Map(computed.map(({ name }, index) => [name, handles[index].id]))
        // All are read before any is written: a target may be an input's array, which an output may share.
        const read = [...recorded.outputs].map(([name, output]): readonly [string, HostArray] => {
          if ('given' in output) return [name, inputs[output.given].slice()]
          if ('values' in output) return [name, output.values.slice()]
          const values = binding.tensorDataSync(results.get(name)!)
          return [name, values instanceof Uint8Array ? Int32Array.from(values) : values]
        })
        return Object.fromEntries(read.map(([name, values]) => [name, written(values, into[name])]))
      } finally {
        for (const id of held) binding.deleteTensor(id)
      }
    },
    release: () => binding.deleteSavedModel(session),
  }
}
