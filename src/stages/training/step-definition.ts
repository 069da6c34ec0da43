/** What a training step computes, however it is run. */
import type * as tf from '@tensorflow/tfjs'
import type { HostArray, TensorSpec } from '../../engine/engine.js'
import type { Params } from '../model/vit.js'
import type { Component } from './train-state.js'

export type Specs = Readonly<Record<string, TensorSpec>>
export type Arrays = Readonly<Record<string, HostArray>>

export interface StepDefinition {
  /** Names the step in errors. */
  readonly label: string
  /** What the step changes. */
  readonly trained: readonly Component[]
  /** What the loss needs besides, and the step leaves alone. */
  readonly frozen: readonly Component[]
  /** The batch: pixels, labels, what a teacher says of them. The first axis of each is the batch's. */
  readonly inputs: Specs
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
export interface Turn {
  readonly index: number
  readonly size: number
}

/** A batch that makes an update by itself. */
export const ALONE: Turn = { index: 0, size: 1 }

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
