/** What trains together: one flat vector of parameters with its optimiser state. */
import { layoutOf, pack, unpack, type Layout } from '../model/layout.js'
import type { TensorDefinition, Values } from '../model/vit-params.js'

export interface Component {
  /** Unique within a stage. */
  readonly name: string
  /** The model that its tensors belong to: the loss sees the tensors of all components of one model together. */
  readonly model: string
  readonly layout: Layout
  /** Parameters, running mean and mean square of their gradients; each `[layout.size]`. */
  theta: Float32Array
  m: Float32Array
  v: Float32Array
  /** Updates so far: AdamW's t. */
  updates: number
}

/** A component before its first update. */
export const newComponent = (
  name: string,
  model: string,
  tensors: readonly TensorDefinition[],
  values: Values,
): Component => {
  const layout = layoutOf(tensors)
  const zeros = () => new Float32Array(layout.size)
  return { name, model, layout, theta: pack(layout, values), m: zeros(), v: zeros(), updates: 0 }
}

/** The named tensors of all components of one model. */
export const valuesOf = (components: readonly Component[], model: string): Values =>
  Object.assign(
    {},
    ...components.filter((component) => component.model === model).map(({ layout, theta }) => unpack(layout, theta)),
  )
