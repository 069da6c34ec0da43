import * as Effect from 'effect/Effect'
import type * as Fiber from 'effect/Fiber'
import * as Scheduler from 'effect/Scheduler'
import { expect } from 'chai'
import { makePermits } from '../../src/runtime/execute/slots.js'

/** One turn of the event loop. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

const turns = async (count: number): Promise<void> => {
  for (let i = 0; i < count; i++) await turn()
}

/** Longer than a slot is held once its work is done. */
const enoughTurns = 60

/**
 * Every way in which two fibers can meet: the second comes up to 15 turns after the first, and yields after so many
 * operations (with fewer than three a fiber does nothing but yield).
 */
const meetings = Array.from({ length: 15 }, (_, later) => later).flatMap((later) =>
  Array.from({ length: 24 }, (_, index) => ({ later, budget: index + 3 })),
)

const start = <A>(work: Effect.Effect<A>, budget: number): Fiber.Fiber<A> =>
  Effect.runFork(Effect.provideService(work, Scheduler.MaxOpsBeforeYield, budget))

const ends = async (fiber: Fiber.Fiber<void>): Promise<boolean> => {
  for (let i = 0; i < enoughTurns && fiber.pollUnsafe() === undefined; i++) await turn()
  return fiber.pollUnsafe() !== undefined
}

describe('whoever waits for a permit', () => {
  it('gets it, wherever it yields while the permit becomes free', async () => {
    for (const { later, budget } of meetings) {
      const permits = makePermits(1)
      start(permits.use(0, Effect.void), budget)
      await turns(later)
      const waiter = start(permits.use(0, Effect.void), budget)
      expect(await ends(waiter), `${later} turns later, a yield every ${budget} operations`).to.be.true
    }
  })

  it('is forgotten when it is interrupted, wherever it yields', async () => {
    for (const { later, budget } of meetings) {
      const permits = makePermits(1)
      const holder = start(permits.use(0, Effect.never), budget)
      await turns(15)
      const impatient = start(permits.use(1, Effect.void), budget)
      const waiter = start(permits.use(2, Effect.void), budget)
      await turns(later)
      impatient.interruptUnsafe()
      holder.interruptUnsafe()
      expect(await ends(waiter), `interrupted ${later} turns later, a yield every ${budget} operations`).to.be.true
    }
  })
})
