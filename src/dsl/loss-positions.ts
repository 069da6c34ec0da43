/** Blocks of student and teacher that distillation compares (docs/method.md, section 2). */
import type { LossPositions } from './nodes.js'

/** Which thirds of a model a set of loss positions looks at, counted from the front: 1, 2, 3. */
const THIRDS: Readonly<Record<Exclude<LossPositions, 'every'>, readonly number[]>> = {
  end: [3],
  'mid+end': [2, 3],
  'front+end': [1, 2, 3],
}

/**
 * Whether a student of `depth` blocks can be cut as `positions` asks: in thirds, unless its end or every block is
 * looked at.
 */
export const studentFits = (positions: LossPositions, depth: number): boolean =>
  positions === 'end' || positions === 'every' || depth % 3 === 0

/**
 * Blocks of a teacher that is deep enough to have every position of a student of `studentDepth` in a block of its own.
 */
export const leastTeacherDepth = (positions: LossPositions, studentDepth: number): number =>
  positions === 'every' ? studentDepth : THIRDS[positions].length

/**
 * 0-based blocks at which a model of `depth` blocks is compared in distillation: `round(depth/3·p) − 1` for the thirds
 * p of the set (docs/method.md, section 2); with `every`, `round(depth/L·p) − 1` for every block p = 1 … L of a student
 * of L = `studentDepth`, by default the model's own depth. A student's depth is divisible by 3, unless its end or every
 * block is asked for; a teacher has `leastTeacherDepth` blocks or more. Throws a RangeError otherwise.
 */
export const lossPositions = (
  positions: LossPositions,
  depth: number,
  studentDepth: number = depth,
): readonly number[] => {
  const least = leastTeacherDepth(positions, studentDepth)
  if (!Number.isInteger(depth) || depth < Math.max(1, least)) {
    throw new RangeError(`a model of depth ${depth} has no ${least} blocks for '${positions}'`)
  }
  const parts = positions === 'every' ? studentDepth : 3
  const chosen = positions === 'every' ? Array.from({ length: parts }, (_, part) => part + 1) : THIRDS[positions]
  return chosen.map((part) => Math.round((depth * part) / parts) - 1)
}
