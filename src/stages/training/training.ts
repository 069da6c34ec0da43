/**
 * The loop that trains a teacher, a student, a stitched pool or a single descendant. Every batch is an effect of its
 * own, so that a training can be interrupted between any two, and goes on from its last update.
 */
import { join } from 'node:path'
import * as Effect from 'effect/Effect'
import { canGoOn } from '../../dsl/extendable.js'
import type { TrainParams } from '../../dsl/nodes.js'
import type { Engine, HostArrays } from '../../engine/engine.js'
import { attempt, attemptAsync, StageError } from '../../runtime/errors.js'
import type { StageContext, StageSummary, TimeShares } from '../../runtime/stage-contract.js'
import type { BatchPlace } from '../data/dataset.js'
import { Generator } from '../data/random.js'
import { writeLines } from '../model/model-files.js'
import { checkFinite, NotFiniteError } from '../tensors/named-tensors.js'
import {
  checkpointBytes,
  type HistoryLine,
  loadCheckpoint,
  type TrainingPosition,
  saveCheckpoint,
  TRAINING_STATE,
  unsavedText,
} from './checkpoint.js'
import { checkpointParts, type Component, keepAsBest, startParts, valuesOf } from './component.js'
import { openSteps } from './open-steps.js'
import { learningRate } from './optimiser.js'
import { stepsPerEpoch } from './step-counts.js'
import type { MicroBatch, StepDefinition, TrainStep } from './train-step.js'
import { bestEpoch, hasStopped, type Validate, validationFigures, validationSummary } from './validation.js'

/** A training: what its steps are, and where their batches come from. */
export interface Training {
  /** What it is called in progress reports. */
  readonly phase: string
  readonly train: TrainParams
  readonly seed: number
  /** Training images. */
  readonly images: number
  /** Everything that trains, which is what a checkpoint holds. */
  readonly components: readonly Component[]
  /**
   * Each update draws one of these for all of its batches; all have the same parts of the loss. A step is compiled when
   * it is first drawn.
   */
  readonly steps: readonly StepDefinition[]
  /**
   * Groups of indices of `steps`: an update draws a group, then a member of it, each uniformly. Default: one group of
   * all.
   */
  readonly groups?: readonly (readonly number[])[]
  /**
   * The values of a step's inputs for these images, which must not change until the call after the next one. What is
   * random in them is a function of the seed and the place alone. Where a teacher answers last, `imagesThere` is called
   * before: that is what a step waits for then.
   */
  readonly batch: (indices: Int32Array, place: BatchPlace, imagesThere?: () => void) => Promise<HostArrays>
  /** Scores the components as they are, after every epoch. */
  readonly validate?: Validate | undefined
}

/** One batch of an update. */
interface Batch {
  readonly lr: number
  readonly step: number
  readonly microBatch: MicroBatch
  /** Whether its step was compiled for it. */
  readonly isFirst: boolean
}

/** The batches of one epoch, the next of which is prepared while one is computed. */
interface Batches {
  readonly prepare: (step: number, indices: Int32Array) => void
  /** What was prepared for this step. */
  readonly take: (step: number) => Promise<TakenBatch>
}

interface TakenBatch {
  readonly arrays: HostArrays
  /** When its images were there. */
  readonly imagesAt: number
}

/** Where the time of a training goes, by the clock of this thread. */
class TrainingTime {
  readonly #ms = { input: 0, teacher: 0, step: 0 }

  /** A step waited from `from` until `until` for a batch whose images were there at `imagesAt`, and has now ended. */
  add(from: number, imagesAt: number, until: number, now: number): void {
    const answered = Math.min(until, Math.max(from, imagesAt))
    this.#ms.input += answered - from
    this.#ms.teacher += until - answered
    this.#ms.step += now - until
  }

  get shares(): TimeShares {
    const { input, teacher, step } = this.#ms
    const all = Math.max(Number.MIN_VALUE, input + teacher + step)
    return { input: input / all, teacher: teacher / all, step: step / all }
  }
}

const batchesAhead = (batch: Training['batch'], epoch: number): Batches => {
  const prepared = new Map<number, Promise<TakenBatch>>()
  return {
    prepare: (step, indices) => {
      let imagesAt: number | undefined
      const imagesThere = (): void => {
        imagesAt = performance.now()
      }
      const taken = batch(indices, { epoch, step }, imagesThere).then((arrays) => ({
        arrays,
        imagesAt: imagesAt ?? performance.now(),
      }))
      // A failure is reported where the batch is taken; without a handler here it would end the process.
      taken.catch(() => {})
      prepared.set(step, taken)
    },
    take: (step) => {
      const taken = prepared.get(step)!
      prepared.delete(step)
      return taken
    },
  }
}

/**
 * An epoch's order of images and the step of each update. Seed and epoch decide them, so a resumed epoch goes on the
 * same way.
 */
const epochPlan = ({ seed, images, steps, groups, train }: Training, epoch: number, count: number) => {
  const draws = Generator.from(seed, 'draws', String(epoch))
  const draw = (): number => {
    if (groups === undefined) return draws.integer(steps.length)
    const group = groups[draws.integer(groups.length)]
    return group[draws.integer(group.length)]
  }
  const drawn = Generator.from(seed, 'order', String(epoch)).permutation(images)
  const repeats = train.augment?.repeats ?? 1
  return {
    order: repeats === 1 ? drawn : drawn.map((_, at) => drawn[Math.floor(at / repeats)]),
    draws: Int32Array.from({ length: Math.ceil(count / train.accumulate) }, draw),
  }
}

const diverged = (what: string, step: number, epoch: number, lr: number): StageError =>
  new StageError({
    message: `${what} at step ${step} (epoch ${epoch}, learning rate ${lr.toPrecision(3)})`,
    hint: 'try a lower lr, more warmupEpochs, or another start of what is trained',
  })

/** Throws a NotFiniteError that names a tensor which has diverged. */
const checkWeights = (components: readonly Component[]): void => {
  for (const model of new Set(components.map((each) => each.model))) {
    for (const [name, values] of Object.entries(valuesOf(components, model))) checkFinite('', name, values)
  }
}

/** The position at the end of an epoch. */
const epochEnd = ({ steps: [step] }: Pick<Training, 'steps'>, history: readonly HistoryLine[]): TrainingPosition => ({
  epoch: history.length,
  step: 0,
  sums: Object.keys(step.weights).map(() => 0),
  history,
})

/**
 * Where a training starts: at a checkpoint of its own, or of a shorter training that it extends. And how it saves more
 * of them.
 */
const openCheckpoints = (
  context: Pick<StageContext, 'checkpointDir' | 'extension' | 'savesWhenInterrupted' | 'warn'>,
  training: Training,
) => {
  const { components } = training
  const state = checkpointParts(training.train)
  startParts(components, state)
  const bytes = checkpointBytes(components, state)
  const shorter = context.extension?.from?.artifact.files[TRAINING_STATE]
  const paths = [join(context.checkpointDir, TRAINING_STATE), ...(shorter === undefined ? [] : [shorter])]
  const start = loadCheckpoint(paths, components, state) ?? epochEnd(training, [])
  context.savesWhenInterrupted?.(bytes)
  let saved = start
  let warned = false
  /**
   * Saves this position with the components' state, which `sync` brings up to date. Where that fails, as on a full
   * disk, the training goes on.
   */
  const save = Effect.fnUntraced(function* (position: TrainingPosition, sync: () => Promise<void>) {
    if (position === saved) return
    yield* attemptAsync(sync)
    yield* attempt(() => {
      saveCheckpoint(context.checkpointDir, position, components, state)
      saved = position
    }).pipe(
      Effect.catch((error) =>
        Effect.sync(() => {
          if (!warned) context.warn?.(unsavedText(error, bytes, context.checkpointDir))
          warned = true
        }),
      ),
    )
  })
  return { start, save }
}

/**
 * Trains to the last epoch, or until it has no patience left, leaves the result in the components and returns one line
 * an epoch. `train.accumulate` batches in a row make one update by their mean gradient, at the learning rate of the
 * first of them; at an epoch's end, those that are left do.
 *
 * Goes on from the checkpoint of an interrupted run, or from what a shorter training left if that is further. Saves a
 * checkpoint after every epoch and when it is interrupted, of the last whole update: batches of the next one are then
 * computed again.
 *
 * `onEpoch` runs before every epoch but the first, with the lines so far, when the components are what a training that
 * ended here would leave. A StageError where the loss is not a finite number.
 */
export const runTraining = Effect.fnUntraced(function* (
  context: Pick<StageContext, 'checkpointDir' | 'progress' | 'extension' | 'savesWhenInterrupted' | 'warn'>,
  engine: Engine,
  training: Training,
  onEpoch: (history: readonly HistoryLine[]) => Effect.Effect<void, StageError> = () => Effect.void,
): Effect.fn.Return<readonly HistoryLine[], StageError> {
  const { train, steps, phase } = training
  if (train.epochs === 0) return []
  const { batchSize, epochs, accumulate } = train
  const count = yield* attempt(() => stepsPerEpoch(training.images, batchSize))
  const parts = Object.keys(steps[0].weights)
  const weights = Object.values(steps[0].weights)
  const lossOf = (values: readonly number[]) => values.reduce((sum, value, index) => sum + weights[index] * value, 0)
  const checkpoints = yield* attempt(() => openCheckpoints(context, training))
  let position = checkpoints.start
  const trainSteps = yield* attemptAsync(() => openSteps(engine, training.components, train))
  const compiled = new Map<number, TrainStep>()
  const stepFor = async (index: number): Promise<TrainStep> => {
    const known = compiled.get(index) ?? (await trainSteps.compile(steps[index]))
    compiled.set(index, known)
    return known
  }
  const save = Effect.suspend(() => checkpoints.save(position, trainSteps.sync))
  let images = 0
  const time = new TrainingTime()

  /** One batch of an update. `done` is called with the parts of its loss once the batch counts. */
  const takeBatch = (
    drawn: TrainStep,
    { lr, step, microBatch, isFirst }: Batch,
    { batches, order }: { readonly batches: Batches; readonly order: Int32Array },
    done: (values: readonly number[]) => void,
  ): Effect.Effect<void, StageError> => {
    const { epoch } = position
    const taken = Effect.gen(function* () {
      const result = yield* attemptAsync(async () => {
        const waitsAt = performance.now()
        const { arrays, imagesAt } = await batches.take(step)
        const startsAt = performance.now()
        const running = drawn.run(lr, arrays, microBatch)
        // What the next step reads is prepared while this one computes.
        if (step + 1 < count) batches.prepare(step + 1, order.subarray((step + 1) * batchSize, (step + 2) * batchSize))
        return { ...(await running), waitsAt, imagesAt, startsAt }
      })
      const loss = lossOf(result.parts)
      if (!Number.isFinite(loss)) {
        return yield* diverged(`the loss became ${loss}`, epoch * count + step + 1, epoch + 1, lr)
      }
      // An interruption must not come in the middle of an update, of which a checkpoint would then be saved.
      yield* Effect.uninterruptible(Effect.map(attemptAsync(result.commit), () => done(result.parts)))
      images += batchSize
      // Compiling is the step's, but only once.
      if (!isFirst) time.add(result.waitsAt, result.imagesAt, result.startsAt, performance.now())
      const at = { step: epoch * count + step + 1, steps: epochs * count, epoch: epoch + 1, epochs }
      const { validationTop1 } = position.history.at(-1) ?? {}
      context.progress({
        phase,
        ...at,
        loss,
        ...(validationTop1 !== undefined && { validationTop1 }),
        ...(!isFirst && { shares: time.shares }),
        images,
        ...(isFirst && { madeReady: true }),
      })
    })
    return drawn.updates === 'at once' ? Effect.uninterruptible(taken) : taken
  }

  /** One update from `position`. */
  const advance = Effect.fnUntraced(function* (
    { order, draws }: ReturnType<typeof epochPlan>,
    batches: Batches,
  ): Effect.fn.Return<void, StageError> {
    const { epoch, step: first, history } = position
    let { sums } = position
    const lr = learningRate(train, epoch + first / count)
    const draw = draws[first / accumulate]
    const isNew = !compiled.has(draw)
    const drawn = yield* attemptAsync(() => stepFor(draw))
    const size = Math.min(accumulate, count - first)
    for (let index = 0; index < size; index++) {
      const batch = { lr, step: first + index, microBatch: { index, size }, isFirst: isNew && index === 0 }
      yield* takeBatch(drawn, batch, { batches, order }, (values) => {
        sums = sums.map((sum, part) => sum + values[part])
        if (index === size - 1) position = { epoch, step: first + size, sums, history }
      })
      // An engine that computes in this thread gives the event loop no turn of its own.
      yield* Effect.yieldNow
    }
  })

  /** Of the epoch that has just ended. */
  const validate = Effect.fnUntraced(function* (epoch: number): Effect.fn.Return<HistoryLine, StageError> {
    if (training.validate === undefined) return {}
    yield* attemptAsync(trainSteps.sync)
    const scores = yield* training.validate((report) => {
      const [step, all] = [epoch * report.steps + report.step, epochs * report.steps]
      context.progress({ ...report, phase: 'validate', step, steps: all, epoch: epoch + 1, epochs })
    })
    return validationFigures(scores)
  })

  const loop = Effect.gen(function* () {
    while (position.epoch < epochs) {
      const { epoch } = position
      // Before the epoch, not at the end of the last one: a run that was cut off after saving that epoch then still
      // does it.
      if (epoch > 0 && position.step === 0) yield* onEpoch(position.history)
      if (hasStopped(position.history, train)) break
      const plan = epochPlan(training, epoch, count)
      const batches = batchesAhead(training.batch, epoch)
      if (position.step < count) {
        batches.prepare(position.step, plan.order.subarray(position.step * batchSize, (position.step + 1) * batchSize))
      }
      while (position.step < count) yield* advance(plan, batches)
      const means = position.sums.map((sum) => sum / count)
      const line = {
        epoch: epoch + 1,
        loss: lossOf(means),
        ...Object.fromEntries(parts.map((part, index) => [part, means[index]])),
        lr: learningRate(train, epoch + (count - 1) / count),
        ...(yield* validate(epoch)),
      }
      position = epochEnd(training, [...position.history, line])
      if (train.keep === 'best' && bestEpoch(position.history) === line) keepAsBest(training.components)
      yield* save
    }
    return position.history
  })
  return yield* loop.pipe(
    Effect.onInterrupt(() => Effect.ignore(save)),
    Effect.ensuring(Effect.ignore(attemptAsync(trainSteps.release))),
  )
})

/** Writes what a stage leaves, from the components as they are now, and sums it up. */
export type LeaveResult = (outDir: string, history: readonly HistoryLine[]) => Effect.Effect<StageSummary, StageError>

/**
 * Trains, then leaves the result, `history.jsonl` with one line an epoch and, where a longer training can go on from
 * this one, the training's state. On its way it leaves the same for every shorter training whose result is wanted too.
 */
export const trainAndLeave = Effect.fnUntraced(function* (
  context: Pick<StageContext, 'outDir' | 'checkpointDir' | 'progress' | 'extension' | 'savesWhenInterrupted' | 'warn'>,
  engine: Engine,
  training: Training,
  leave: LeaveResult,
): Effect.fn.Return<StageSummary, StageError> {
  const { train, components } = training
  const leaveAll = Effect.fnUntraced(function* (outDir: string, history: readonly HistoryLine[], epochs: number) {
    const summary = yield* attempt(() => checkWeights(components)).pipe(
      Effect.andThen(leave(outDir, history)),
      // The loss tells of every update but the last.
      Effect.mapError((error) => {
        if (history.length === 0 || !(error.cause instanceof NotFiniteError)) return error
        const last = history.length * stepsPerEpoch(training.images, train.batchSize)
        return diverged(error.cause.message, last, history.length, history.at(-1)!.lr)
      }),
    )
    yield* attempt(() => {
      writeLines(join(outDir, 'history.jsonl'), history)
      if (!canGoOn({ ...train, epochs })) return
      saveCheckpoint(outDir, epochEnd(training, history), components, checkpointParts(train))
    })
    return { ...summary, ...validationSummary(history, train) }
  })
  const onTheWay = (history: readonly HistoryLine[]) =>
    context.extension?.deliver(history.length, (outDir) => leaveAll(outDir, history, history.length)) ?? Effect.void
  const history = yield* runTraining(context, engine, training, onTheWay)
  return yield* leaveAll(context.outDir, history, train.epochs)
})
