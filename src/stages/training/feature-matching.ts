/**
 * Matching a student's features to its teacher's (docs/method.md, section 2): the transformation matrices between them,
 * and the parts of the distillation loss that compare them.
 */
import * as tf from '@tensorflow/tfjs-core'
import type { DistillLoss, DistillParams } from '../../dsl/nodes.js'
import { lossPositions } from '../../dsl/loss-positions.js'
import { numTokens, type VitConfig } from '../../dsl/vit-config.js'
import { linear, withoutGradient } from '../../engine/operations.js'
import { type BlockOutput, commonTokens } from '../model/vit.js'
import { linearTensors, type NamedTensors, type TensorDefinition } from '../tensors/named-tensors.js'
import { meanSquaredError, relativeSquaredError } from './losses.js'
import type { WantedFeatures } from './teacher-outputs.js'

/** A feature of a block that distillation compares: its attention's output, or its own. */
type Feature = 'att' | 'map'

/**
 * What a transformation matrix does: `att` and `map` turn that feature of the teacher into the student's, `reverseAtt`
 * and `reverse` the student's attention output and block output into the teacher's.
 */
export type Transform = Feature | 'reverse' | 'reverseAtt'

/**
 * `<transform>.<p>.weight` and its bias for each of `count` loss positions p, counted from 0: a `Linear(D → d)` from
 * the teacher's width to the student's, `[d, D]`, or a `Linear(d → D)` back, `[D, d]`.
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

/** The features that each loss compares. */
const FEATURES: Readonly<Record<DistillLoss, readonly Feature[]>> = {
  all: ['map', 'att'],
  'logits+rep': ['map'],
  logits: [],
}

/** The matrices that lead each feature to the teacher. */
const TO_TEACHER = { map: 'reverse', att: 'reverseAtt' } as const

/** What each feature's part of the loss is called. */
const PART = { map: 'rep', att: 'att' } as const

type Choice = Pick<DistillParams, 'loss' | 'transforms' | 'positions' | 'model' | 'reverseTransforms'>

/** The matrices that the losses on features read. */
export const matchedTransforms = ({ loss, transforms }: Choice): readonly Transform[] =>
  FEATURES[loss].map((feature) => (transforms === 'toStudent' ? feature : TO_TEACHER[feature]))

/** The matrices that are kept with the student; in the published direction both kinds are, whatever the loss. */
export const keptTransforms = ({ transforms, reverseTransforms }: Choice): readonly Transform[] => {
  if (transforms === 'toTeacher') return ['reverseAtt', 'reverse']
  return reverseTransforms ? ['att', 'map', 'reverse'] : ['att', 'map']
}

/** Blocks of a teacher whose features this loss needs, and of which tokens: those that its student has too. */
export const wantedFeatures = ({ positions, loss, model }: Choice, teacher: VitConfig): WantedFeatures => {
  const blocks = lossPositions(positions, teacher.depth, model.depth)
  const used = FEATURES[loss]
  return {
    att: used.includes('att') ? blocks : [],
    map: used.includes('map') ? blocks : [],
    commonTokens: numTokens(model) !== numTokens(teacher),
  }
}

/** Weights of the parts that `featureParts` gives; each feature's is `taught`. */
export const featureWeights = (
  { loss, reverseTransforms }: Choice,
  taught: number,
): Readonly<Record<string, number>> => ({
  ...Object.fromEntries(FEATURES[loss].map((feature) => [PART[feature], taught])),
  // Only this part depends on the reverse matrices and it changes nothing else, so its weight is free.
  ...(reverseTransforms && { reverse: 1 }),
})

/**
 * The losses on features, each a sum over the loss positions p. `toStudent`, as published: MSE(student, A_p(teacher)).
 * `toTeacher`, the hint direction (FitNets, arXiv 1412.6550): the squared error of R_p(student) relative to the
 * teacher, image by image. With `reverseTransforms` also `reverse`: MSE(teacher's map, R_p(student's map)), which
 * teaches the matrices R alone. The teacher's features come in as `teacher.<feature>.<block>` `[B, T, D]`; where one of
 * the two has a distillation token and the other has none, both are compared without it.
 */
export const featureParts = (
  choice: Choice,
  teacherDepth: number,
  blocks: readonly BlockOutput[],
  transforms: NamedTensors,
  batch: Readonly<Record<string, tf.Tensor>>,
): Readonly<Record<string, tf.Scalar>> => {
  const { positions, model, loss } = choice
  const taughtAt = lossPositions(positions, teacherDepth, model.depth)
  const learntAt = lossPositions(positions, model.depth)
  const apply = (transform: Transform, p: number, x: tf.Tensor): tf.Tensor =>
    linear(x, transforms[`${transform}.${p}.weight`], transforms[`${transform}.${p}.bias`])
  const sumOver = (feature: Feature, term: (learnt: tf.Tensor, taught: tf.Tensor, p: number) => tf.Scalar): tf.Scalar =>
    learntAt
      .map((block, p) => {
        const learnt = blocks[block][feature]
        const taught = batch[`teacher.${feature}.${taughtAt[p]}`]
        return term(learnt.shape[1] === taught.shape[1] ? learnt : commonTokens(model, learnt), taught, p)
      })
      .reduce((sum, one) => tf.add(sum, one))
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
