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
  const wakeNext = (): void => {
    if (free > 0) next()?.wake?.()
  }
  const sleep = (own: Waiting): Effect.Effect<void> =>
    Effect.callback<void>((resume) => {
      own.wake = () => {
        own.wake = undefined
        resume(Effect.void)
      }
      // Interrupted while it waits, perhaps just when it was its turn.
      return Effect.sync(() => {
        queue.delete(own)
        wakeNext()
      })
    })
  const use: Permits['use'] = (rank, work) =>
    Effect.uninterruptibleMask((restore) => {
      const own: Waiting = { rank, wake: undefined }
      queue.add(own)
      const take: typeof work = Effect.suspend(() => {
        if (free === 0 || next() !== own) return Effect.flatMap(restore(sleep(own)), () => take)
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
