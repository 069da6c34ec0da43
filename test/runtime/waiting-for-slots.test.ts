import * as Effect from 'effect/Effect'
import type * as Fiber from 'effect/Fiber'
import * as Scheduler from 'effect/Scheduler'
import { expect } from 'chai'
import { makeSlots, type Slots } from '../../src/runtime/execute/turns.js'

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

/** Asks for the only slot. */
const ask = (slots: Slots, rank: number, work: Effect.Effect<void>): Effect.Effect<void> =>
  slots.use({ rank, quick: true }, () => work)

const start = <A>(work: Effect.Effect<A>, budget: number): Fiber.Fiber<A> =>
  Effect.runFork(Effect.provideService(work, Scheduler.MaxOpsBeforeYield, budget))

const ends = async (fiber: Fiber.Fiber<void>): Promise<boolean> => {
  for (let i = 0; i < enoughTurns && fiber.pollUnsafe() === undefined; i++) await turn()
  return fiber.pollUnsafe() !== undefined
}

describe('whoever waits for a slot', () => {
  it('gets it, wherever it yields while the slot becomes free', async () => {
    for (const { later, budget } of meetings) {
      const slots = makeSlots(1)
      start(ask(slots, 0, Effect.void), budget)
      await turns(later)
      const waiter = start(ask(slots, 0, Effect.void), budget)
      expect(await ends(waiter), `${later} turns later, a yield every ${budget} operations`).to.be.true
    }
  })

  it('is forgotten when it is interrupted, wherever it yields', async () => {
    for (const { later, budget } of meetings) {
      const slots = makeSlots(1)
      const holder = start(ask(slots, 0, Effect.never), budget)
      await turns(15)
      const impatient = start(ask(slots, 1, Effect.void), budget)
      const waiter = start(ask(slots, 2, Effect.void), budget)
      await turns(later)
      impatient.interruptUnsafe()
      holder.interruptUnsafe()
      expect(await ends(waiter), `interrupted ${later} turns later, a yield every ${budget} operations`).to.be.true
    }
  })
})
