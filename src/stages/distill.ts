/**
 * The stage `distill`: a student trained to match its teacher, with transformation matrices between them
 * (docs/method.md, section 2).
 */
import type * as tf from '@tensorflow/tfjs-core'
import { join } from 'node:path'
import * as Effect from 'effect/Effect'
import { countMacs, countParams } from '../dsl/counting.js'
import type { DistillParams } from '../dsl/nodes.js'
import { lossPositions } from '../dsl/loss-positions.js'
import type { VitConfig } from '../dsl/vit-config.js'
import type { Engine } from '../engine/engine.js'
import { attempt, type StageError } from '../runtime/errors.js'
import type { StageContext, StageFunction, StageSummary } from '../runtime/stage-contract.js'
import { checkImages, labelledBatches, labelledSpecs, openDataset } from './data/dataset.js'
import { withEngine } from './model/engine-scope.js'
import { blockMode, keepBatches, keepSpecs } from './training/drop-path.js'
import {
  featureParts,
  featureWeights,
  keptTransforms,
  matchedTransforms,
  type Transform,
  transformTensors,
  wantedFeatures,
} from './training/feature-matching.js'
import { crossEntropy, softCrossEntropy } from './training/losses.js'
import { measureModel } from './model/measure.js'
import { normalisationOf } from './model/normalisation.js'
import { openModel, writeModel, writeTensors } from './model/model-files.js'
import { teacherOutputs, teacherSpecs } from './training/teacher-outputs.js'
import { type Component, currentValues, newComponent, valuesOf } from './training/component.js'
import { type LeaveResult, trainAndLeave, type Training } from './training/training.js'
import type { StepDefinition } from './training/train-step.js'
import { validationSplit } from './training/validation.js'
import { vitForward, vitTensors } from './model/vit.js'
import { startLinears, startVit } from './model/weight-start.js'

/** The components of the student and of its transformation matrices, before training. */
export const startStudent = (params: DistillParams, teacherWidth: number) => {
  const { model, positions, weightStart, seed, train } = params
  const count = lossPositions(positions, model.depth).length
  const start = startVit(model, weightStart, seed, 'student')
  const transforms = (transform: Transform): Component => {
    const tensors = transformTensors(transform, count, model.embedDim, teacherWidth)
    const label = `transforms ${model.embedDim}x${model.depth}`
    return newComponent(`transforms.${transform}`, 'transforms', tensors, startLinears(tensors, seed, label), train)
  }
  return {
    student: newComponent('student', 'student', vitTensors(model), start, train),
    transforms: new Map(keptTransforms(params).map((transform) => [transform, transforms(transform)])),
  }
}

/** One distillation step: `α·ce + (1 − α)(soft + rep + att)`, or without those that `loss` leaves out. */
export const distillStep = (
  params: DistillParams,
  teacher: VitConfig,
  { student, transforms }: ReturnType<typeof startStudent>,
): StepDefinition => {
  const { model, train, alpha, temperature, softReduction, trainTransforms } = params
  const matched = new Set(matchedTransforms(params))
  const matching = [...transforms].filter(([transform]) => matched.has(transform)).map(([, component]) => component)
  const reverse = params.reverseTransforms ? [transforms.get('reverse')!] : []
  return {
    label: 'distil a student',
    trained: [student, ...(trainTransforms ? matching : []), ...reverse],
    frozen: trainTransforms ? [] : matching,
    inputs: {
      ...labelledSpecs(model, train.batchSize),
      ...teacherSpecs(teacher, wantedFeatures(params, teacher), train.batchSize),
      ...keepSpecs({ student: model }, train),
    },
    weights: {
      ce: alpha,
      soft: 1 - alpha,
      ...featureWeights(params, 1 - alpha),
    },
    loss: (models, batch) => {
      const { blocks, logits } = vitForward(
        models['student'],
        model,
        batch['pixels'] as tf.Tensor4D,
        blockMode(batch, 'student', train),
      )
      const taught = batch['teacher.logits'] as tf.Tensor2D
      return {
        ce: crossEntropy(logits, batch['labels'] as tf.Tensor2D),
        soft: softCrossEntropy(logits, taught, temperature, softReduction),
        ...featureParts(params, teacher.depth, blocks, models['transforms'] ?? {}, batch),
      }
    },
  }
}

const distillStudent = Effect.fnUntraced(function* (
  context: StageContext<DistillParams>,
  engine: Engine,
): Effect.fn.Return<StageSummary, StageError> {
  const { model, positions, train, seed } = context.params
  const teacher = yield* attempt(() => openModel(context.inputs['teacher'], 'teacher'))
  const dataset = yield* attempt(() =>
    openDataset(context.inputs['data'], normalisationOf([teacher]), {
      decoder: context.sources['decoder'],
    }),
  )
  const [split, validation] = yield* attempt(() => {
    checkImages(model, dataset)
    checkImages(teacher.config, dataset)
    return [dataset.split('train'), validationSplit(dataset, train)] as const
  })
  const state = startStudent(context.params, teacher.config.embedDim)
  const wanted = wantedFeatures(context.params, teacher.config)
  const taught = yield* teacherOutputs(engine, teacher, wanted, split, train, context.progress)
  const labelled = labelledBatches(split, model, train.batchSize, { ...train, seed })
  const keep = keepBatches({ student: model }, train, seed)
  const matrices = [...state.transforms.values()]
  const components = [state.student, ...matrices]
  const training: Training = {
    phase: 'distil',
    train,
    seed,
    images: split.count,
    components,
    steps: [distillStep(context.params, teacher.config, state)],
    batch: async (indices, place, imagesThere) => {
      const drawn = await labelled(indices, place)
      imagesThere?.()
      // The teacher sees the images as they are augmented for the student.
      return { ...drawn, ...(await taught(indices, drawn.pixels)), ...keep(place) }
    },
    validate:
      validation &&
      ((progress) => measureModel(engine, model, currentValues(components, 'student'), validation, progress)),
  }
  const { mean, std } = dataset
  const leave: LeaveResult = Effect.fnUntraced(function* (outDir, history) {
    const values = valuesOf(components, 'student')
    const scores = yield* measureModel(engine, model, values, dataset.split('test'), context.progress)
    yield* attempt(() => {
      const blocks = [...lossPositions(positions, model.depth)]
      writeModel(outDir, model, values, {
        role: 'student',
        mean,
        std,
        positions: blocks,
        transforms: context.params.transforms,
      })
      const transforms = matrices.flatMap(({ layout }) => layout.slots)
      writeTensors(join(outDir, 'transforms.safetensors'), transforms, valuesOf(matrices, 'transforms'))
    })
    return { ...scores, params: countParams(model), macs: countMacs(model), finalLoss: history.at(-1)?.loss ?? null }
  })
  return yield* trainAndLeave(context, engine, training, leave)
})

/**
 * The stage `distill`. Leaves `model.safetensors`; `config.json`: its VitConfig, `role`, `mean` and `std` of the
 * pixels, `positions` (its blocks that were compared) and `transforms` (the direction of its matrices);
 * `transforms.safetensors`; and what `trainAndLeave` adds.
 *
 * The matrices are `att.<p>` and `map.<p>`, `[d, D]` with a bias, p the place in `positions`; with `reverseTransforms`
 * also `reverse.<p>`, `[D, d]`; with `transforms: 'toTeacher'` only `reverse.<p>` and `reverseAtt.<p>`.
 */
export const distill: StageFunction<DistillParams> = (context) =>
  withEngine(context.engine, (engine) => distillStudent(context, engine))
