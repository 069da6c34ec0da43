/** A round's side of watching: shows its plan, waits for the word to run it, and lets stages go when a newer round comes. */
import * as Deferred from 'effect/Deferred'
import * as Effect from 'effect/Effect'
import { StageError } from '../../runtime/errors.js'
import type { RunEvent } from '../../runtime/events.js'
import { LastKnown } from '../../runtime/plan/last-known.js'
import { planStages } from '../../runtime/plan/plan.js'
import type { StageGraph } from '../../runtime/definition/stage-graph.js'
import { stageKeys } from '../../runtime/plan/stage-keys.js'
import { Withdrawn, type Steering } from '../../runtime/watch/steering.js'
import { Store } from '../../runtime/store/store.js'
import { roundPlan } from './round-plan.js'
import type { FromRound, Occupied, ToRound } from './watch-messages.js'

export interface RoundControl {
  /** What the run of this graph is steered by. `tellReads` says what its stages read. */
  readonly steering: (graph: StageGraph, tellReads: Steering['review']) => Steering
  /** For the run's own events, on their way out. */
  readonly observe: (event: RunEvent) => void
  readonly receive: (message: ToRound) => void
  readonly isSuperseded: () => boolean
}

/** Before every stage of the run that waits for a slot. */
const firstRank = -1

/** The value of a key, made where there is none. */
const getOrMake = <K, V>(map: Map<K, V>, key: K, make: () => V): V => {
  const value = map.get(key) ?? make()
  map.set(key, value)
  return value
}

export const makeRoundControl = (send: (message: FromRound) => void): RoundControl => {
  const start = Deferred.makeUnsafe<readonly Occupied[]>()
  let occupied: readonly Occupied[] = []
  const freed = new Map<string, Deferred.Deferred<void>>()
  const untilFreed = (id: string) => getOrMake(freed, id, () => Deferred.makeUnsafe<void>())
  /** By stage: fails when it is to end. */
  const leaves = new Map<string, Deferred.Deferred<never, Withdrawn | StageError>>()
  const leaveOf = (stage: string) =>
    getOrMake(leaves, stage, () => Deferred.makeUnsafe<never, Withdrawn | StageError>())
  const withdraw = (stage: string): void => {
    Deferred.doneUnsafe(leaveOf(stage), Effect.fail(new Withdrawn()))
  }
  const keyOf = new Map<string, string>()
  /** Stage → fingerprint, while it is computed. */
  const running = new Map<string, string>()
  let superseded = false

  const steering: RoundControl['steering'] = (graph, tellReads) => ({
    review: Effect.fnUntraced(function* (prepared, engine) {
      const keys = stageKeys(prepared)
      for (const [{ name }, key] of keys) keyOf.set(name, key)
      const plan = yield* planStages(prepared, new LastKnown(yield* Store, graph.remembered))
      send({ type: 'planned', plan: roundPlan(graph, prepared, plan, engine, keys) })
      yield* tellReads(prepared, engine)
      occupied = yield* Deferred.await(start)
    }),
    occupy: Effect.fnUntraced(function* (slots) {
      for (const { id, gpu, exclusive } of occupied) {
        const taken = Deferred.makeUnsafe<void>()
        const hold = () => Effect.andThen(Deferred.succeed(taken, undefined), Deferred.await(untilFreed(id)))
        yield* Effect.forkChild(exclusive ? slots.useAlone(hold) : slots.use(gpu, hold, firstRank))
        // Before any stage of this run asks for one.
        yield* Effect.raceFirst(Deferred.await(taken), Deferred.await(untilFreed(id)))
      }
    }),
    leave: (stage) => {
      if (superseded) withdraw(stage)
      return Deferred.await(leaveOf(stage))
    },
  })

  const supersede = (keys: ReadonlySet<string>, fingerprints: ReadonlySet<string>): void => {
    superseded = true
    const goOn: string[] = []
    for (const [stage, key] of keyOf) {
      const fingerprint = running.get(stage)
      if (fingerprint !== undefined && (keys.has(key) || fingerprints.has(fingerprint))) goOn.push(stage)
      else withdraw(stage)
    }
    // After all that has been said of stages until now: what does not go on starts no more either.
    send({ type: 'superseded', goOn })
  }

  const receive: RoundControl['receive'] = (message) => {
    if (message.type === 'start') Deferred.doneUnsafe(start, Effect.succeed(message.occupied))
    else if (message.type === 'freed') Deferred.doneUnsafe(untilFreed(message.id), Effect.void)
    else if (message.type === 'supersede') supersede(new Set(message.keys), new Set(message.fingerprints))
    else if (message.type === 'failed') {
      const { message: sentence, hint, stack } = message.failure
      const error = new StageError({
        message: sentence,
        ...(hint === undefined ? {} : { hint }),
        ...(stack === undefined ? {} : { cause: stack }),
      })
      for (const [stage, key] of keyOf) {
        if (key === message.key) Deferred.doneUnsafe(leaveOf(stage), Effect.fail(error))
      }
    }
  }

  return {
    steering,
    receive,
    isSuperseded: () => superseded,
    observe: (event) => {
      if (event.type === 'stage-started') running.set(event.stage, event.fingerprint)
      else if (event.type === 'stage-finished' || event.type === 'stage-failed') running.delete(event.stage)
    },
  }
}
