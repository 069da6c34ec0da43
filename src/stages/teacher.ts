/**
 * The stage `teacher`: a model trained on the labels (docs/method.md, sections 1 and 2). The stage `anchor` trains the
 * same way.
 */
import type * as tf from '@tensorflow/tfjs-core'
import * as Effect from 'effect/Effect'
import { countMacs, countParams } from '../dsl/counting.js'
import type { TeacherParams } from '../dsl/nodes.js'
import type { VitConfig } from '../dsl/vit-config.js'
import { attempt, type StageError } from '../runtime/errors.js'
import type { StageContext, StageFunction, StageSummary } from '../runtime/stage-contract.js'
import { checkImages, labelledBatches, labelledSpecs, openDataset } from './data/dataset.js'
import { withEngine } from './model/engine-scope.js'
import { keepBatches, keepOf, keepSpecs } from './training/drop-path.js'
import { crossEntropy } from './training/losses.js'
import { measureModel } from './model/measure.js'
import { ModelFileError, readModel, writeModel } from './model/model-files.js'
import { newComponent, valuesOf } from './training/component.js'
import { type LeaveResult, trainAndLeave, type Training } from './training/training.js'
import type { StepDefinition } from './training/train-step.js'
import { vitLogits, vitTensors } from './model/vit.js'
import type { NamedValues } from './tensors/named-tensors.js'
import { startVit } from './model/weight-start.js'
import type { Engine } from '../engine/engine.js'

/**
 * Weights from a file. Throws a ModelFileError where its `config.json` describes another model, in head count and eps
 * too.
 */
const pretrained = (sources: StageContext['sources'], model: VitConfig): NamedValues => {
  const { config, values } = readModel(sources['weights'], sources['config'])
  const keys = Object.keys({ ...config, ...model }) as (keyof VitConfig)[]
  const different = keys.find((key) => config[key] !== model[key])
  if (different === undefined) return values
  throw new ModelFileError(
    `${sources['weights']}: its ${different} is ${config[different]}, but the pipeline's model has ${model[different]}`,
  )
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
  const { model, train, weightStart, weights, seed } = context.params
  const dataset = yield* attempt(() => openDataset(context.inputs['data']))
  const split = yield* attempt(() => {
    checkImages(model, dataset)
    return dataset.split('train')
  })
  const start = yield* attempt(() =>
    weights === null ? startVit(model, weightStart, seed, role) : pretrained(context.sources, model),
  )
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
      const logits = vitLogits(params, model, batch['pixels'] as tf.Tensor4D, keepOf(batch, 'model'))
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
    batch: async (indices, place) => ({ ...labelled(indices, place), ...keep(place) }),
  }
  const { mean, std } = dataset
  const leave: LeaveResult = Effect.fnUntraced(function* (outDir, history) {
    const values = valuesOf([component], 'model')
    const scores = yield* measureModel(engine, model, values, dataset, context.progress)
    yield* attempt(() => writeModel(outDir, model, values, { role, mean, std }))
    return { ...scores, params: countParams(model), macs: countMacs(model), finalLoss: history.at(-1)?.loss ?? null }
  })
  return yield* trainAndLeave(context, engine, training, leave)
})

/**
 * The stage `teacher`. Leaves `model.safetensors`, `config.json` (its VitConfig, `role`, and `mean` and `std` of the
 * pixels it was trained on) and what `trainAndLeave` adds.
 */
export const teacher: StageFunction<TeacherParams> = (context) =>
  withEngine(context.engine, (engine) => trainOnLabels(context, engine, 'teacher'))
