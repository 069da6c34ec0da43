/**
 * `genepool watch`: runs, and runs again when something that the pipeline reaches has changed. This process watches and
 * shows; every plan and every run is a process of its own, so that each begins with the code as it is.
 */
import * as fs from 'node:fs'
import * as path from 'node:path'
import * as Deferred from 'effect/Deferred'
import * as Effect from 'effect/Effect'
import * as Queue from 'effect/Queue'
import * as Command from 'effect/cli/Command'
import { duration } from '../../results/format.js'
import { UsageError } from '../../runtime/errors.js'
import { inParts } from '../../runtime/in-parts.js'
import { Store } from '../../runtime/store/store.js'
import { FileWatcher, nextBurst } from '../../runtime/watch/file-watcher.js'
import { type FileChange, type ReachedFile, reachOfDefinition, SeenFiles } from '../../runtime/watch/watched-files.js'
import {
  artifactFlags,
  checkJobs,
  failureFlags,
  type FlagsOf,
  jobsFlag,
  jsonFlag,
  onlyFlag,
  pipelineArgument,
  policyOf,
  verboseRunFlag,
} from '../input/flags.js'
import { sayWhichStore } from '../input/inspect.js'
import { parseTarget } from '../input/target.js'
import { stderr, stdout } from '../output/terminal.js'
import type { WatchRound } from '../watch/round.js'
import { makeRounds } from '../watch/rounds.js'
import { jsonDisplay, textDisplay } from '../watch/watch-display.js'
import type { EarlierStage, WatchEvent } from '../watch/watch-events.js'
import type { RoundPlan, WatchRequest } from '../watch/watch-messages.js'

const watchFlags = {
  pipeline: pipelineArgument,
  ...artifactFlags,
  jobs: jobsFlag,
  only: onlyFlag,
  ...failureFlags,
  json: jsonFlag('Print what happens as JSON, one event a line; those of a run say which'),
  verbose: verboseRunFlag,
}

/** Nobody is told of a definition that is loaded sooner. */
const slowLoadMs = 3_000

const now = (): string => new Date().toISOString()

const plannedEvent = ({ number }: WatchRound, plan: RoundPlan, goOn: readonly EarlierStage[]): WatchEvent => {
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

/** A second Ctrl-C does not wait for checkpoints: it kills the rounds, and their workers end when they notice that. */
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

const watchPipeline = Effect.fnUntraced(function* (request: WatchRequest, json: boolean) {
  const hints = yield* Queue.unbounded<void>()
  const hint = (): void => void Queue.offerUnsafe(hints, undefined)
  const display = json ? jsonDisplay(stdout, stderr) : textDisplay(stdout, request.verbose)
  const seen = new SeenFiles()
  const say = (event: WatchEvent): void => display.watch(event, !rounds.isIdle())
  /** Whether a stage was thrown away since the last plan. */
  let again = false
  /** What stages were found to read since files were last looked at. */
  let traced: readonly { readonly files: readonly ReachedFile[]; readonly since: number }[] = []
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
    traced: (_round, files) => {
      traced = [...traced, { files, since: Date.now() }]
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
  // Acquired last, so released first: rounds are ended before anything that they report to.
  yield* Effect.addFinalizer(() => {
    busy = true
    return rounds.endAll
  })

  /** Says that a round takes long to load its definition; done once something has changed of what it loads. */
  const untilOvertaken = Effect.fnUntraced(function* ({ startedAt }: WatchRound, changes: FileChange[]) {
    yield* Effect.sleep(slowLoadMs)
    const { file } = parseTarget(request.pipeline)
    const after = duration(slowLoadMs)
    say({
      type: 'warning',
      message: `${file} still loads after ${after}; it is given up once it is edited, and Ctrl-C ends it`,
    })
    const reached = yield* Effect.catch(reachOfDefinition(file), () => Effect.succeed([{ path: path.resolve(file) }]))
    yield* Effect.orDie(inParts(() => seen.add(reached, startedAt, changes)))
    yield* Effect.promise(() => watcher.watch(seen.paths))
    while (changes.length === 0) {
      yield* nextBurst(hints)
      yield* Effect.promise(() => watcher.watch(seen.paths))
      yield* Effect.orDie(inParts(() => seen.look(changes)))
    }
  })

  /** A round that has loaded the definition as it is now, or has said that it cannot. */
  const load = Effect.fnUntraced(function* () {
    for (;;) {
      const round = rounds.open(request)
      const changes: FileChange[] = []
      yield* Effect.raceFirst(Deferred.await(round.loaded), untilOvertaken(round, changes))
      if (changes.length === 0) return round
      round.kill()
      yield* Deferred.await(round.hasEnded)
      say({ type: 'watch-changed', files: changes, at: now() })
    }
  })

  /** Plans what there is now, and runs it where that is something else than what runs or ran last. */
  const plan = Effect.fnUntraced(function* () {
    const round = yield* load()
    const outcome = yield* Deferred.await(round.outcome)
    const current = rounds.current()
    const isSame = current !== undefined && current.signature === round.signature && !current.isSpoilt
    if (outcome.type === 'problem') say({ type: 'watch-problem', ...outcome.problem, at: now() })
    else if (isSame) say({ type: 'watch-unchanged', at: now() })
    else yield* rounds.start(round, outcome.plan, (goOn) => say(plannedEvent(round, outcome.plan, goOn)))
    const reads = yield* Deferred.await(round.reads)
    if (outcome.type === 'problem' || isSame) round.send({ type: 'end' })
    // What a definition that cannot be loaded would read is not fully known, so the files watched so far are kept.
    return yield* Effect.orDie(
      inParts(() =>
        outcome.type === 'problem' ? seen.add(reads, round.startedAt) : seen.adopt(reads, round.startedAt),
      ),
    )
  })

  let late: readonly FileChange[] = []
  for (;;) {
    late = yield* plan()
    yield* Effect.promise(() => watcher.watch(seen.paths))
    say({ type: 'watch-ready', files: seen.paths.length })
    busy = false
    sayWaiting()
    // Changes from before the files were watched caused no hint, so they are looked for once.
    hint()
    let changes: readonly FileChange[] = []
    for (;;) {
      yield* nextBurst(hints)
      const found = traced
      traced = []
      // What was touched while the stages ran has been told by their results, or is their own doing.
      for (const { files, since } of found) {
        late = [...late, ...(yield* Effect.orDie(inParts(() => seen.add(files, since))))]
      }
      // Watched again first, because folders may have been made or removed.
      yield* Effect.promise(() => watcher.watch(seen.paths))
      changes = [...late, ...(yield* Effect.orDie(inParts(() => seen.look())))]
      if (changes.length > 0 || again) break
    }
    busy = true
    again = false
    if (changes.length > 0) say({ type: 'watch-changed', files: changes, at: now() })
  }
})

/** Never ends by itself. Fails with a UsageError where there is no such file, or the store cannot be one. */
const watch = Effect.fnUntraced(function* ({ json, ...flags }: FlagsOf<typeof watchFlags>) {
  const { pipeline, store, engine, device, reuse, jobs, only, verbose } = flags
  yield* checkJobs(jobs)
  const policy = yield* policyOf(flags)
  const { file } = parseTarget(pipeline)
  sayWhichStore(store)
  if (!fs.existsSync(file)) return yield* new UsageError({ message: `there is no pipeline file ${file}` })
  const request = { pipeline, store, engine, device, reuse, jobs, policy, only, verbose }
  return yield* Effect.scoped(watchPipeline(request, json)).pipe(Effect.provide(Store.layer(store)))
})

export const watchCommand = Command.make('watch', watchFlags).pipe(
  Command.withDescription(
    'Run a pipeline or suite, and again whenever anything that it reaches changes (its file and what that imports, ' +
      'the code of its stages, its data), until Ctrl-C. Stages that an edit does not touch go on; the others save ' +
      'their checkpoints and are run anew. What does not parse is waited out',
  ),
  Command.withShortDescription(
    'Run a pipeline or suite, and again whenever anything that it reaches changes, until Ctrl-C',
  ),
  Command.withExamples([
    { command: 'genepool watch pipelines/quickstart.ts', description: 'Edit, save, and see what that changes' },
    {
      command: 'genepool watch pipelines/quickstart.ts --only teacher',
      description: 'Work on one stage and what it needs',
    },
  ]),
  Command.withHandler(watch),
)
