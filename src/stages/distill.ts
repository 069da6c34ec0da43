/** A student distilled from the teacher, together with its transformation matrices (docs/method.md, section 2). */
import type * as tf from '@tensorflow/tfjs'
import { join } from 'node:path'
import * as Effect from 'effect/Effect'
import { countMacs, countParams } from '../dsl/counting.js'
import type { DistillLoss, DistillParams } from '../dsl/nodes.js'
import { lossPositions } from '../dsl/positions.js'
import type { VitConfig } from '../dsl/vit-config.js'
import type { Engine } from '../engine/engine.js'
import { linear, withoutGradient } from '../engine/operations.js'
import type { StageError } from '../runtime/errors.js'
import type { StageContext, StageFunction, StageSummary } from '../runtime/stage-contract.js'
import { attempt } from './attempt.js'
import { checkImages, labelledBatches, labelledSpecs } from './data/batches.js'
import { openDataset } from './data/dataset.js'
import { withEngine } from './model/engine-scope.js'
import { crossEntropy, meanSquaredError, softCrossEntropy } from './training/losses.js'
import { measureModel } from './model/measure.js'
import { openModel, writeLines, writeModel, writeTensors } from './model/model-files.js'
import { teacherOutputs, teacherSpecs, type Teacher, type Wanted } from './training/teacher-outputs.js'
import { newComponent, valuesOf, type Component } from './training/train-state.js'
import { runTraining } from './training/training.js'
import type { StepDefinition } from './training/step-definition.js'
import { transformTensors, type Feature, type Transform } from './training/transforms.js'
import { vitTensors } from './model/vit-params.js'
import { vit, type BlockOutput, type Params } from './model/vit.js'
import { startLinears, startVit } from './model/weight-start.js'

/** The features that each loss compares; `rep` is the loss on maps. */
const FEATURES: Readonly<Record<DistillLoss, readonly Feature[]>> = {
  all: ['map', 'att'],
  'logits+rep': ['map'],
  logits: [],
}

const PART = { map: 'rep', att: 'att', reverse: 'reverse' } as const

/** The matrices that are trained, by what they transform. */
const matricesOf = ({ loss, reverseTransforms }: DistillParams): readonly Transform[] => [
  ...FEATURES[loss],
  ...(reverseTransforms ? (['reverse'] as const) : []),
]

/** The student's and the transformations' components at their start. */
export const startStudent = (params: DistillParams, teacherWidth: number) => {
  const { model, positions, weightStart, seed } = params
  const count = lossPositions(positions, model.depth).length
  const start = startVit(model, weightStart, seed, 'student')
  const transforms = (transform: Transform): Component => {
    const tensors = transformTensors(transform, count, model.embedDim, teacherWidth)
    const label = `transforms ${model.embedDim}x${model.depth}`
    return newComponent(`transforms.${transform}`, 'transforms', tensors, startLinears(tensors, seed, label))
  }
  return {
    student: newComponent('student', 'student', vitTensors(model), start),
    transforms: { att: transforms('att'), map: transforms('map'), reverse: transforms('reverse') },
  }
}

/** Blocks of the teacher whose features this loss needs. */
const wantedOf = ({ positions, loss, model }: DistillParams, teacherDepth: number): Wanted => {
  const blocks = lossPositions(positions, teacherDepth, model.depth)
  const used = FEATURES[loss]
  return { att: used.includes('att') ? blocks : [], map: used.includes('map') ? blocks : [] }
}

/**
 * Σ_p MSE(student's feature, transformed teacher's feature) over the loss positions; `reverse`: Σ_p MSE(teacher's map, transformed
 * student's map), which teaches the matrices alone (docs/method.md, section 4, `composed`). The teacher's features come in as
 * `teacher.<feature>.<block>` `[B, T, D]`.
 */
const featureLoss = (
  transform: Transform,
  { positions, model }: DistillParams,
  teacherDepth: number,
  blocks: readonly BlockOutput[],
  transforms: Params,
  batch: Readonly<Record<string, tf.Tensor>>,
): tf.Scalar => {
  const teacherBlocks = lossPositions(positions, teacherDepth, model.depth)
  const feature = transform === 'reverse' ? 'map' : transform
  const terms = lossPositions(positions, model.depth).map((block, p) => {
    const taught = batch[`teacher.${feature}.${teacherBlocks[p]}`]
    const learnt = blocks[block][feature]
    const apply = (x: tf.Tensor) =>
      linear(x, transforms[`${transform}.${p}.weight`], transforms[`${transform}.${p}.bias`])
    return transform === 'reverse'
      ? meanSquaredError(taught, apply(withoutGradient(learnt)))
      : meanSquaredError(learnt, apply(taught))
  })
  return terms.reduce((sum, term) => sum.add(term))
}

/** One distillation step: `α·ce + (1 − α)(soft + rep + att)`, or without those that `loss` leaves out. */
export const distillStep = (
  params: DistillParams,
  teacher: VitConfig,
  { student, transforms }: ReturnType<typeof startStudent>,
): StepDefinition => {
  const { model, train, alpha, temperature, softReduction, trainTransforms } = params
  const features = FEATURES[params.loss]
  const used = matricesOf(params)
  const towardsStudent = features.map((feature) => transforms[feature])
  const reverse = params.reverseTransforms ? [transforms.reverse] : []
  return {
    label: 'distil a student',
    trained: [student, ...(trainTransforms ? towardsStudent : []), ...reverse],
    frozen: trainTransforms ? [] : towardsStudent,
    inputs: {
      ...labelledSpecs(model, train.batchSize),
      ...teacherSpecs(teacher, wantedOf(params, teacher.depth), train.batchSize),
    },
    weights: {
      ce: alpha,
      soft: 1 - alpha,
      ...Object.fromEntries(features.map((feature) => [PART[feature], 1 - alpha])),
      // No other part depends on these matrices, so their weight is theirs alone.
      ...(params.reverseTransforms && { reverse: 1 }),
    },
    loss: (models, batch) => {
      const { blocks, logits } = vit(models['student'], model, batch['pixels'] as tf.Tensor4D)
      const taught = batch['teacher.logits'] as tf.Tensor2D
      return {
        ce: crossEntropy(logits, batch['labels'] as tf.Tensor2D),
        soft: softCrossEntropy(logits, taught, temperature, softReduction),
        ...Object.fromEntries(
          used.map((transform) => [
            PART[transform],
            featureLoss(transform, params, teacher.depth, blocks, models['transforms'], batch),
          ]),
        ),
      }
    },
  }
}

const distillStudent = Effect.fnUntraced(function* (
  context: StageContext<DistillParams>,
  engine: Engine,
): Effect.fn.Return<StageSummary, StageError> {
  const { model, positions, train, seed } = context.params
  const dataset = yield* attempt(() => openDataset(context.inputs['data']))
  const teacher: Teacher = yield* attempt(() => openModel(context.inputs['teacher'], 'teacher'))
  const split = yield* attempt(() => {
    checkImages(model, dataset)
    checkImages(teacher.config, dataset)
    return dataset.split('train')
  })
  const state = startStudent(context.params, teacher.config.embedDim)
  const wanted = wantedOf(context.params, teacher.config.depth)
  const taught = yield* teacherOutputs(engine, teacher, wanted, split, train, context.progress)
  const labelled = labelledBatches(split, model, train.batchSize)
  const { att, map, reverse } = state.transforms
  const matrices = [att, map, ...(context.params.reverseTransforms ? [reverse] : [])]
  const components = [state.student, ...matrices]
  const history = yield* runTraining(context, engine, {
    phase: 'distil',
    train,
    seed,
    images: split.count,
    components,
    steps: [distillStep(context.params, teacher.config, state)],
    batch: async (indices) => ({ ...labelled(indices), ...(await taught(indices)) }),
  })
  const values = valuesOf(components, 'student')
  const scores = yield* measureModel(engine, model, values, dataset, context.progress)
  const { mean, std } = dataset
  return yield* attempt(() => {
    const blocks = [...lossPositions(positions, model.depth)]
    writeModel(context.outDir, model, values, { role: 'student', mean, std, positions: blocks })
    const transforms = matrices.flatMap(({ layout }) => layout.slots)
    writeTensors(join(context.outDir, 'transforms.safetensors'), transforms, valuesOf(matrices, 'transforms'))
    writeLines(join(context.outDir, 'history.jsonl'), history)
    return { ...scores, params: countParams(model), macs: countMacs(model), finalLoss: history.at(-1)?.loss ?? null }
  })
})

/**
 * The stage `distill`. Leaves `model.safetensors`, `config.json` (its VitConfig, `role`, `mean` and `std` of the pixels,
 * and `positions`, its blocks that were compared), `transforms.safetensors` (`att.<p>` and `map.<p>`, each `[d, D]` with
 * bias, p the place in `positions`; with `reverseTransforms` also `reverse.<p>`, `[D, d]`) and `history.jsonl`, one line an epoch.
 */
export const distill: StageFunction<DistillParams> = (context) =>
  withEngine(context.engine, (engine) => distillStudent(context, engine))
