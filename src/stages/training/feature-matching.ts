/** Blocks' features of a student against its teacher's: which matrices transform them, and the losses (docs/method.md, section 2). */
import type * as tf from '@tensorflow/tfjs'
import type { DistillLoss, DistillParams } from '../../dsl/nodes.js'
import { lossPositions } from '../../dsl/loss-positions.js'
import { linear, withoutGradient } from '../../engine/operations.js'
import type { BlockOutput } from '../model/vit.js'
import { linearTensors, type Params, type TensorDefinition } from '../tensors/named-tensors.js'
import { meanSquaredError, relativeSquaredError } from './losses.js'
import type { Wanted } from './teacher-outputs.js'

/** The transformation matrices of distillation: `Linear(D → d)` from the teacher's features to a student's width, and back. */

/** What a distillation compares (docs/method.md, section 2): an attention's output or a block's. */
export type Feature = 'att' | 'map'

/**
 * What a matrix transforms: a teacher's feature to a student's, or (`reverse` a block's output, `reverseAtt` an attention's) a
 * student's to its teacher's.
 */
export type Transform = Feature | 'reverse' | 'reverseAtt'

/**
 * `<transform>.<p>.weight` `[d, D]` (`[D, d]` for those of a student's features) and its bias for each of `count` loss
 * positions p, counted from 0.
 */
export const transformTensors = (
  transform: Transform,
  count: number,
  width: number,
  teacherWidth: number,
): readonly TensorDefinition[] => {
  const [out, inner] = transform.startsWith('reverse') ? [teacherWidth, width] : [width, teacherWidth]
  return Array.from({ length: count }, (_, p) => linearTensors(`${transform}.${p}`, out, inner, 'transforms')).flat()
}

/** The features that each loss compares; `rep` is the loss on maps. */
const FEATURES: Readonly<Record<DistillLoss, readonly Feature[]>> = {
  all: ['map', 'att'],
  'logits+rep': ['map'],
  logits: [],
}

const TO_TEACHER = { map: 'reverse', att: 'reverseAtt' } as const

const PART = { map: 'rep', att: 'att' } as const

type Choice = Pick<DistillParams, 'loss' | 'transforms' | 'positions' | 'model' | 'reverseTransforms'>

/** The matrices that the loss on features itself reads. */
export const matchedTransforms = ({ loss, transforms }: Choice): readonly Transform[] =>
  FEATURES[loss].map((feature) => (transforms === 'toStudent' ? feature : TO_TEACHER[feature]))

/** Those that are kept with the student; the published direction keeps both kinds, whatever the loss. */
export const keptTransforms = ({ transforms, reverseTransforms }: Choice): readonly Transform[] => {
  if (transforms === 'toTeacher') return ['reverseAtt', 'reverse']
  return reverseTransforms ? ['att', 'map', 'reverse'] : ['att', 'map']
}

/** Blocks of a teacher of `teacherDepth` whose features this loss needs. */
export const wantedOf = ({ positions, loss, model }: Choice, teacherDepth: number): Wanted => {
  const blocks = lossPositions(positions, teacherDepth, model.depth)
  const used = FEATURES[loss]
  return { att: used.includes('att') ? blocks : [], map: used.includes('map') ? blocks : [] }
}

/** Weights of the parts that `featureParts` gives, where what comes from the teacher weighs `taught`. */
export const featureWeights = (
  { loss, reverseTransforms }: Choice,
  taught: number,
): Readonly<Record<string, number>> => ({
  ...Object.fromEntries(FEATURES[loss].map((feature) => [PART[feature], taught])),
  // No other part depends on these matrices, so their weight is theirs alone.
  ...(reverseTransforms && { reverse: 1 }),
})

/**
 * The losses on features, each a sum over the loss positions p. `toStudent`, as published: MSE(student, A_p(teacher)).
 * `toTeacher`, the hint direction (FitNets, arXiv 1412.6550): MSE(teacher, R_p(student)) over the teacher's mean square, image by image. And with
 * `reverseTransforms` `reverse`: MSE(teacher's map, R_p(student's map)), which teaches the matrices R alone. The teacher's
 * features come in as `teacher.<feature>.<block>` `[B, T, D]`.
 */
export const featureParts = (
  choice: Choice,
  teacherDepth: number,
  blocks: readonly BlockOutput[],
  transforms: Params,
  batch: Readonly<Record<string, tf.Tensor>>,
): Readonly<Record<string, tf.Scalar>> => {
  const { positions, model, loss } = choice
  const taughtAt = lossPositions(positions, teacherDepth, model.depth)
  const learntAt = lossPositions(positions, model.depth)
  const apply = (transform: Transform, p: number, x: tf.Tensor): tf.Tensor =>
    linear(x, transforms[`${transform}.${p}.weight`], transforms[`${transform}.${p}.bias`])
  const sumOver = (feature: Feature, term: (learnt: tf.Tensor, taught: tf.Tensor, p: number) => tf.Scalar): tf.Scalar =>
    learntAt
      .map((block, p) => term(blocks[block][feature], batch[`teacher.${feature}.${taughtAt[p]}`], p))
      .reduce((sum, one) => sum.add(one))
  const part = (feature: Feature): tf.Scalar =>
    sumOver(feature, (learnt, taught, p) =>
      choice.transforms === 'toStudent'
        ? meanSquaredError(learnt, apply(feature, p, taught))
        : relativeSquaredError(taught, apply(TO_TEACHER[feature], p, learnt)),
    )
  return {
    ...Object.fromEntries(FEATURES[loss].map((feature) => [PART[feature], part(feature)])),
    ...(choice.reverseTransforms && {
      reverse: sumOver('map', (learnt, taught, p) =>
        meanSquaredError(taught, apply('reverse', p, withoutGradient(learnt))),
      ),
    }),
  }
}
