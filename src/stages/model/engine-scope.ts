/** An engine for as long as a stage runs. */
import * as Effect from 'effect/Effect'
import type { CompiledFunction, Engine } from '../../engine/engine.js'
import { openEngine } from '../../engine/open.js'
import type { StageError } from '../../runtime/errors.js'
import type { EngineChoice } from '../../runtime/stage-contract.js'
import { attemptAsync } from '../attempt-async.js'

/** How long the end of an interrupted stage waits for the call that is still computing, in milliseconds. */
const PATIENCE = 300

/** An engine whose `release` first lets running calls end: freeing a session that computes is a native crash. */
const patient = (engine: Engine): Engine => {
  const running = new Set<Promise<unknown>>()
  const track = (compiled: CompiledFunction): CompiledFunction => ({
    // An eager engine finds its outputs out by running: not before they are asked for.
    get outputs() {
      return compiled.outputs
    },
    release: compiled.release,
    run: (inputs) => {
      const call = compiled.run(inputs)
      running.add(call)
      const forget = () => void running.delete(call)
      call.then(forget, forget)
      return call
    },
  })
  return {
    ...engine,
    compile: async (label, fn, inputs) => track(await engine.compile(label, fn, inputs)),
    release: async () => {
      await Promise.allSettled(running)
      await engine.release()
    },
  }
}

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
    attemptAsync(async () => patient(await openEngine(choice))),
    use,
    // A long call must not hold an interruption up: the rest of the release then happens behind its back.
    (engine) => Effect.promise(() => Promise.race([engine.release(), pause(PATIENCE)])),
  )
