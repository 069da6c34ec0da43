/** Many tensors in one flat vector: what an optimiser step reads and writes in one piece. */
import * as tf from '@tensorflow/tfjs'
import { sizeOf, type TensorDefinition, type Values } from './vit-params.js'
import type { Params } from './vit.js'

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
export const layoutOf = (tensors: readonly TensorDefinition[]): Layout => {
  const ordered = [...tensors.filter(({ decayed }) => decayed), ...tensors.filter(({ decayed }) => !decayed)]
  const slots: Slot[] = []
  let offset = 0
  let decayed = 0
  for (const tensor of ordered) {
    const size = sizeOf(tensor.shape)
    slots.push({ ...tensor, offset, size })
    offset += size
    if (tensor.decayed) decayed = offset
  }
  return { slots, size: offset, decayed }
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
