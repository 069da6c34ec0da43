/**
 * Tensors by name: which ones a model has, their values on the host, and the layout that puts many of them into one
 * flat vector, which an optimiser reads and writes in one piece.
 */
import * as tf from '@tensorflow/tfjs-core'
import type { DecayGroup } from '../../dsl/nodes.js'
import { UNDECAYED } from '../../dsl/option-tables.js'
import { sizeOfShape } from '../../engine/host-values.js'

/**
 * What kind of weights a tensor holds, which decides whether weight decay applies to it: each tensor is in one group,
 * the bias of a LayerNorm in `norms`. `matrices` are a model's own weights of two or more dimensions, patch filters
 * included; they always decay.
 */
type TensorGroup = DecayGroup | 'matrices'

/** One tensor of a model; values are row-major. */
export interface TensorDefinition {
  readonly name: string
  readonly shape: readonly number[]
  readonly group: TensorGroup
}

/** A weight, or what a model gives, is NaN or infinite: it has diverged, and what is computed with it means nothing. */
export class NotFiniteError extends Error {
  override readonly name = 'NotFiniteError'
}

/** Throws a NotFiniteError that names the tensor; `where` says what has it. */
export const checkFinite = (where: string, name: string, values: Float32Array): void => {
  // What is not finite leaves NaN.
  let sum = 0
  for (const value of values) sum += value - value
  if (sum === 0) return
  const wrong = values.find((value) => !Number.isFinite(value))
  throw new NotFiniteError(`${where}tensor ${name} holds ${wrong}`)
}

/** Values of named tensors on the host. */
export type NamedValues = Readonly<Record<string, Float32Array>>

export const defineTensor = (group: TensorGroup, name: string, ...shape: number[]): TensorDefinition => ({
  name,
  shape,
  group,
})

/** Weight `[out, inner]`, which is of this group, and bias `[out]` of a Linear. */
export const linearTensors = (
  name: string,
  out: number,
  inner: number,
  group: TensorGroup = 'matrices',
): readonly TensorDefinition[] => [
  defineTensor(group, `${name}.weight`, out, inner),
  defineTensor('biases', `${name}.bias`, out),
]

/** Weight and bias of a LayerNorm, `[width]` each. */
export const normTensors = (name: string, width: number): readonly TensorDefinition[] => [
  defineTensor('norms', `${name}.weight`, width),
  defineTensor('norms', `${name}.bias`, width),
]

/** A model's tensors by timm's names. */
export type NamedTensors = Readonly<Record<string, tf.Tensor>>

interface Slot extends TensorDefinition {
  readonly offset: number
  readonly size: number
}

/** Where each tensor lies in a flat vector. */
export interface Layout {
  readonly slots: readonly Slot[]
  /** Values in all. */
  readonly size: number
  /** The first `decayed` values are those that weight decay applies to. */
  readonly decayed: number
}

/** Decayed tensors first, so that weight decay is one slice; otherwise in the order given. */
export const layoutOf = (
  tensors: readonly TensorDefinition[],
  undecayed: readonly DecayGroup[] = UNDECAYED,
): Layout => {
  const spared: ReadonlySet<TensorGroup> = new Set(undecayed)
  const decaying = tensors.filter(({ group }) => !spared.has(group))
  const slots: Slot[] = []
  let offset = 0
  for (const tensor of [...decaying, ...tensors.filter(({ group }) => spared.has(group))]) {
    const size = sizeOfShape(tensor.shape)
    slots.push({ ...tensor, offset, size })
    offset += size
  }
  return { slots, size: offset, decayed: slots[decaying.length]?.offset ?? offset }
}

/** The flat vector `[size]` of the named values. Throws where a tensor is missing or has another size. */
export const pack = (layout: Layout, values: NamedValues): Float32Array => {
  const flat = new Float32Array(layout.size)
  for (const { name, offset, size } of layout.slots) {
    const value = values[name]
    if (value?.length !== size) throw new Error(`tensor ${name}: ${value?.length ?? 'no'} values instead of ${size}`)
    flat.set(value, offset)
  }
  return flat
}

/** The named values in a flat vector `[size]`; copies. */
export const unpack = (layout: Layout, flat: Float32Array): NamedValues =>
  Object.fromEntries(layout.slots.map(({ name, offset, size }) => [name, flat.slice(offset, offset + size)]))

/** The named tensors in a flat tensor `[size]`. */
export const slices = (layout: Layout, flat: tf.Tensor1D): NamedTensors =>
  Object.fromEntries(
    layout.slots.map(({ name, shape, offset, size }) => [name, tf.reshape(tf.slice(flat, offset, size), [...shape])]),
  )

/** Tensors in the order of the layout's slots, one after the other: the flat tensor `[size]`. */
export const concatFlat = (tensors: readonly tf.Tensor[]): tf.Tensor1D =>
  tf.concat1d(tensors.map((tensor) => tf.reshape(tensor, [-1]) as tf.Tensor1D))
