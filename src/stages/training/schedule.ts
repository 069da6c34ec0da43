import type { TrainParams } from '../../dsl/nodes.js'

/**
 * Learning rate at `epoch` (0 ≤ epoch < epochs; a fraction within an epoch): linear warm-up from `warmupLr` to `lr`, then `lr`,
 * or a cosine down to `minLr` (docs/method.md, section 2). As published, the cosine runs over all epochs, warm-up included,
 * so the rate steps down a little where the warm-up ends. `scheduleBy: 'epoch'` holds the rate for a whole epoch. It depends on
 * `epochs` only where a training cannot go on (src/dsl/extendable.ts).
 */
export const learningRate = (train: TrainParams, epoch: number): number => {
  const { epochs, lr, minLr, warmupLr, warmupEpochs, schedule, scheduleEpochs } = train
  const e = train.scheduleBy === 'epoch' ? Math.floor(epoch) : epoch
  if (e < warmupEpochs) return warmupLr + (e * (lr - warmupLr)) / warmupEpochs
  if (schedule === 'constant') return lr
  return minLr + 0.5 * (lr - minLr) * (1 + Math.cos((Math.PI * e) / (scheduleEpochs ?? epochs)))
}
