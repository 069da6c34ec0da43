import * as Effect from 'effect/Effect'
import { StageError } from '../runtime/errors.js'

/** Runs a promise as a step of a stage: its StageErrors stay as they are, whatever else it throws becomes one. */
export const attemptAsync = <A>(step: () => Promise<A>): Effect.Effect<A, StageError> =>
  Effect.tryPromise({
    try: step,
    catch: (cause) =>
      cause instanceof StageError
        ? cause
        : new StageError({ message: cause instanceof Error ? cause.message : String(cause), cause }),
  })
