/**
 * A training step as one function: parameters, optimiser state and a batch → loss and their next values. For devices with a
 * memory of their own: parameters and optimiser state stay there, and nothing but the batch and the loss passes.
 */
import type * as tf from '@tensorflow/tfjs'
import type { Engine, TensorFunction, TensorSpec } from '../../engine/engine.js'
import { stateOf } from '../../engine/state.js'
import { concatFlat, slices } from '../model/layout.js'
import { adamw, adamwScalars, type AdamwParams } from './adamw.js'
import { partsAndGradients } from './gradients.js'
import type { Arrays, Specs, StepDefinition } from './step-definition.js'
import type { Component } from './train-state.js'
import type { StepResult, TrainSteps } from './train-step.js'

const float = (...shape: number[]): TensorSpec => ({ shape, dtype: 'float32' })

const STATE = ['theta', 'm', 'v'] as const
const SCALARS = ['keep', 'stepSize', 'rootCorrection'] as const

const slotTensors = (components: readonly Component[], inputs: Readonly<Record<string, tf.Tensor>>): tf.Tensor[] =>
  components.flatMap(({ name, layout }) => Object.values(slices(layout, inputs[`theta.${name}`] as tf.Tensor1D)))

/** The step as a function of named tensors; outputs `parts`, and `theta`, `m` and `v` of every trained component. */
export const stepFunction = (definition: StepDefinition, optimiser: AdamwParams): TensorFunction => {
  const { trained, frozen } = definition
  return (inputs) => {
    // Differentiated by the slices, not by theta: the gradient of a slice of theta would be padded to theta's size.
    const { parts, gradients } = partsAndGradients(
      definition,
      slotTensors(trained, inputs),
      slotTensors(frozen, inputs),
      inputs,
    )
    const outputs: Record<string, tf.Tensor> = { parts }
    let next = 0
    for (const { name, layout } of trained) {
      const gradient = concatFlat(gradients.slice(next, (next += layout.slots.length)))
      const [theta, m, v] = STATE.map((part) => inputs[`${part}.${name}`] as tf.Tensor1D)
      const [keep, stepSize, rootCorrection] = SCALARS.map((scalar) => inputs[`${scalar}.${name}`])
      const updated = adamw(optimiser, { theta, m, v }, gradient, layout.decayed, { keep, stepSize, rootCorrection })
      for (const part of STATE) outputs[`${part}.${name}`] = updated[part]
    }
    return outputs
  }
}

/** Shapes of the step's inputs. */
export const stepSpecs = ({ trained, frozen, inputs }: StepDefinition): Specs => ({
  ...inputs,
  ...Object.fromEntries(
    trained.flatMap(({ name, layout }) => [
      ...STATE.map((part) => [`${part}.${name}`, float(layout.size)] as const),
      ...SCALARS.map((scalar) => [`${scalar}.${name}`, float()] as const),
    ]),
  ),
  ...Object.fromEntries(frozen.map(({ name, layout }) => [`theta.${name}`, float(layout.size)])),
})

const stateName = (component: Component, part: (typeof STATE)[number]): string => `${part}.${component.name}`

/** What a step reads of the state; the parts of frozen components that are not trained are left out. */
const stateNames = ({ trained, frozen }: StepDefinition): readonly string[] => [
  ...trained.flatMap((component) => STATE.map((part) => stateName(component, part))),
  ...frozen.map((component) => stateName(component, 'theta')),
]

/** Steps that take turns with one state on the device; the components on the host are as old as the last `sync`. */
export const openWholeSteps = async (
  engine: Engine,
  components: readonly Component[],
  optimiser: AdamwParams,
): Promise<TrainSteps> => {
  const support = stateOf(engine)
  const parts = components.flatMap((component) => STATE.map((part) => ({ component, part })))
  const state = support.open(
    Object.fromEntries(parts.map(({ component, part }) => [stateName(component, part), float(component.layout.size)])),
  )
  await state.set(Object.fromEntries(parts.map(({ component, part }) => [stateName(component, part), component[part]])))
  return {
    compile: async (definition) => {
      const { label, trained } = definition
      const names = stateNames(definition)
      const compiled = await support.compile(label, stepFunction(definition, optimiser), stepSpecs(definition), names)
      const run = async (lr: number, batch: Arrays): Promise<StepResult> => {
        const scalars = trained.flatMap((component) => {
          const values = adamwScalars(optimiser, lr, component.updates + 1)
          return SCALARS.map((scalar) => [`${scalar}.${component.name}`, Float32Array.of(values[scalar])] as const)
        })
        const outputs = await compiled.run(state, { ...batch, ...Object.fromEntries(scalars) })
        const commit = async () => {
          for (const component of trained) component.updates++
        }
        return { parts: [...outputs['parts']], commit }
      }
      return { run, updates: 'at once' }
    },
    sync: async () => {
      const values = await state.get()
      for (const { component, part } of parts) component[part] = values[stateName(component, part)] as Float32Array
    },
    release: () => state.release(),
  }
}
