import type { Place } from './place.js'

/** What is wrong with a definition, for those who sort errors rather than read them. */
export type DefinitionProblem =
  | 'unknownOption'
  | 'missing'
  | 'wrongType'
  | 'outOfRange'
  | 'notAChoice'
  | 'badName'
  | 'duplicateName'
  | 'unknownStudent'
  | 'empty'
  | 'mismatch'
  | 'outOfOrder'

/**
 * A definition that cannot be run. The message names the option (`distill.tiny.numHeads`), the value found and what to
 * write instead; `place` is the user's call that it was given to, where a stack could tell.
 */
export class DefinitionError extends Error {
  override readonly name = 'DefinitionError'
  readonly problem: DefinitionProblem
  readonly place?: Place

  constructor(problem: DefinitionProblem, message: string, place?: Place) {
    super(message)
    this.problem = problem
    if (place !== undefined) this.place = place
  }
}
