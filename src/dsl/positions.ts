import type { LossPositions } from './nodes.js'

/** Which thirds of a model a set of loss positions looks at, counted from the front: 1, 2, 3. */
const THIRDS: Readonly<Record<LossPositions, readonly number[]>> = {
  end: [3],
  'mid+end': [2, 3],
  'front+end': [1, 2, 3],
}

/** Whether a student of `depth` blocks can be cut as `positions` asks: in thirds, unless only the end is looked at. */
export const studentFits = (positions: LossPositions, depth: number): boolean => positions === 'end' || depth % 3 === 0

/** Blocks of a teacher that is deep enough to have every position of the set in a block of its own. */
export const leastTeacherDepth = (positions: LossPositions): number => THIRDS[positions].length

/**
 * 0-based blocks at which a model of `depth` blocks is compared in distillation: `round(depth/3·p) − 1` for the thirds p
 * of the set (docs/method.md, section 2). For a student depth is divisible by 3 (or only its end is asked for); a teacher has
 * `leastTeacherDepth` blocks or more. Throws a RangeError otherwise.
 */
export const lossPositions = (positions: LossPositions, depth: number): readonly number[] => {
  if (!Number.isInteger(depth) || depth < leastTeacherDepth(positions)) {
    throw new RangeError(`a model of depth ${depth} has no ${leastTeacherDepth(positions)} blocks for '${positions}'`)
  }
  return THIRDS[positions].map((third) => Math.round((depth * third) / 3) - 1)
}
