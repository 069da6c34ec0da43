/**
 * A training step: what it computes (`StepDefinition`) and what one does that is ready to run (`TrainStep`). How it
 * runs is in host-step.ts, where the parameters are in the host's memory, and in device-step.ts; open-steps.ts chooses.
 */
import type { HostArrays, TensorSpecs } from '../../engine/engine.js'
import * as tf from '@tensorflow/tfjs-core'
import type { NamedTensors } from '../tensors/named-tensors.js'
import type { Component } from './component.js'

/** What a step computes, however it is run. */
export interface StepDefinition {
  /** Names the step in errors. */
  readonly label: string
  /** What the step changes. */
  readonly trained: readonly Component[]
  /** What the loss reads besides and the step does not change. */
  readonly frozen: readonly Component[]
  /** The batch: pixels, labels, a teacher's outputs for them. The first axis of each is the batch's. */
  readonly inputs: TensorSpecs
  /** Weight of every part of the loss in the sum that is minimised. */
  readonly weights: Readonly<Record<string, number>>
  /**
   * The parts of the loss, scalars, from the tensors of every model and the batch. Each is a mean over the batch, so
   * that the mean of those of its halves is the same.
   */
  readonly loss: (
    models: Readonly<Record<string, NamedTensors>>,
    batch: Readonly<Record<string, tf.Tensor>>,
  ) => Readonly<Record<string, tf.Scalar>>
}

/**
 * One of the batches whose mean gradient makes one update (gradient accumulation): number `index`, from 0, of `size`.
 */
export interface MicroBatch {
  readonly index: number
  readonly size: number
}

/** A batch that makes an update by itself. */
export const WHOLE_UPDATE: MicroBatch = { index: 0, size: 1 }

/** Tensors in the order of the components' slots, by model and name. */
const byModel = (components: readonly Component[], tensors: readonly tf.Tensor[]): Record<string, NamedTensors> => {
  const models: Record<string, Record<string, tf.Tensor>> = {}
  let next = 0
  for (const { model, layout } of components) {
    models[model] ??= {}
    for (const { name } of layout.slots) models[model][name] = tensors[next++]
  }
  return models
}

/**
 * The parts of a step's loss, `[number of weights]`, and the gradients of their weighted sum, one for every tensor of
 * the trained components. `trained` and `frozen` are the components' tensors; those and the gradients are in the order
 * of the components' slots.
 */
export const partsAndGradients = (
  definition: StepDefinition,
  trained: readonly tf.Tensor[],
  frozen: readonly tf.Tensor[],
  batch: Readonly<Record<string, tf.Tensor>>,
): { readonly parts: tf.Tensor1D; readonly gradients: readonly tf.Tensor[] } => {
  const { weights, loss } = definition
  const components = [...definition.trained, ...definition.frozen]
  const parts = (...tensors: tf.Tensor[]): tf.Tensor1D => {
    const values = loss(byModel(components, [...tensors, ...frozen]), batch)
    return tf.stack(Object.keys(weights).map((part) => values[part])) as tf.Tensor1D
  }
  // Weights in place of the parts' own gradient: what comes back is the gradient of the parts' weighted sum.
  const { value, grads } = tf.valueAndGrads(parts)([...trained], tf.tensor1d(Object.values(weights)))
  return { parts: value, gradients: grads }
}

/** What came of one batch. */
interface StepResult {
  /** Parts of the batch's loss before the update, in the order of the definition's weights. */
  readonly parts: readonly number[]
  /**
   * Makes the batch count; to be called once. The last batch of an update changes the components; the gradient of an
   * earlier one is kept for it. Until the promise ends, the components are in between and must not be read.
   */
  readonly commit: () => Promise<void>
}

/** A step that is ready to run. */
export interface TrainStep {
  /** When a run changes the state: at its `commit`, or on the device at once, so that every run has to be committed. */
  readonly updates: 'on commit' | 'at once'
  /**
   * Runs one batch. The batches of one update are run and committed one after the other, and update by their mean
   * gradient; the first of them drops what an unfinished update gathered. Without `microBatch` the batch is an update
   * by itself.
   */
  readonly run: (lr: number, batch: HostArrays, microBatch?: MicroBatch) => Promise<StepResult>
}

/** The steps of one training, each of which changes some of the same components. */
export interface TrainSteps {
  readonly compile: (definition: StepDefinition) => Promise<TrainStep>
  /** Brings the components up to date with the steps' state. */
  readonly sync: () => Promise<void>
  readonly release: () => Promise<void>
}
