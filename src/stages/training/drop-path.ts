/**
 * Stochastic depth, or drop path (Huang and others, "Deep networks with stochastic depth", 2016), as timm does it: for
 * each image, each residual branch of a block is dropped with the block's rate p, and multiplied by 1/(1 − p) where it
 * is kept. The factors are drawn on the host and come into a step as an input, `keep.<model>` `[B, 2·depth]`: a step
 * stays a function of its inputs.
 */
import type { HostArrays, TensorSpecs } from '../../engine/engine.js'
import type * as tf from '@tensorflow/tfjs-core'
import type { TrainParams } from '../../dsl/nodes.js'
import type { VitConfig } from '../../dsl/vit-config.js'
import { Generator } from '../data/random.js'
import type { BlockMode, Keep } from '../model/vit.js'
import type { BatchPlace } from '../data/dataset.js'

/** The models that drop paths, by name. */
export type DroppingModels = Readonly<Record<string, Pick<VitConfig, 'depth'>>>

type DropPath = Pick<TrainParams, 'dropPath' | 'batchSize'>

/** The rate of block `index`: 0 for the first of `depth` blocks, rising linearly to `rate` for the last. */
export const dropRate = (rate: number, index: number, depth: number): number =>
  depth === 1 ? 0 : (rate * index) / (depth - 1)

const keepName = (model: string): string => `keep.${model}`

/** The inputs that a step needs for these models to drop paths; none where the rate is 0. */
export const keepSpecs = (models: DroppingModels, { dropPath, batchSize }: DropPath): TensorSpecs =>
  dropPath === 0
    ? {}
    : Object.fromEntries(
        Object.entries(models).map(([model, { depth }]) => [
          keepName(model),
          { shape: [batchSize, 2 * depth], dtype: 'float32' } as const,
        ]),
      )

/** How the blocks of this model run in a step: with the factors of its batch, where it has such an input. */
export const blockMode = (
  batch: Readonly<Record<string, tf.Tensor>>,
  model: string,
  { checkpointBlocks }: Pick<TrainParams, 'checkpointBlocks'>,
): BlockMode => ({ keep: batch[keepName(model)] as Keep, recompute: checkpointBlocks })

/** Draws the factors of one model, row by row. The first block never drops, so nothing is drawn for it. */
const fillKeep = (keep: Float32Array, depth: number, rate: number, generator: Generator): void => {
  for (let row = 0; row < keep.length; row += 2 * depth) {
    for (let column = 0; column < 2 * depth; column++) {
      const p = dropRate(rate, Math.floor(column / 2), depth)
      keep[row + column] = p === 0 ? 1 : generator.uniform() < p ? 0 : 1 / (1 - p)
    }
  }
}

/**
 * The values of `keepSpecs` for the batch at a place of the training: a function of seed, model and place. The arrays
 * are filled anew by the call after the next one.
 */
export const keepBatches = (
  models: DroppingModels,
  { dropPath, batchSize }: DropPath,
  seed: number,
): ((place: BatchPlace) => HostArrays) => {
  if (dropPath === 0) return () => ({})
  const arrays = () =>
    Object.entries(models).map(([model, { depth }]) => ({
      model,
      depth,
      keep: new Float32Array(batchSize * 2 * depth),
    }))
  const sets = [arrays(), arrays()] as const
  let calls = 0
  return ({ epoch, step }) => {
    const set = sets[calls++ % 2]
    for (const { model, depth, keep } of set) {
      fillKeep(keep, depth, dropPath, Generator.from(seed, 'dropPath', model, String(epoch), String(step)))
    }
    return Object.fromEntries(set.map(({ model, keep }) => [keepName(model), keep]))
  }
}
