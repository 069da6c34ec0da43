/** Training steps, ready to run. */
import * as tf from '@tensorflow/tfjs'
import type { HostArrays, Params, TensorSpecs } from '../tensors/named-tensors.js'
import type { Component } from './component.js'

/** What a training step computes, however it is run. */

export interface StepDefinition {
  /** Names the step in errors. */
  readonly label: string
  /** What the step changes. */
  readonly trained: readonly Component[]
  /** What the loss needs besides, and the step leaves alone. */
  readonly frozen: readonly Component[]
  /** The batch: pixels, labels, what a teacher says of them. The first axis of each is the batch's. */
  readonly inputs: TensorSpecs
  /** Weight of every part of the loss in the sum that is minimised. */
  readonly weights: Readonly<Record<string, number>>
  /**
   * The parts, scalars, from the tensors of every model and the batch. Each is a mean over the batch, so that the mean over
   * its halves is the same.
   */
  readonly loss: (
    models: Readonly<Record<string, Params>>,
    batch: Readonly<Record<string, tf.Tensor>>,
  ) => Readonly<Record<string, tf.Scalar>>
}

/** Which of the batches it is whose mean gradient makes one update: number `index`, from 0, of `size`. */
export interface MicroBatch {
  readonly index: number
  readonly size: number
}

/** A batch that makes an update by itself. */
export const WHOLE_UPDATE: MicroBatch = { index: 0, size: 1 }

/** Every tensor of the components by model and name, for a list of tensors in the order of their slots. */
export const byModel = (components: readonly Component[], tensors: readonly tf.Tensor[]): Record<string, Params> => {
  const models: Record<string, Record<string, tf.Tensor>> = {}
  let next = 0
  for (const { model, layout } of components) {
    models[model] ??= {}
    for (const { name } of layout.slots) models[model][name] = tensors[next++]
  }
  return models
}

/** The parts of a step's loss and the gradients of their weighted sum. */

/** `parts` `[number of weights]`; one gradient for every tensor of the trained components, in the order of their slots. */
export interface PartsAndGradients {
  readonly parts: tf.Tensor1D
  readonly gradients: readonly tf.Tensor[]
}

/** `trained` and `frozen` are the components' tensors in the order of their slots. */
export const partsAndGradients = (
  definition: StepDefinition,
  trained: readonly tf.Tensor[],
  frozen: readonly tf.Tensor[],
  batch: Readonly<Record<string, tf.Tensor>>,
): PartsAndGradients => {
  const { weights, loss } = definition
  const components = [...definition.trained, ...definition.frozen]
  const parts = (...tensors: tf.Tensor[]): tf.Tensor1D => {
    const values = loss(byModel(components, [...tensors, ...frozen]), batch)
    return tf.stack(Object.keys(weights).map((part) => values[part])) as tf.Tensor1D
  }
  // The weights as the gradient of the parts make the gradient of their weighted sum.
  const { value, grads } = tf.valueAndGrads(parts)([...trained], tf.tensor1d(Object.values(weights)))
  return { parts: value, gradients: grads }
}

export interface StepResult {
  /** Parts of the batch's loss before the update, in the order of the definition's weights. */
  readonly parts: readonly number[]
  /**
   * Makes what was computed count, once: the last batch of an update changes the components, an earlier one is kept for it.
   * While it works the components are neither old nor new.
   */
  readonly commit: () => Promise<void>
}

export interface TrainStep {
  /** What a run changes: nothing before its `commit`, or the state on the device at once, so that a run has to be committed. */
  readonly updates: 'on commit' | 'at once'
  /**
   * One batch. With a turn its gradient and those of the same update's other batches, run and committed one after the other,
   * make an update by their mean; the first of them forgets whatever was gathered before. Left out: an update by itself.
   */
  readonly run: (lr: number, batch: HostArrays, turn?: MicroBatch) => Promise<StepResult>
}

/** Steps of one training: each changes some of the same components. */
export interface TrainSteps {
  readonly compile: (definition: StepDefinition) => Promise<TrainStep>
  /** Brings the components up to date with what the steps have computed. */
  readonly sync: () => Promise<void>
  readonly release: () => Promise<void>
}
