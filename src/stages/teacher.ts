/**
 * The stage `teacher`: a model trained on the labels (docs/method.md, sections 1 and 2). The stage `anchor` trains the
 * same way.
 */
import type * as tf from '@tensorflow/tfjs-core'
import * as Effect from 'effect/Effect'
import { countMacs, countParams } from '../dsl/counting.js'
import type { TeacherParams } from '../dsl/nodes.js'
import { attempt, type StageError } from '../runtime/errors.js'
import type { StageContext, StageFunction, StageSummary } from '../runtime/stage-contract.js'
import { checkImages, labelledBatches, labelledSpecs, openDataset } from './data/dataset.js'
import { withEngine } from './model/engine-scope.js'
import { blockMode, keepBatches, keepSpecs } from './training/drop-path.js'
import { crossEntropy } from './training/losses.js'
import { measureModel } from './model/measure.js'
import { writeModel } from './model/model-files.js'
import { currentValues, newComponent, valuesOf } from './training/component.js'
import { type LeaveResult, trainAndLeave, type Training } from './training/training.js'
import type { StepDefinition } from './training/train-step.js'
import { validationSplit } from './training/validation.js'
import { vitLogits, vitTensors } from './model/vit.js'
import type { NamedValues } from './tensors/named-tensors.js'
import { startVit } from './model/weight-start.js'
import type { Normalisation } from './model/normalisation.js'
import { adaptWeights, normalisationOfWeights } from './weights/adapt-weights.js'
import { readWeights } from './weights/read-weights.js'
import type { Engine } from '../engine/engine.js'

interface Start {
  readonly values: NamedValues
  /** Undefined: the data's own. */
  readonly normalisation?: Normalisation | undefined
}

/** Weights from outside, or a start of their own. */
const startOf = ({ params, sources }: StageContext<TeacherParams>, role: string): Start => {
  const { model, weights, weightStart, seed, head } = params
  if (weights === null) return { values: startVit(model, weightStart, seed, role) }
  const { decoder: _, ...files } = sources
  const pretrained = readWeights(files)
  return {
    values: adaptWeights(weights, pretrained, { model, newHead: head === 'new', weightStart, seed, role }),
    normalisation: normalisationOfWeights(weights, pretrained),
  }
}

/**
 * Trains on the labels. `role` stands in the model's configuration, and lets a teacher and an anchor of one seed start
 * differently.
 */
export const trainOnLabels = Effect.fnUntraced(function* (
  context: StageContext<TeacherParams>,
  engine: Engine,
  role: 'teacher' | 'anchor',
): Effect.fn.Return<StageSummary, StageError> {
  const { model, train, seed } = context.params
  const { values: start, normalisation } = yield* attempt(() => startOf(context, role))
  const dataset = yield* attempt(() =>
    openDataset(context.inputs['data'], normalisation, { decoder: context.sources['decoder'] }),
  )
  const [split, validation] = yield* attempt(() => {
    checkImages(model, dataset)
    return [dataset.split('train'), validationSplit(dataset, train)] as const
  })
  const component = newComponent('model', 'model', vitTensors(model), start, train)
  const labelled = labelledBatches(split, model, train.batchSize, { ...train, seed })
  const keep = keepBatches({ model }, train, seed)
  const step: StepDefinition = {
    label: `train the ${role}`,
    trained: [component],
    frozen: [],
    inputs: { ...labelledSpecs(model, train.batchSize), ...keepSpecs({ model }, train) },
    weights: { ce: 1 },
    loss: ({ model: params }, batch) => {
      const logits = vitLogits(params, model, batch['pixels'] as tf.Tensor4D, blockMode(batch, 'model', train))
      return { ce: crossEntropy(logits, batch['labels'] as tf.Tensor2D) }
    },
  }
  const training: Training = {
    phase: 'train',
    train,
    seed,
    images: split.count,
    components: [component],
    steps: [step],
    batch: async (indices, place) => ({ ...(await labelled(indices, place)), ...keep(place) }),
    validate:
      validation &&
      ((progress) => measureModel(engine, model, currentValues([component], 'model'), validation, progress)),
  }
  const { mean, std } = dataset
  const leave: LeaveResult = Effect.fnUntraced(function* (outDir, history) {
    const values = valuesOf([component], 'model')
    const scores = yield* measureModel(engine, model, values, dataset.split('test'), context.progress)
    yield* attempt(() => writeModel(outDir, model, values, { role, mean, std }))
    return { ...scores, params: countParams(model), macs: countMacs(model), finalLoss: history.at(-1)?.loss ?? null }
  })
  return yield* trainAndLeave(context, engine, training, leave)
})

/**
 * The stage `teacher`. Leaves `model.safetensors`, `config.json` (its VitConfig, `role`, and `mean` and `std` that
 * its pixels are normalised with) and what `trainAndLeave` adds.
 */
export const teacher: StageFunction<TeacherParams> = (context) =>
  withEngine(context.engine, (engine) => trainOnLabels(context, engine, 'teacher'))
