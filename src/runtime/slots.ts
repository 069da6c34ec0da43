/**
 * Which stages may compute at the same time: CPU stages side by side up to `jobs`, one stage at a time on each GPU. A stage
 * that is alone gets all cores; stages side by side share them, because one thread each is faster than many on all.
 */
import * as os from 'node:os'
import * as Effect from 'effect/Effect'
import * as Semaphore from 'effect/Semaphore'

export interface Slots {
  /** Runs `work` when there is room on the CPU, or on the GPU of this name; `threads` is its share of the cores. */
  readonly use: <A, E, R>(
    gpu: string | undefined,
    work: (threads: number) => Effect.Effect<A, E, R>,
  ) => Effect.Effect<A, E, R>
}

/** Stages that become ready in the same moment must see each other before they share out the cores. */
const settleMs = 5

export const makeSlots = (jobs: number): Slots => {
  const cores = os.availableParallelism()
  const cpu = Semaphore.makeUnsafe(jobs)
  const gpus = new Map<string, Semaphore.Semaphore>()
  const slotOf = (gpu: string | undefined): Semaphore.Semaphore => {
    if (gpu === undefined) return cpu
    const slot = gpus.get(gpu) ?? Semaphore.makeUnsafe(1)
    gpus.set(gpu, slot)
    return slot
  }
  let wanting = 0
  const use: Slots['use'] = (gpu, work) =>
    Effect.acquireUseRelease(
      Effect.sync(() => {
        wanting += 1
      }),
      () =>
        slotOf(gpu).withPermits(1)(
          Effect.sleep(settleMs).pipe(
            Effect.flatMap(() => work(Math.max(1, Math.floor(cores / Math.min(jobs, Math.max(1, wanting)))))),
          ),
        ),
      () =>
        Effect.sync(() => {
          wanting -= 1
        }),
    )
  return { use }
}
