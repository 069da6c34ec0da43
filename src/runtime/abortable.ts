/** Promises as effects that can be interrupted. */
import * as Effect from 'effect/Effect'

/** Interrupting it aborts the signal and waits until the promise has settled: work may clean up, or save its state. */
export const abortable = <A>(work: (signal: AbortSignal) => Promise<A>): Effect.Effect<A, unknown> =>
  Effect.callback((resume) => {
    const controller = new AbortController()
    const settled = work(controller.signal).then(
      (value) => resume(Effect.succeed(value)),
      (error: unknown) => resume(Effect.fail(error)),
    )
    return Effect.promise(() => {
      controller.abort()
      return settled
    })
  })
