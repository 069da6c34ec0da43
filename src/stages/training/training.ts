/** The loop that trains a teacher, a student or a stitched pool: one step an effect, resumable at every step. */
import * as Effect from 'effect/Effect'
import type { TrainParams } from '../../dsl/nodes.js'
import type { Engine } from '../../engine/engine.js'
import { StageError } from '../../runtime/errors.js'
import type { StageContext } from '../../runtime/stage-contract.js'
import { attempt } from '../attempt.js'
import { attemptAsync } from '../attempt-async.js'
import { loadCheckpoint, saveCheckpoint, type HistoryLine, type Position } from './checkpoint.js'
import { Generator } from '../data/random.js'
import { learningRate } from './schedule.js'
import { compileStep, type Arrays, type StepDefinition, type TrainStep } from './train-step.js'
import type { Component } from './train-state.js'

export interface Training {
  /** What progress calls it. */
  readonly phase: string
  readonly train: TrainParams
  readonly seed: number
  /** Training images. */
  readonly images: number
  /** Everything that trains: what a checkpoint holds. */
  readonly components: readonly Component[]
  /** Each step takes one of these, drawn uniformly; they have the same parts of the loss. Compiled when first drawn. */
  readonly steps: readonly StepDefinition[]
  /** The values of a step's inputs for these images. */
  readonly batch: (indices: Int32Array) => Promise<Arrays>
}

/** Batches in an epoch; the images left over wait for another epoch's order. A StageError where there is none. */
export const stepsPerEpoch = (images: number, batchSize: number): number => {
  if (images >= batchSize) return Math.floor(images / batchSize)
  throw new StageError({
    message: `a batch of ${batchSize} images cannot be drawn from ${images} training images`,
    hint: `set batchSize to ${images} or less, or take more images`,
  })
}

/** What an epoch does, step by step: a function of seed and epoch alone, so a resumed epoch goes on the same way. */
const epochPlan = ({ seed, images, steps }: Training, epoch: number, count: number) => {
  const draws = Generator.from(seed, 'draws', String(epoch))
  return {
    order: Generator.from(seed, 'order', String(epoch)).permutation(images),
    draws: Int32Array.from({ length: count }, () => draws.integer(steps.length)),
  }
}

const notFinite = (loss: number, step: number, epoch: number, lr: number): StageError =>
  new StageError({
    message: `the loss became ${loss} at step ${step} (epoch ${epoch}, learning rate ${lr.toPrecision(3)})`,
    hint: 'try a lower lr, more warmupEpochs or a smaller weightStart',
  })

/**
 * Trains until the last epoch and leaves the result in the components; returns one line an epoch. Goes on from the
 * checkpoint of an interrupted run, and saves one after every epoch and when it is interrupted. A StageError where the
 * loss is not a finite number.
 */
export const runTraining = Effect.fnUntraced(function* (
  context: Pick<StageContext, 'checkpointDir' | 'progress'>,
  engine: Engine,
  training: Training,
): Effect.fn.Return<readonly HistoryLine[], StageError> {
  const { train, components, steps } = training
  if (train.epochs === 0) return []
  const { batchSize, epochs } = train
  const count = yield* attempt(() => stepsPerEpoch(training.images, batchSize))
  const parts = Object.keys(steps[0].weights)
  const weights = Object.values(steps[0].weights)
  const start: Position = { epoch: 0, step: 0, sums: parts.map(() => 0), history: [] }
  let position = (yield* attempt(() => loadCheckpoint(context.checkpointDir, components))) ?? start
  let saved = position
  const save = () => {
    if (position !== saved) saveCheckpoint(context.checkpointDir, position, components)
    saved = position
  }

  const compiled = new Map<number, TrainStep>()
  const stepFor = async (index: number): Promise<TrainStep> => {
    const known = compiled.get(index) ?? (await compileStep(engine, steps[index], train))
    compiled.set(index, known)
    return known
  }

  const loop = Effect.gen(function* () {
    let images = 0
    while (position.epoch < epochs) {
      const { epoch } = position
      const { order, draws } = epochPlan(training, epoch, count)
      while (position.step < count) {
        const { step, sums, history } = position
        const lr = learningRate(train, epoch + step / count)
        const indices = order.subarray(step * batchSize, (step + 1) * batchSize)
        const result = yield* attemptAsync(async () => {
          const drawn = await stepFor(draws[step])
          return drawn.run(lr, await training.batch(indices))
        })
        const loss = result.parts.reduce((sum, part, index) => sum + weights[index] * part, 0)
        if (!Number.isFinite(loss)) return yield* notFinite(loss, epoch * count + step + 1, epoch + 1, lr)
        result.commit()
        position = { epoch, step: step + 1, sums: sums.map((sum, index) => sum + result.parts[index]), history }
        images += batchSize
        context.progress({
          phase: training.phase,
          step: epoch * count + step + 1,
          steps: epochs * count,
          epoch: epoch + 1,
          epochs,
          loss,
          images,
        })
        // An engine that computes in this thread never lets the event loop in by itself.
        yield* Effect.yieldNow
      }
      const means = position.sums.map((sum) => sum / count)
      const loss = means.reduce((sum, mean, index) => sum + weights[index] * mean, 0)
      const line = {
        epoch: epoch + 1,
        loss,
        ...Object.fromEntries(parts.map((part, index) => [part, means[index]])),
        lr: learningRate(train, epoch + (count - 1) / count),
      }
      position = { ...start, epoch: epoch + 1, history: [...position.history, line] }
      yield* attempt(save)
    }
    return position.history
  })
  return yield* loop.pipe(Effect.onInterrupt(() => Effect.sync(save)))
})
