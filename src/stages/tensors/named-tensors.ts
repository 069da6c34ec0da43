/** Many tensors in one flat vector: what an optimiser step reads and writes in one piece. */
import * as tf from '@tensorflow/tfjs'
import type { DecayGroup } from '../../dsl/nodes.js'
import { UNDECAYED } from '../../dsl/train-options.js'
import type { HostArray, TensorSpec } from '../../engine/engine.js'

export type TensorSpecs = Readonly<Record<string, TensorSpec>>

export type HostArrays = Readonly<Record<string, HostArray>>

/**
 * What a tensor is: it belongs to one group alone, a LayerNorm's shift to its norm. `matrices` are a model's own weights of two
 * or more dimensions, patch filters among them, which always decay.
 */
export type TensorGroup = DecayGroup | 'matrices'

/** One tensor of a model; values are row-major. */
export interface TensorDefinition {
  readonly name: string
  readonly shape: readonly number[]
  readonly group: TensorGroup
}

/** Values of named tensors on the host. */
export type Values = Readonly<Record<string, Float32Array>>

export const sizeOfShape = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1)

export const define = (group: TensorGroup, name: string, ...shape: number[]): TensorDefinition => ({
  name,
  shape,
  group,
})

/** Weight `[out, in]`, of this group, and bias `[out]` of a Linear. */
export const linearTensors = (
  name: string,
  out: number,
  inner: number,
  group: TensorGroup = 'matrices',
): readonly TensorDefinition[] => [define(group, `${name}.weight`, out, inner), define('biases', `${name}.bias`, out)]

export const normTensors = (name: string, width: number): readonly TensorDefinition[] => [
  define('norms', `${name}.weight`, width),
  define('norms', `${name}.bias`, width),
]

/** Tensors by timm's names. */
export type Params = Readonly<Record<string, tf.Tensor>>

interface Slot extends TensorDefinition {
  readonly offset: number
  readonly size: number
}

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
export const pack = (layout: Layout, values: Values): Float32Array => {
  const flat = new Float32Array(layout.size)
  for (const { name, offset, size } of layout.slots) {
    const value = values[name]
    if (value?.length !== size) throw new Error(`tensor ${name}: ${value?.length ?? 'no'} values instead of ${size}`)
    flat.set(value, offset)
  }
  return flat
}

/** The named values in a flat vector `[size]`; copies. */
export const unpack = (layout: Layout, flat: Float32Array): Values =>
  Object.fromEntries(layout.slots.map(({ name, offset, size }) => [name, flat.slice(offset, offset + size)]))

/** The named tensors in a flat tensor `[size]`. */
export const slices = (layout: Layout, flat: tf.Tensor1D): Params =>
  Object.fromEntries(
    layout.slots.map(({ name, shape, offset, size }) => [name, tf.reshape(tf.slice(flat, offset, size), [...shape])]),
  )

/** The flat tensor `[size]` of tensors in the order of the layout's slots. */
export const concatFlat = (tensors: readonly tf.Tensor[]): tf.Tensor1D =>
  tf.concat1d(tensors.map((tensor) => tf.reshape(tensor, [-1]) as tf.Tensor1D))
