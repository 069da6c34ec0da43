/**
 * `genepool watch`: runs, and runs again when something that the pipeline reaches has changed. This process watches and
 * shows; every plan and every run is a process of its own, so that each begins with the code as it is.
 */
import * as fs from 'node:fs'
import * as Deferred from 'effect/Deferred'
import * as Effect from 'effect/Effect'
import * as Queue from 'effect/Queue'
import { nextBurst } from '../../runtime/watch/burst.js'
import { UsageError } from '../../runtime/errors.js'
import { FileWatcher } from '../../runtime/watch/file-watcher.js'
import { SeenFiles, type FileChange } from '../../runtime/watch/seen-files.js'
import { Store } from '../../runtime/store/store.js'
import type { Round } from './round.js'
import { makeRounds } from './rounds.js'
import { parseTarget } from '../target.js'
import { jsonDisplay, textDisplay } from './watch-display.js'
import type { EarlierStage, WatchEvent } from './watch-events.js'
import type { RoundPlan, WatchRequest } from './watch-messages.js'

export interface WatchFlags extends WatchRequest {
  readonly json: boolean
}

const now = (): string => new Date().toISOString()

const plannedEvent = ({ number }: Round, plan: RoundPlan, goOn: readonly EarlierStage[]): WatchEvent => {
  const count = (status: string): number => plan.stages.filter((stage) => stage.status === status).length
  return {
    type: 'watch-planned',
    round: number,
    pipeline: plan.pipeline,
    cached: count('cached'),
    run: count('run'),
    maybe: count('maybe'),
    stages: plan.stages
      .filter(({ status }) => status !== 'cached')
      .map(({ stage, status, reasons }) => ({ stage, status, reasons })),
    goOn,
    at: now(),
  }
}

/** A second Ctrl-C does not wait for checkpoints; the workers notice that their run is gone. */
const endAtSecondInterrupt = (killAll: () => void) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      let interrupts = 0
      const count = (): void => {
        interrupts += 1
        if (interrupts < 2) return
        killAll()
        process.exit(130)
      }
      process.on('SIGINT', count)
      return count
    }),
    (count) => Effect.sync(() => process.off('SIGINT', count)),
  )

const watchInStore = Effect.fnUntraced(function* ({ json, ...request }: WatchFlags) {
  const hints = yield* Queue.unbounded<void>()
  const hint = (): void => void Queue.offerUnsafe(hints, undefined)
  const display = json ? jsonDisplay(process.stdout, process.stderr) : textDisplay(process.stdout, request.verbose)
  const seen = new SeenFiles()
  const say = (event: WatchEvent): void => display.watch(event, !rounds.isIdle())
  /** Whether a stage was thrown away since the last plan. */
  let again = false
  /** Whether a plan is being made, or files are not watched yet. */
  let busy = true
  const sayWaiting = (): void => {
    if (!busy && rounds.isIdle()) say({ type: 'watch-waiting', files: seen.paths.length })
  }
  const rounds = makeRounds({
    event: display.run,
    table: display.table,
    printed: display.printed,
    problem: (problem) => say({ type: 'watch-problem', ...problem, at: now() }),
    spoilt: () => {
      again = true
      hint()
    },
    idle: sayWaiting,
  })
  const watcher = yield* Effect.acquireRelease(
    Effect.sync(
      () =>
        new FileWatcher({
          onHint: hint,
          onTrouble: (message) =>
            say({ type: 'warning', message: `${message}; files are looked at every other second instead` }),
        }),
    ),
    (opened) => Effect.promise(() => opened.close()),
  )
  yield* endAtSecondInterrupt(rounds.killAll)
  // The last to be acquired is the first to be released: nothing of a watch outlives it.
  yield* Effect.addFinalizer(() => {
    busy = true
    return rounds.endAll
  })

  /** Plans what there is now, and runs it where that is something else than what runs or ran last. */
  const plan = Effect.fnUntraced(function* () {
    const round = rounds.open(request)
    const outcome = yield* Deferred.await(round.outcome)
    const current = rounds.current()
    const isSame = current !== undefined && current.signature === round.signature && !current.isSpoilt
    if (outcome.type === 'problem') say({ type: 'watch-problem', ...outcome.problem, at: now() })
    else if (isSame) say({ type: 'watch-unchanged', at: now() })
    else yield* rounds.start(round, outcome.plan, (goOn) => say(plannedEvent(round, outcome.plan, goOn)))
    const reads = yield* Deferred.await(round.reads)
    if (outcome.type === 'problem' || isSame) round.send({ type: 'end' })
    // Of a definition that cannot be loaded nobody knows all that it would read.
    return yield* Effect.promise(() =>
      outcome.type === 'problem' ? seen.add(reads, round.startedAt) : seen.adopt(reads, round.startedAt),
    )
  })

  let late: readonly FileChange[] = []
  for (;;) {
    late = yield* plan()
    yield* Effect.promise(() => watcher.watch(seen.paths))
    say({ type: 'watch-ready', files: seen.paths.length })
    busy = false
    sayWaiting()
    // What happened until now was told to nobody.
    hint()
    let changes: readonly FileChange[] = []
    for (;;) {
      yield* nextBurst(hints)
      // Folders may have come and gone.
      yield* Effect.promise(() => watcher.watch(seen.paths))
      changes = [...late, ...(yield* Effect.promise(() => seen.look()))]
      if (changes.length > 0 || again) break
    }
    busy = true
    again = false
    if (changes.length > 0) say({ type: 'watch-changed', files: changes, at: now() })
  }
})

/** Never ends by itself. Fails with a UsageError where there is no such file or the store can be none. */
export const watchCommand = (flags: WatchFlags) =>
  Effect.gen(function* () {
    const { file } = parseTarget(flags.pipeline)
    if (!fs.existsSync(file)) return yield* new UsageError({ message: `there is no pipeline file ${file}` })
    yield* Store
    return yield* Effect.scoped(watchInStore(flags))
  }).pipe(Effect.provide(Store.layer(flags.store)))
