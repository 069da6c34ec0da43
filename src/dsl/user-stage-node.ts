import type { Place, StageNode } from './nodes.js'

/** One object each time that the call is made: in a loop or in a suite's cells it is made several times. */
export interface UserStageCall {
  readonly name: string
  readonly place: Place
}

/** A stage whose function is the user's own: a `stage(…)` call. */
export interface UserStageNode extends StageNode {
  readonly kind: 'stage'
  /** Which call made it: by the name that it gave, at this place. Its code is part of the identity, the name is not. */
  readonly call: UserStageCall
  /** Files from outside the store, role → path; relative ones start at the definition's folder. */
  readonly sources: { readonly [role: string]: string }
  /** Whether it computes with an engine, which then is part of its identity. */
  readonly usesEngine: boolean
  /** Whether its process may serve other such stages after it. Not part of its identity. */
  readonly warm: boolean
}
