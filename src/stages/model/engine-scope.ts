/** An engine for as long as a stage runs. */
import * as Effect from 'effect/Effect'
import type { Engine } from '../../engine/engine.js'
import { openEngine } from '../../engine/choice/open.js'
import { attemptAsync, type StageError } from '../../runtime/errors.js'
import type { EngineChoice } from '../../runtime/stage-contract.js'

/** How long a stage that ends waits for the engine to be released, in milliseconds. */
const RELEASE_MS = 300

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
    // An engine is released when its running calls have ended; a long call must not delay an interruption.
    (engine) => Effect.promise(() => Promise.race([engine.release(), pause(RELEASE_MS)])),
  )
