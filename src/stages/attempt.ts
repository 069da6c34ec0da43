import * as Effect from 'effect/Effect'
import { StageError } from '../runtime/errors.js'

/** Runs plain code as a step of a stage: its StageErrors stay as they are, whatever else it throws becomes one. */
export const attempt = <A>(step: () => A): Effect.Effect<A, StageError> =>
  Effect.try({
    try: step,
    catch: (cause) =>
      cause instanceof StageError
        ? cause
        : new StageError({ message: cause instanceof Error ? cause.message : String(cause), cause }),
  })
