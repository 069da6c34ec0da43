/**
 * Which stages may compute at the same time: CPU stages side by side up to `jobs`, one stage at a time on each GPU, and an
 * exclusive one when nothing else does. A stage that is alone gets all cores; stages side by side share them, because one
 * thread each is faster than many on all.
 */
import * as os from 'node:os'
import * as Effect from 'effect/Effect'
import * as Latch from 'effect/Latch'
import * as Semaphore from 'effect/Semaphore'

/** Room for so many at once; where there is none, whoever has the lowest rank goes next, and among equals who came first. */

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

export interface Slots {
  /**
   * Runs `work` when there is room on the CPU, or on the GPU of this name; `threads` is its share of the cores. Where several
   * wait, the lowest rank goes first (default 0). Work that is `quick` does not wait to see what others become ready with it.
   */
  readonly use: <A, E, R>(
    gpu: string | undefined,
    work: (threads: number) => Effect.Effect<A, E, R>,
    rank?: number,
    quick?: boolean,
  ) => Effect.Effect<A, E, R>
  /**
   * Runs `work`, on all cores, when no other work runs or wants a slot: were it to go before, slots would be empty while
   * the last of the others ends. What comes later waits until it is done.
   */
  readonly useAlone: <A, E, R>(work: (threads: number) => Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

/** Stages that become ready in the same moment must see each other before they share out the cores. */
const settleMs = 5

/** More stages than ever compute at once: whoever holds all of these is alone. */
const everything = 1_000_000

/** `onGpu`: stages side by side on one GPU at most, where more than one may share it at all. */
export const makeSlots = (jobs: number, onGpu = 1): Slots => {
  const cores = os.availableParallelism()
  const cpu = makePermits(jobs)
  const gate = Semaphore.makeUnsafe(everything)
  /** One at a time, so that what one of them leads to goes before the next. */
  const alone = Semaphore.makeUnsafe(1)
  const gpus = new Map<string, Permits>()
  const slotOf = (gpu: string | undefined): Permits => {
    if (gpu === undefined) return cpu
    const slot = gpus.get(gpu) ?? makePermits(onGpu)
    gpus.set(gpu, slot)
    return slot
  }
  /** Work that runs or waits for a slot, exclusive work aside. */
  let wanting = 0
  /** Open while there is none. */
  const quiet = Latch.makeUnsafe(true)
  const want = (change: 1 | -1): void => {
    wanting += change
    if (wanting === 0) quiet.openUnsafe()
    else quiet.closeUnsafe()
  }
  const untilQuiet: Effect.Effect<void> = quiet.await.pipe(
    // What follows on work that has just been done wants its slot a moment later.
    Effect.andThen(Effect.sleep(settleMs)),
    Effect.andThen(Effect.suspend(() => (wanting === 0 ? Effect.void : untilQuiet))),
  )
  const use: Slots['use'] = (gpu, work, rank = 0, quick = false) =>
    Effect.acquireUseRelease(
      Effect.sync(() => want(1)),
      () =>
        slotOf(gpu).use(
          rank,
          gate.withPermits(1)(
            (quick ? Effect.void : Effect.sleep(settleMs)).pipe(
              Effect.flatMap(() => work(Math.max(1, Math.floor(cores / Math.min(jobs, Math.max(1, wanting)))))),
            ),
          ),
        ),
      () => Effect.sync(() => want(-1)),
    )
  const useAlone: Slots['useAlone'] = (work) =>
    alone.withPermits(1)(Effect.andThen(untilQuiet, gate.withPermits(everything)(Effect.suspend(() => work(cores)))))
  return { use, useAlone }
}
