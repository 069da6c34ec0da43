/**
 * Records what a function of tensors asks of TensorFlow: the function runs once, eagerly, and every operation that reaches
 * the addon becomes a node of a graph. The gradient is recorded with the rest.
 */
import type { Binding, TensorHandle } from './binding.js'
import type { GraphNode, Source } from './saved-model.js'

export interface Recording {
  readonly nodes: readonly GraphNode[]
  /** Where the tensor with this id comes from; undefined for one that was made outside the recording. */
  readonly sourceOf: (id: number) => Source | undefined
}

/** Why a function cannot be a graph; it still runs eagerly. */
export class NotRecordable extends Error {
  override readonly name = 'NotRecordable'
}

export interface Recorder {
  /** The addon as before, and everything called on it is recorded. */
  readonly binding: Binding
  /** A tensor that every run of the graph is given: its handle, filled with these values while recording. */
  readonly input: (shape: readonly number[], dtype: number, values: Float32Array | Int32Array) => TensorHandle
  readonly recording: Recording
}

export const recorderOf = (addon: Binding): Recorder => {
  const nodes: GraphNode[] = []
  const sources = new Map<number, Source>()
  const add = (node: GraphNode): number => nodes.push(node) - 1
  const sourceOf = (id: number): Source => {
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
      if (nodes[sourceOf(id).node]!.kind !== 'constant') throw new NotRecordable('the function read a value')
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
