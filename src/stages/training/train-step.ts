/** A training step as one pure function: parameters, optimiser state and a batch → loss and their next values. */
import * as tf from '@tensorflow/tfjs'
import type { Engine, HostArray, TensorFunction, TensorSpec } from '../../engine/engine.js'
import { adamw, adamwScalars, type AdamwParams } from './adamw.js'
import { concatFlat, slices } from '../model/layout.js'
import type { Component } from './train-state.js'
import type { Params } from '../model/vit.js'

export type Specs = Readonly<Record<string, TensorSpec>>
export type Arrays = Readonly<Record<string, HostArray>>

export interface StepDefinition {
  /** Names the step in errors. */
  readonly label: string
  /** What the step changes. */
  readonly trained: readonly Component[]
  /** What the loss needs besides, and the step leaves alone. */
  readonly frozen: readonly Component[]
  /** The batch: pixels, labels, what a teacher says of them. */
  readonly inputs: Specs
  /** Weight of every part of the loss in the sum that is minimised. */
  readonly weights: Readonly<Record<string, number>>
  /** The parts, scalars, from the tensors of every model and the batch. */
  readonly loss: (
    models: Readonly<Record<string, Params>>,
    batch: Readonly<Record<string, tf.Tensor>>,
  ) => Readonly<Record<string, tf.Scalar>>
}

export interface StepResult {
  /** Parts of the loss before this step's update, in the order of the definition's weights. */
  readonly parts: readonly number[]
  /** Makes the update real. Until then nothing has changed. */
  readonly commit: () => void
}

export interface TrainStep {
  readonly run: (lr: number, batch: Arrays) => Promise<StepResult>
}

const float = (...shape: number[]): TensorSpec => ({ shape, dtype: 'float32' })

const STATE = ['theta', 'm', 'v'] as const
const SCALARS = ['keep', 'stepSize', 'rootCorrection'] as const

/** Every tensor of the components by model and name, for a list of tensors in the order of their slots. */
const byModel = (components: readonly Component[], tensors: readonly tf.Tensor[]): Record<string, Params> => {
  const models: Record<string, Record<string, tf.Tensor>> = {}
  let next = 0
  for (const { model, layout } of components) {
    models[model] ??= {}
    for (const { name } of layout.slots) models[model][name] = tensors[next++]
  }
  return models
}

const slotTensors = (components: readonly Component[], inputs: Readonly<Record<string, tf.Tensor>>): tf.Tensor[] =>
  components.flatMap(({ name, layout }) => Object.values(slices(layout, inputs[`theta.${name}`] as tf.Tensor1D)))

/** The step as a function of named tensors; outputs `parts`, and `theta`, `m` and `v` of every trained component. */
export const stepFunction = (definition: StepDefinition, optimiser: AdamwParams): TensorFunction => {
  const { trained, frozen, weights, loss } = definition
  return (inputs) => {
    const fixed = slotTensors(frozen, inputs)
    const parts = (...tensors: tf.Tensor[]): tf.Tensor1D => {
      const values = loss(byModel([...trained, ...frozen], [...tensors, ...fixed]), inputs)
      return tf.stack(Object.keys(weights).map((part) => values[part])) as tf.Tensor1D
    }
    // Differentiated by the slices, not by theta: the gradient of a slice of theta would be padded to theta's size. The
    // weights as the gradient of the parts make the gradient of their weighted sum.
    const { value, grads } = tf.valueAndGrads(parts)(slotTensors(trained, inputs), tf.tensor1d(Object.values(weights)))
    const outputs: Record<string, tf.Tensor> = { parts: value }
    let next = 0
    for (const { name, layout } of trained) {
      const gradient = concatFlat(grads.slice(next, (next += layout.slots.length)))
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

/** Values of the step's inputs that are not the batch. */
const stateOf = ({ trained, frozen }: StepDefinition, optimiser: AdamwParams, lr: number): Arrays => {
  const values: Record<string, HostArray> = {}
  for (const component of trained) {
    const scalars = adamwScalars(optimiser, lr, component.updates + 1)
    for (const part of STATE) values[`${part}.${component.name}`] = component[part]
    for (const scalar of SCALARS) values[`${scalar}.${component.name}`] = Float32Array.of(scalars[scalar])
  }
  for (const { name, theta } of frozen) values[`theta.${name}`] = theta
  return values
}

export const compileStep = async (
  engine: Engine,
  definition: StepDefinition,
  optimiser: AdamwParams,
): Promise<TrainStep> => {
  const compiled = await engine.compile(definition.label, stepFunction(definition, optimiser), stepSpecs(definition))
  const run = async (lr: number, batch: Arrays): Promise<StepResult> => {
    const outputs = await compiled.run({ ...batch, ...stateOf(definition, optimiser, lr) })
    const commit = () => {
      for (const component of definition.trained) {
        for (const part of STATE) component[part] = outputs[`${part}.${component.name}`] as Float32Array
        component.updates++
      }
    }
    return { parts: [...outputs['parts']], commit }
  }
  return { run }
}
