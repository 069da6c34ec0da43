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
import type { Arrays, StepDefinition } from './step-definition.js'
import { openSteps, type TrainStep } from './train-step.js'
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
  /** Each step takes one of these; they have the same parts of the loss. Compiled when first drawn. */
  readonly steps: readonly StepDefinition[]
  /** Indices of `steps`: a step draws a group, then one of its members, uniformly each. Default: all in one group. */
  readonly groups?: readonly (readonly number[])[]
  /**
   * The values of a step's inputs for these images; they must stay as they are until the call after the next one. What is
   * random in them is a function of the seed and of this place alone.
   */
  readonly batch: (indices: Int32Array, place: BatchPlace) => Promise<Arrays>
}

/** Which batch of a training it is; both counted from 0. */
export interface BatchPlace {
  readonly epoch: number
  readonly step: number
}

interface Batches {
  readonly prepare: (step: number, indices: Int32Array) => void
  /** What was prepared for this step. */
  readonly take: (step: number) => Promise<Arrays>
}

const batchesAhead = (batch: Training['batch'], epoch: number): Batches => {
  const prepared = new Map<number, Promise<Arrays>>()
  return {
    prepare: (step, indices) => {
      const arrays = batch(indices, { epoch, step })
      // Whoever takes it hears of a failure.
      arrays.catch(() => {})
      prepared.set(step, arrays)
    },
    take: (step) => {
      const arrays = prepared.get(step)!
      prepared.delete(step)
      return arrays
    },
  }
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
const epochPlan = ({ seed, images, steps, groups }: Training, epoch: number, count: number) => {
  const draws = Generator.from(seed, 'draws', String(epoch))
  const draw = (): number => {
    if (groups === undefined) return draws.integer(steps.length)
    const group = groups[draws.integer(groups.length)]
    return group[draws.integer(group.length)]
  }
  return {
    order: Generator.from(seed, 'order', String(epoch)).permutation(images),
    draws: Int32Array.from({ length: count }, draw),
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
  const save = Effect.gen(function* () {
    if (position === saved) return
    yield* attemptAsync(trainSteps.sync)
    yield* attempt(() => saveCheckpoint(context.checkpointDir, position, components))
    saved = position
  })

  const trainSteps = yield* attemptAsync(() => openSteps(engine, components, train))
  const compiled = new Map<number, TrainStep>()
  const stepFor = async (index: number): Promise<TrainStep> => {
    const known = compiled.get(index) ?? (await trainSteps.compile(steps[index]))
    compiled.set(index, known)
    return known
  }

  /** One step from `position`; returns its loss. */
  const advance = Effect.fnUntraced(function* (
    { order, draws }: ReturnType<typeof epochPlan>,
    batches: Batches,
  ): Effect.fn.Return<number, StageError> {
    const { epoch, step, sums, history } = position
    const lr = learningRate(train, epoch + step / count)
    const drawn = yield* attemptAsync(() => stepFor(draws[step]))
    const taken = Effect.gen(function* () {
      const result = yield* attemptAsync(async () => {
        const batch = await batches.take(step)
        const running = drawn.run(lr, batch)
        // What the next step reads is prepared while this one computes.
        if (step + 1 < count) batches.prepare(step + 1, order.subarray((step + 1) * batchSize, (step + 2) * batchSize))
        return await running
      })
      const loss = result.parts.reduce((sum, part, index) => sum + weights[index] * part, 0)
      if (!Number.isFinite(loss)) return yield* notFinite(loss, epoch * count + step + 1, epoch + 1, lr)
      // A checkpoint is never of a step half done.
      return yield* Effect.uninterruptible(
        Effect.map(attemptAsync(result.commit), () => {
          position = { epoch, step: step + 1, sums: sums.map((sum, index) => sum + result.parts[index]), history }
          return loss
        }),
      )
    })
    return yield* drawn.updates === 'at once' ? Effect.uninterruptible(taken) : taken
  })

  const loop = Effect.gen(function* () {
    let images = 0
    while (position.epoch < epochs) {
      const { epoch } = position
      const plan = epochPlan(training, epoch, count)
      const batches = batchesAhead(training.batch, epoch)
      if (position.step < count) {
        batches.prepare(position.step, plan.order.subarray(position.step * batchSize, (position.step + 1) * batchSize))
      }
      while (position.step < count) {
        const loss = yield* advance(plan, batches)
        images += batchSize
        context.progress({
          phase: training.phase,
          step: epoch * count + position.step,
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
      yield* save
    }
    return position.history
  })
  return yield* loop.pipe(
    Effect.onInterrupt(() => Effect.ignore(save)),
    Effect.ensuring(Effect.ignore(attemptAsync(trainSteps.release))),
  )
})
