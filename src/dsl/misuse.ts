/**
 * Misuse that the type system can see is an error whose text says what to write: the parameter's type becomes one that
 * nothing fits and that carries the sentence in its name.
 */
import { DefinitionError } from './definition-error.js'
import { placeOfCall } from './place.js'

declare const misuse: unique symbol

/** Nothing has this type; compilers print its name, and with it the sentence (and what may be written instead). */
export interface DefinitionMisuse<Sentence extends string, Allowed = never> {
  readonly [misuse]: readonly [Sentence, Allowed]
}

/** Each step and what must come before it. */
const ORDER = {
  teacher: 'a teacher needs data: write .data(mnist()) before .teacher(...)',
  distill: 'distil needs a teacher: write .teacher(vit({ ... }), { epochs }) before .distill(...)',
  anchors: 'anchors need data: write .data(mnist()) before .anchors(...)',
  singles: 'models need data: write .data(mnist()) before .singles(...)',
  pool: 'a pool needs students: write .distill({ ... }, { epochs }) before .pool()',
  stitch: 'stitch needs a pool: write .pool() before .stitch(...)',
  latency: 'latency needs stitched models: write .stitch({ from, to }, { epochs }) before .latency()',
  evaluate: 'evaluate needs stitched models: write .stitch({ from, to }, { epochs }) before .evaluate()',
} as const

/**
 * A step that cannot be written yet: for the compiler no function at all, and at run time, for those without a compiler,
 * a function that throws the sentence.
 */
export const tooEarly = <Step extends keyof typeof ORDER>(step: Step): DefinitionMisuse<(typeof ORDER)[Step]> => {
  const refuse = (): never => {
    throw new DefinitionError('outOfOrder', ORDER[step], placeOfCall())
  }
  return refuse as unknown as DefinitionMisuse<(typeof ORDER)[Step]>
}
