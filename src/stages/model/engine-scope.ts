/** An engine for as long as a stage runs. */
import * as Effect from 'effect/Effect'
import type { Engine } from '../../engine/engine.js'
import { openEngine } from '../../engine/choice/open.js'
import { attemptAsync, type StageError } from '../../runtime/errors.js'
import type { EngineChoice } from '../../runtime/stage-contract.js'

/** How long the end of an interrupted stage waits for calls that are still computing, in milliseconds. */
const PATIENCE = 300

const pause = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, milliseconds).unref()
  })

/** Opens the engine, uses it and releases it, however the use ends. */
export const withEngine = <A>(
  choice: EngineChoice,
  use: (engine: Engine) => Effect.Effect<A, StageError>,
): Effect.Effect<A, StageError> =>
  Effect.acquireUseRelease(
    attemptAsync(() => openEngine(choice)),
    use,
    // An engine frees a function once its calls have ended; a long one must not hold an interruption up.
    (engine) => Effect.promise(() => Promise.race([engine.release(), pause(PATIENCE)])),
  )
