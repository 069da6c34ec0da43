/** One run of a watch as the watching process sees it: a process of its own that plans, and runs when it is told to. */
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import * as Deferred from 'effect/Deferred'
import * as Effect from 'effect/Effect'
import { eachLine } from '../../base/program.js'
import type { RunEvent } from '../../runtime/events.js'
import { longestSaveMs } from '../../runtime/execute/patience.js'
import type { ReachedFile } from '../../runtime/watch/watched-files.js'
import type { FromRound, Problem, RoundPlan, RoundStage, ToRound, WatchRequest } from './watch-messages.js'

const program = fileURLToPath(new URL('./round-bin.js', import.meta.url))

/** How long a round that is asked to end may take while no stage of it saves a checkpoint. */
const graceMs = 2_000
/** How long it may take while a stage saves a checkpoint: later than this, a round ends its workers by itself. */
const longestEndMs = longestSaveMs + graceMs

type Outcome =
  { readonly type: 'planned'; readonly plan: RoundPlan } | { readonly type: 'problem'; readonly problem: Problem }

/** What a round has to say beside its plan, as it comes. */
export interface RoundListener {
  readonly event: (round: WatchRound, event: RunEvent) => void
  readonly table: (text: string) => void
  /** What its stages were found to read. */
  readonly traced: (round: WatchRound, files: readonly ReachedFile[]) => void
  /** Something that went wrong after the plan was told. */
  readonly problem: (problem: Problem) => void
  /** A line that the definition, or something below it, printed. */
  readonly printed: (line: string) => void
  /** `how` is `exit code 1` or a signal's name. */
  readonly ended: (round: WatchRound, how: string) => void
}

export interface WatchRound {
  /** Counted from 1. A round whose plan is not run gives its number to the next. */
  readonly number: number
  readonly startedAt: number
  /** The definition has been loaded, or that has failed. */
  readonly loaded: Deferred.Deferred<void>
  readonly outcome: Deferred.Deferred<Outcome>
  readonly reads: Deferred.Deferred<readonly ReachedFile[]>
  /** The answer to `supersede`: which of its stages go on although a newer round has come. */
  goOn: Deferred.Deferred<readonly string[]>
  readonly hasEnded: Deferred.Deferred<void>
  /** The stages that it computes now, by name. */
  readonly running: Map<string, RoundStage>
  /** By name, once there is a plan. */
  stages: ReadonlyMap<string, RoundStage>
  signature: string | undefined
  /** The run's id, once it has begun. */
  run: string | undefined
  isSuperseded: boolean
  /** Stages whose checkpoints take a while to save. */
  readonly saving: Set<string>
  /** Whether its end is to be expected: it has said that its run is over, or was asked to end. */
  isFinished: boolean
  /**
   * Whether the same plan is worth running again: a stage's result was thrown away as outdated, or the process died.
   */
  isSpoilt: boolean
  readonly send: (message: ToRound) => void
  readonly kill: () => void
}

export const openRound = (number: number, request: WatchRequest, listener: RoundListener): WatchRound => {
  const child = fork(program, [], { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] })
  const round: WatchRound = {
    number,
    startedAt: Date.now(),
    loaded: Deferred.makeUnsafe(),
    outcome: Deferred.makeUnsafe(),
    reads: Deferred.makeUnsafe(),
    goOn: Deferred.makeUnsafe(),
    hasEnded: Deferred.makeUnsafe(),
    running: new Map(),
    stages: new Map(),
    signature: undefined,
    run: undefined,
    isSuperseded: false,
    saving: new Set(),
    isFinished: false,
    isSpoilt: false,
    send: (message) => {
      // A process that ends meanwhile misses the message, which is no error: its end is noticed by itself.
      if (child.connected) child.send(message, () => {})
    },
    kill: () => void child.kill('SIGKILL'),
  }
  const loaded = (): void => void Deferred.doneUnsafe(round.loaded, Effect.void)
  const settle = (outcome: Outcome): boolean => {
    loaded()
    return Deferred.doneUnsafe(round.outcome, Effect.succeed(outcome))
  }
  let lastPrinted = ''
  const printed = (line: string): void => {
    if (line.trim() !== '') lastPrinted = line.trim()
    listener.printed(line)
  }
  eachLine(child.stdout, printed)
  eachLine(child.stderr, printed)

  const receive = (message: FromRound): void => {
    switch (message.type) {
      case 'loaded':
        loaded()
        break
      case 'planned': {
        const { plan } = message
        round.stages = new Map(plan.stages.map((stage) => [stage.stage, stage]))
        round.signature = plan.signature
        settle({ type: 'planned', plan })
        break
      }
      case 'problem': {
        const { type: _, ...problem } = message
        if (settle({ type: 'problem', problem })) break
        round.isFinished = true
        listener.problem(problem)
        break
      }
      case 'reads':
        Deferred.doneUnsafe(round.reads, Effect.succeed(message.files))
        break
      case 'traced':
        round.signature = message.signature
        listener.traced(round, message.files)
        break
      case 'event':
        listener.event(round, message.event)
        break
      case 'table':
        listener.table(message.text)
        break
      case 'superseded':
        Deferred.doneUnsafe(round.goOn, Effect.succeed(message.goOn))
        break
    }
  }
  child.on('message', receive)

  const end = (how: string): void => {
    if (!Deferred.doneUnsafe(round.hasEnded, Effect.void)) return
    const said = lastPrinted === '' ? '' : `: ${lastPrinted}`
    settle({ type: 'problem', problem: { message: `the process that plans ended without a plan (${how})${said}` } })
    Deferred.doneUnsafe(round.reads, Effect.succeed([]))
    listener.ended(round, how)
  }
  child.on('error', (cause) => end(cause.message))
  // The last messages may arrive after the end of the process, but not after the end of the channel: both are awaited.
  let open = 2
  const closed = (): void => {
    open -= 1
    if (open === 0) end(child.signalCode ?? `exit code ${child.exitCode}`)
  }
  child.once('exit', closed)
  child.once('disconnect', closed)
  round.send({ type: 'plan', request })
  return round
}

/** Asks the round to end, and ends it by force where that takes too long; checkpoints are saved first. */
export const endRound = (round: WatchRound): Effect.Effect<void> =>
  Effect.suspend(() => {
    round.isFinished = true
    round.send({ type: 'end' })
    // Nothing of it has begun; and a definition that never comes to its end would hear nothing.
    if (round.signature === undefined) round.kill()
    const gone = Deferred.await(round.hasEnded)
    const goneWithin = (ms: number) => Effect.map(Effect.timeoutOption(gone, ms), (inTime) => inTime._tag === 'Some')
    return goneWithin(graceMs).pipe(
      Effect.flatMap((isGone) =>
        isGone || round.saving.size === 0 ? Effect.succeed(isGone) : goneWithin(longestEndMs),
      ),
      Effect.flatMap((isGone) => {
        if (isGone) return Effect.void
        round.kill()
        return gone
      }),
    )
  })
