/** The transformation matrices of distillation: `Linear(D → d)` from the teacher's features to a student's width. */
import { linearTensors, type TensorDefinition } from '../model/vit-params.js'

/** What a matrix transforms (docs/method.md, section 2): an attention's output or a block's. */
export type Feature = 'att' | 'map'

/** `<feature>.<p>.weight` `[d, D]` and its bias for each of `count` loss positions p, counted from 0. */
export const transformTensors = (
  feature: Feature,
  count: number,
  width: number,
  teacherWidth: number,
): readonly TensorDefinition[] =>
  Array.from({ length: count }, (_, p) => linearTensors(`${feature}.${p}`, width, teacherWidth)).flat()
