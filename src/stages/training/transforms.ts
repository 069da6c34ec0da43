/** The transformation matrices of distillation: `Linear(D → d)` from the teacher's features to a student's width, and back. */
import { linearTensors, type TensorDefinition } from '../model/vit-params.js'

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
