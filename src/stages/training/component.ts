/** Components: parameters that train together, as one flat vector with its optimiser state. */
import type { TrainParams } from '../../dsl/nodes.js'
import {
  type Layout,
  layoutOf,
  pack,
  type TensorDefinition,
  unpack,
  type NamedValues,
} from '../tensors/named-tensors.js'

/** Parameters that every step either changes or leaves alone as a whole. */
export interface Component {
  /** Unique within a stage. */
  readonly name: string
  /** The model that its tensors belong to; the loss gets the tensors of all components of a model together. */
  readonly model: string
  readonly layout: Layout
  /** Parameters, running mean and mean square of their gradients; each `[layout.size]`. */
  theta: Float32Array
  m: Float32Array
  v: Float32Array
  /** Running mean of theta over this component's own updates, `[layout.size]`, where training keeps one. */
  mean?: Float32Array
  /** What the best epoch so far would leave, `[layout.size]`, where training keeps that. */
  best?: Float32Array
  /** Updates so far, AdamW's t. */
  updates: number
}

/** The flat vectors of a component that change in training. */
export type StatePart = 'theta' | 'm' | 'v' | 'mean' | 'best'

/** The vectors that every step of a training with these parameters changes. */
export const stateParts = ({ emaDecay }: Partial<Pick<TrainParams, 'emaDecay'>>): readonly StatePart[] =>
  typeof emaDecay === 'number' ? ['theta', 'm', 'v', 'mean'] : ['theta', 'm', 'v']

/** All that a training with these parameters goes on from. */
export const checkpointParts = (train: Partial<Pick<TrainParams, 'emaDecay' | 'keep'>>): readonly StatePart[] => [
  ...stateParts(train),
  ...(train.keep === 'best' ? (['best'] as const) : []),
]

/** Starts those of these parts that a component may lack with its weights. */
export const startParts = (components: readonly Component[], parts: readonly StatePart[]): void => {
  for (const part of ['mean', 'best'] as const) {
    if (parts.includes(part)) for (const component of components) component[part] ??= component.theta.slice()
  }
}

/** The weights as they are now: their running mean where one is kept. */
const currentOf = ({ theta, mean }: Component): Float32Array => mean ?? theta

/** From now on the weights as they are now are those of the best epoch. */
export const keepAsBest = (components: readonly Component[]): void => {
  for (const component of components) component.best = currentOf(component).slice()
}

/** The component's vector of this part. Throws where it has none. */
export const partOfState = (component: Component, part: StatePart): Float32Array => {
  const vector = component[part]
  if (vector === undefined) throw new Error(`the component ${component.name} has no ${part}`)
  return vector
}

/** A component before its first update. Weight decay does not apply to tensors of the groups `undecayed`. */
export const newComponent = (
  name: string,
  model: string,
  tensors: readonly TensorDefinition[],
  values: NamedValues,
  { undecayed }: Partial<Pick<TrainParams, 'undecayed'>> = {},
): Component => {
  const layout = layoutOf(tensors, undecayed)
  const zeros = () => new Float32Array(layout.size)
  return { name, model, layout, theta: pack(layout, values), m: zeros(), v: zeros(), updates: 0 }
}

/** Number of parameters of all components. */
export const parametersOf = (components: readonly Component[]): number =>
  components.reduce((sum, { layout }) => sum + layout.size, 0)

const tensorsOf = (
  components: readonly Component[],
  model: string,
  flat: (component: Component) => Float32Array,
): NamedValues =>
  Object.assign(
    {},
    ...components
      .filter((component) => component.model === model)
      .map((component) => unpack(component.layout, flat(component))),
  )

/** The named tensors of one model as they are now, running means where those are kept. */
export const currentValues = (components: readonly Component[], model: string): NamedValues =>
  tensorsOf(components, model, currentOf)

/** The named tensors of one model as training leaves them: those of its best epoch where that is kept. */
export const valuesOf = (components: readonly Component[], model: string): NamedValues =>
  tensorsOf(components, model, (component) => component.best ?? currentOf(component))
