/**
 * The runs of one watch: the newest, and earlier ones of which a stage is still wanted. A stage that an earlier run
 * still computes occupies a slot of the newest run too, so that all together keep to `--jobs` and to one stage a GPU.
 */
import * as Deferred from 'effect/Deferred'
import * as Effect from 'effect/Effect'
import * as Option from 'effect/Option'
import type { RunEvent } from '../../runtime/events.js'
import { endRound, openRound, type RoundListener, type WatchRound } from './round.js'
import type { EarlierStage } from './watch-events.js'
import type { RoundPlan, ToRound, WatchRequest } from './watch-messages.js'

/** How long a round may take to say which of its stages go on, before it is ended. */
const answerMs = 5_000

interface RoundsListener extends Omit<RoundListener, 'ended'> {
  /** A stage of the newest round was thrown away because code or data changed under it. */
  readonly spoilt: () => void
  /** The last round that was started has ended. */
  readonly idle: () => void
}

interface Rounds {
  /** The newest round that was started; it may have ended. */
  readonly current: () => WatchRound | undefined
  /** Whether every round that was started has ended. */
  readonly isIdle: () => boolean
  /** Starts a process that loads the definition and plans. */
  readonly open: (request: WatchRequest) => WatchRound
  /** Runs a planned round in place of all others; before it begins, `begins` is told which of their stages go on. */
  readonly start: (
    round: WatchRound,
    plan: RoundPlan,
    begins: (goOn: readonly EarlierStage[]) => void,
  ) => Effect.Effect<void>
  readonly endAll: Effect.Effect<void>
  readonly killAll: () => void
}

const idOf = (round: WatchRound, stage: string): string => `${round.number}:${stage}`

export const makeRounds = (listener: RoundsListener): Rounds => {
  const alive = new Set<WatchRound>()
  let number = 0
  let current: WatchRound | undefined

  /** The stage is not computed any more, so the newest round may use its slot. */
  const free = (round: WatchRound, stage: string): void => {
    round.saving.delete(stage)
    if (round.running.delete(stage) && round !== current) current?.send({ type: 'freed', id: idOf(round, stage) })
  }

  const event = (round: WatchRound, happened: RunEvent): void => {
    if (happened.type === 'run-started') round.run = happened.run
    else if (happened.type === 'run-finished') round.isFinished = true
    else if (happened.type === 'stage-saving') round.saving.add(happened.stage)
    else if (happened.type === 'stage-started') {
      const stage = round.stages.get(happened.stage)
      if (stage !== undefined) round.running.set(happened.stage, stage)
    } else if (happened.type === 'stage-finished' || happened.type === 'stage-interrupted') free(round, happened.stage)
    else if (happened.type === 'stage-failed') {
      const key = round.stages.get(happened.stage)?.key
      const { type: _, stage: _stage, kind: _kind, ms: _ms, changed, log: _log, ...failure } = happened
      // The newest round would only fail in the same way. A stage that failed because of a change is made again there.
      if (round.isSuperseded && changed === undefined && key !== undefined) {
        current?.send({ type: 'failed', key, failure })
      }
      free(round, happened.stage)
      if (round === current && changed !== undefined) {
        round.isSpoilt = true
        listener.spoilt()
      }
    }
    listener.event(round, happened)
  }

  const isStarted = (round: WatchRound): boolean => round === current || round.isSuperseded
  const isIdle = (): boolean => ![...alive].some(isStarted)

  const ended = (round: WatchRound, how: string): void => {
    alive.delete(round)
    if (round === current && !round.isFinished) {
      round.isSpoilt = true
      listener.problem({ message: `run ${round.number} was cut off: its process ended (${how})` })
    }
    for (const stage of round.running.keys()) free(round, stage)
    if (isStarted(round) && isIdle()) listener.idle()
  }

  const supersede = (round: WatchRound, message: ToRound): Effect.Effect<readonly EarlierStage[]> =>
    Effect.suspend(() => {
      // A round that was superseded before is asked again, for which of its stages this newer one still wants.
      round.goOn = Deferred.makeUnsafe()
      round.isSuperseded = true
      round.send(message)
      return Effect.raceFirst(Deferred.await(round.goOn), Effect.as(Deferred.await(round.hasEnded), [])).pipe(
        Effect.timeoutOption(answerMs),
        Effect.map((answer) => {
          if (answer._tag === 'None') round.kill()
          return Option.getOrElse(answer, (): readonly string[] => []).map((stage) => ({ round: round.number, stage }))
        }),
      )
    })

  const start: Rounds['start'] = Effect.fnUntraced(function* (round, { stages }, begins) {
    const keys = stages.map(({ key }) => key)
    const fingerprints = stages.flatMap(({ fingerprint }) => (fingerprint === undefined ? [] : [fingerprint]))
    const earlier = [...alive].filter((each) => each !== round)
    // Set first, because the new round has to hear what becomes of the others' stages from now on.
    number = round.number
    current = round
    const goOn = yield* Effect.forEach(earlier, (each) => supersede(each, { type: 'supersede', keys, fingerprints }), {
      concurrency: 'unbounded',
    })
    const occupied = earlier.flatMap((each) =>
      [...each.running].map(([stage, { slot }]) => ({ id: idOf(each, stage), ...slot })),
    )
    begins(goOn.flat())
    round.send({ type: 'start', occupied })
  })

  return {
    current: () => current,
    isIdle,
    open: (request) => {
      const round = openRound(number + 1, request, { ...listener, event, ended })
      alive.add(round)
      return round
    },
    start,
    endAll: Effect.suspend(() => Effect.forEach([...alive], endRound, { concurrency: 'unbounded', discard: true })),
    killAll: () => {
      for (const round of alive) round.kill()
    },
  }
}
