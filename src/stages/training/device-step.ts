/**
 * A training step off the CPU: the whole step, update included, is one function of tensors. On an engine whose device
 * keeps state (WebGPU), parameters and optimiser state stay there, and only the batch and the loss are copied.
 */
import * as tf from '@tensorflow/tfjs-core'
import type {
  Engine,
  HostArrays,
  StatefulFunction,
  TensorFunction,
  TensorSpec,
  TensorSpecs,
} from '../../engine/engine.js'
import { stateOf } from '../../engine/state.js'
import { concatFlat, slices } from '../tensors/named-tensors.js'
import { type Component, partOfState, type StatePart, stateParts } from './component.js'
import { adamw, type AdamwScalars, adamwScalars, type UpdateParams } from './optimiser.js'
import { partsAndGradients, type StepDefinition, type TrainStep, type TrainSteps, WHOLE_UPDATE } from './train-step.js'

const float = (...shape: number[]): TensorSpec => ({ shape, dtype: 'float32' })

const SCALARS = ['keep', 'stepSize', 'rootCorrection'] as const

/** Name of the input that holds a scalar of a component's update. */
export const scalarName = (scalar: keyof AdamwScalars<unknown>, component: string): string =>
  `adamw.${scalar}.${component}`

/**
 * What a step does with its gradient. `alone` updates by it. `gathers` adds it to the sum of its update's gradients;
 * `ends` does so too and updates by that sum times the input `share`. The input `carry` is 0 where the sum starts anew,
 * else 1.
 */
type StepKind = 'alone' | 'gathers' | 'ends'

const slotTensors = (components: readonly Component[], inputs: Readonly<Record<string, tf.Tensor>>): tf.Tensor[] =>
  components.flatMap(({ name, layout }) => Object.values(slices(layout, inputs[`theta.${name}`] as tf.Tensor1D)))

/** The gradients, scaled down together where their norm is above this one: torch's `clip_grad_norm_`. */
const clipped = (gradients: readonly tf.Tensor1D[], clipNorm: number): readonly tf.Tensor1D[] => {
  const squares = gradients.map((gradient) => tf.sum(tf.square(gradient)))
  const norm = tf.sqrt(squares.reduce((sum, square) => tf.add(sum, square)))
  const scale = tf.minimum(tf.div(clipNorm, tf.add(norm, 1e-6)), 1)
  return gradients.map((gradient) => tf.mul(gradient, scale))
}

/** What each trained component is updated by, or its sum so far where the step only gathers; `[layout.size]` each. */
const gatheredGradients = (
  trained: readonly Component[],
  gradients: readonly tf.Tensor[],
  inputs: Readonly<Record<string, tf.Tensor>>,
  kind: StepKind,
): readonly tf.Tensor1D[] => {
  let next = 0
  return trained.map(({ name, layout }) => {
    const gradient = concatFlat(gradients.slice(next, (next += layout.slots.length)))
    if (kind === 'alone') return gradient
    const sum: tf.Tensor1D = tf.add(tf.mul(inputs[`sum.${name}`], inputs['carry']), gradient)
    return kind === 'gathers' ? sum : tf.mul(sum, inputs['share'])
  })
}

/**
 * The step as a function of named tensors: parameters, optimiser state and a batch → `parts` of the loss and, for every
 * trained component, the next `theta`, `m`, `v` (and `mean`), or its `sum` where the step only gathers.
 */
export const stepFunction = (
  definition: StepDefinition,
  optimiser: UpdateParams,
  kind: StepKind = 'alone',
): TensorFunction => {
  const { trained, frozen } = definition
  const { clipNorm, emaDecay } = optimiser
  return (inputs) => {
    // Differentiated with respect to the slices, not to theta: each slice's gradient would be padded to theta's size.
    const { parts, gradients } = partsAndGradients(
      definition,
      slotTensors(trained, inputs),
      slotTensors(frozen, inputs),
      inputs,
    )
    const gathered = gatheredGradients(trained, gradients, inputs, kind)
    if (kind === 'gathers') {
      return { parts, ...Object.fromEntries(trained.map(({ name }, index) => [`sum.${name}`, gathered[index]])) }
    }
    const final = typeof clipNorm === 'number' ? clipped(gathered, clipNorm) : gathered
    const outputs: Record<string, tf.Tensor> = { parts }
    for (const [index, { name, layout }] of trained.entries()) {
      const [theta, m, v] = ['theta', 'm', 'v'].map((part) => inputs[`${part}.${name}`] as tf.Tensor1D)
      const [keep, stepSize, rootCorrection] = SCALARS.map((scalar) => inputs[scalarName(scalar, name)])
      const scalars = { keep, stepSize, rootCorrection }
      const updated = adamw(optimiser, { theta, m, v }, final[index], layout.decayed, scalars)
      for (const part of ['theta', 'm', 'v'] as const) outputs[`${part}.${name}`] = updated[part]
      if (typeof emaDecay === 'number') {
        const mean = tf.mul(inputs[`mean.${name}`], emaDecay)
        outputs[`mean.${name}`] = tf.add(mean, tf.mul(updated.theta, 1 - emaDecay))
      }
    }
    return outputs
  }
}

/** One vector of a component in the device's state; `sum` is that of an update's gradients. */
interface StateSlot {
  readonly component: Component
  readonly part: StatePart | 'sum'
  readonly name: string
}

const stateSlot = (component: Component, part: StateSlot['part']): StateSlot => ({
  component,
  part,
  name: `${part}.${component.name}`,
})

/** The vectors that a step of this kind reads of the state; of frozen components the parameters alone. */
const stateSlots = (
  { trained, frozen }: StepDefinition,
  optimiser: Partial<UpdateParams>,
  kind: StepKind,
): readonly StateSlot[] => {
  const parts: readonly StateSlot['part'][] = [
    ...(kind === 'gathers' ? (['theta'] as const) : stateParts(optimiser)),
    ...(kind === 'alone' ? [] : (['sum'] as const)),
  ]
  return [
    ...trained.flatMap((component) => parts.map((part) => stateSlot(component, part))),
    ...frozen.map((component) => stateSlot(component, 'theta')),
  ]
}

/** Shapes of the step's inputs. */
export const stepSpecs = (
  definition: StepDefinition,
  optimiser: Partial<UpdateParams> = {},
  kind: StepKind = 'alone',
): TensorSpecs => {
  const slots = stateSlots(definition, optimiser, kind)
  const scalars = definition.trained.flatMap(({ name }) => SCALARS.map((scalar) => scalarName(scalar, name)))
  return {
    ...definition.inputs,
    ...Object.fromEntries(slots.map(({ name, component }) => [name, float(component.layout.size)])),
    ...(kind === 'alone' ? {} : { carry: float() }),
    ...(kind === 'ends' ? { share: float() } : {}),
    ...(kind === 'gathers' ? {} : Object.fromEntries(scalars.map((name) => [name, float()]))),
  }
}

/** AdamW's scalars for the next update of every component. */
const scalarInputs = (trained: readonly Component[], optimiser: UpdateParams, lr: number): HostArrays =>
  Object.fromEntries(
    trained.flatMap(({ name, updates }) => {
      const scalars = Object.entries(adamwScalars(optimiser, lr, updates + 1)) as [keyof AdamwScalars<number>, number][]
      return scalars.map(([scalar, value]) => [scalarName(scalar, name), Float32Array.of(value)] as const)
    }),
  )

/** Steps that share one state on the device; the components on the host are as they were at the last `sync`. */
export const openDeviceSteps = async (
  engine: Engine,
  components: readonly Component[],
  optimiser: UpdateParams,
): Promise<TrainSteps> => {
  const support = stateOf(engine)
  const gathering = (optimiser.accumulate ?? 1) > 1
  const kept = components.flatMap((component) =>
    stateParts(optimiser).map((part) => ({ ...stateSlot(component, part), part })),
  )
  const sums = gathering ? components.map((component) => stateSlot(component, 'sum')) : []
  const state = support.open(
    Object.fromEntries(
      [...kept, ...sums].map(({ name, component }) => [
        name,
        { shape: [component.layout.size], dtype: 'float32' } as const,
      ]),
    ),
  )
  await state.set(Object.fromEntries(kept.map(({ name, component, part }) => [name, partOfState(component, part)])))
  await state.set(
    Object.fromEntries(sums.map(({ name, component }) => [name, new Float32Array(component.layout.size)])),
  )

  const compile = async (definition: StepDefinition): Promise<TrainStep> => {
    const { label, trained } = definition
    const compiled = new Map<StepKind, StatefulFunction>()
    const functionOf = async (kind: StepKind): Promise<StatefulFunction> => {
      const known = compiled.get(kind)
      if (known !== undefined) return known
      const names = stateSlots(definition, optimiser, kind).map(({ name }) => name)
      const made = await support.compile(
        label,
        stepFunction(definition, optimiser, kind),
        stepSpecs(definition, optimiser, kind),
        names,
      )
      compiled.set(kind, made)
      return made
    }
    await functionOf(gathering ? 'ends' : 'alone')

    const run: TrainStep['run'] = async (lr, batch, { index, size } = WHOLE_UPDATE) => {
      const ends = index === size - 1
      const kind = gathering ? (ends ? 'ends' : 'gathers') : 'alone'
      const outputs = await (
        await functionOf(kind)
      ).run(state, {
        ...batch,
        ...(kind !== 'alone' && { carry: Float32Array.of(index === 0 ? 0 : 1) }),
        ...(kind === 'ends' && { share: Float32Array.of(1 / size) }),
        ...(kind !== 'gathers' && scalarInputs(trained, optimiser, lr)),
      })
      const commit = async () => {
        if (ends) for (const component of trained) component.updates++
      }
      return { parts: [...outputs['parts']], commit }
    }
    return { run, updates: 'at once' }
  }

  return {
    compile,
    sync: async () => {
      const values = await state.get(...kept.map(({ name }) => name))
      for (const { component, part, name } of kept) component[part] = values[name] as Float32Array
    },
    release: () => state.release(),
  }
}
