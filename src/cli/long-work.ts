/** Work outside Effect that takes minutes: how it is interrupted, and how its steps are printed. */
import * as Effect from 'effect/Effect'

/** Interrupting it waits until the work has cleaned up behind itself. */
export const interruptible = <A>(work: (signal: AbortSignal) => Promise<A>): Effect.Effect<A, unknown> =>
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

export const printJson = (value: unknown): void => {
  process.stdout.write(`${JSON.stringify(value)}\n`)
}

export const stepPrinter =
  (json: boolean) =>
  (step: string): void => {
    if (json) printJson({ type: 'step', step })
    else process.stdout.write(`${step}\n`)
  }
