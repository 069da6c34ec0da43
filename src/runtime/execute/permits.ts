/** Room for so many at once; where there is none, whoever has the lowest rank goes next, and among equals who came first. */
import * as Effect from 'effect/Effect'

export interface Permits {
  readonly use: <A, E, R>(rank: number, work: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

interface Waiting {
  readonly rank: number
  /** Told that it may try again; undefined while it is not asleep. */
  wake: (() => void) | undefined
}

/**
 * Turns of the event loop for which room that has become free is held: what follows on the work that has just been done can
 * ask for it before anybody of a higher rank has it.
 */
const heldTurns = 10

const afterTurns = (turns: number, then: () => void): void => {
  if (turns === 0) then()
  else setImmediate(() => afterTurns(turns - 1, then))
}

export const makePermits = (number: number): Permits => {
  let free = number
  const queue = new Set<Waiting>()
  const next = (): Waiting | undefined => {
    let best: Waiting | undefined
    for (const each of queue) if (best === undefined || each.rank < best.rank) best = each
    return best
  }
  const isTurnOf = (own: Waiting): boolean => free > 0 && next() === own
  const wakeNext = (): void => {
    if (free > 0) next()?.wake?.()
  }
  /** Until it may be its turn. */
  const sleep = (own: Waiting): Effect.Effect<void> =>
    Effect.callback<void>((resume) => {
      // A fiber may yield between two steps: its turn may have come since it looked, when there was nobody to wake.
      if (isTurnOf(own)) return resume(Effect.void)
      own.wake = () => {
        own.wake = undefined
        resume(Effect.void)
      }
    })
  const use: Permits['use'] = (rank, work) =>
    Effect.uninterruptibleMask((restore) => {
      const own: Waiting = { rank, wake: undefined }
      queue.add(own)
      // Interrupted while it waits, perhaps before it is asleep, perhaps just when it was its turn.
      const leave = Effect.sync(() => {
        queue.delete(own)
        wakeNext()
      })
      const take: typeof work = Effect.suspend(() => {
        if (!isTurnOf(own)) {
          return restore(sleep(own)).pipe(
            Effect.onInterrupt(() => leave),
            Effect.flatMap(() => take),
          )
        }
        free -= 1
        queue.delete(own)
        wakeNext()
        return Effect.onExit(restore(work), () =>
          Effect.sync(() =>
            afterTurns(heldTurns, () => {
              free += 1
              wakeNext()
            }),
          ),
        )
      })
      return take
    })
  return { use }
}
