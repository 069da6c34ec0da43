/** How stitch layers start, and what the students of each pair must have learned for it. */
import type { ModelPair } from './model-pairs.js'
import type { StitchStart } from './nodes.js'
import type { OptionReader } from './option-reader.js'
import type { Pooled } from './stitch-pairs.js'

/** Matrices of distillation that a start reads: any, or those that lead back to the teacher. */
type Matrices = 'any' | 'reverse'

/** Refuses a start that reads matrices which the student `name` did not learn. */
const checkMatrices = (
  options: OptionReader,
  init: StitchStart,
  name: string,
  read: Matrices,
  { models }: Pooled,
): void => {
  const { distilled } = models.get(name)!
  const chosen = `is '${init}'${options.has('init') ? '' : ' by default'}`
  const advice = "write init: 'leastSquares' or 'random'"
  if (distilled === null) {
    return options.fail(
      'mismatch',
      'init',
      `${chosen}, but '${name}' is an anchor, which learned no matrices: ${advice}`,
    )
  }
  if (distilled.loss === 'logits') {
    options.fail(
      'mismatch',
      'init',
      `${chosen}, but '${name}' is distilled with loss 'logits', which learns no matrices: ${advice}, or distill.${name}.loss: 'logits+rep'`,
    )
  }
  if (read === 'reverse' && distilled.transforms === 'toStudent' && !distilled.reverseTransforms) {
    options.fail(
      'mismatch',
      'init',
      `${chosen}, but '${name}' is distilled without matrices towards its teacher: write distill.reverseTransforms: true`,
    )
  }
}

/** What each start reads of the models of a pair (docs/method.md, section 4). */
export const readStart = (
  options: OptionReader,
  names: readonly string[],
  pairs: readonly ModelPair[],
  pool: Pooled,
): StitchStart => {
  const anchors = [...pool.models.values()].every(({ distilled }) => distilled === null)
  const starts = ['learned', 'composed', 'leastSquares', 'random'] as const
  const init = options.choice('init', starts, anchors ? 'leastSquares' : 'learned')
  for (const [front, end] of pairs.map((pair) => pair.map((index) => names[index]!))) {
    if (init === 'composed') {
      checkMatrices(options, init, front!, 'reverse', pool)
      checkMatrices(options, init, end!, 'any', pool)
    }
    if (init === 'learned') {
      // A student as wide as the teacher stands for the teacher: its own matrices take no part.
      const narrower = [front!, end!].filter((name) => pool.models.get(name)!.model.embedDim !== pool.teacherWidth)
      for (const name of narrower) checkMatrices(options, init, name, 'any', pool)
    }
  }
  return init
}
