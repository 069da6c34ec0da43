/**
 * A whole run, of a pipeline or of all cells of a suite: what it opens and writes down, the stages it makes, how it
 * ends.
 */
import { randomBytes } from 'node:crypto'
import * as fs from 'node:fs'
import * as os from 'node:os'
import * as Effect from 'effect/Effect'
import * as Exit from 'effect/Exit'
import type { StageNode } from '../../dsl/nodes.js'
import type { StageGraph } from '../definition/stage-graph.js'
import { ranksOf } from '../definition/stage-order.js'
import { UsageError } from '../errors.js'
import { defaultPolicy, stageTimeouts } from '../execute/failure-policy.js'
import { stageLogFile } from '../execute/stage-log.js'
import { makeTurns } from '../execute/turns.js'
import { memoryBounds } from '../execute/worker-memory.js'
import { machineOf } from '../machine.js'
import { foresee } from '../plan/foresee.js'
import { LastKnown } from '../plan/last-known.js'
import { noPlan, planStages } from '../plan/plan.js'
import { prepare } from '../plan/prepare.js'
import { schemeNotice, uncacheableWarnings } from '../plan/warnings.js'
import { estimateOf, estimateRun, ExpectedTimes } from '../records/estimate.js'
import { askGit } from '../records/git-state.js'
import { rememberTarget } from '../records/known-targets.js'
import { openRunLog, recordStart } from '../records/run-log.js'
import { timeRecorder } from '../records/stage-times.js'
import { timeLeft } from '../records/time-left.js'
import { Engines } from '../services.js'
import { markAsLive } from '../store/lock.js'
import { isResumable, sweepKilledRuns } from '../store/staging.js'
import { Store } from '../store/store.js'
import { finishedCells, outcomeOf, sharingOf } from './cell-outcomes.js'
import { makeStages } from './loop.js'
import type { RunOptions, RunResult } from './options.js'
import { RunState } from './state.js'

const newRunId = (): string =>
  `${new Date()
    .toISOString()
    .replace(/[-:]/g, '')
    .replace(/\..*/, '')
    .replace('T', '-')}-${randomBytes(3).toString('hex')}`

/** What is known before the run leaves a trace: its engine, and of each stage all that does not take its inputs. */
const prepareRun = Effect.fnUntraced(function* (graph: StageGraph, options: RunOptions) {
  const { device, reuse, baseDir, jobs, file, only, steering } = options
  if (!Number.isSafeInteger(jobs) || jobs < 1) {
    return yield* new UsageError({ message: `jobs is ${jobs}; it must be a whole number, 1 or more` })
  }
  yield* (yield* Store).make
  const engines = yield* Engines
  // Asked first, so that git works beside all that follows.
  const git = options.git ?? askGit(options)
  const engine = yield* engines.resolve({ engine: options.engine, device, toCompute: true })
  const prepared = yield* prepare(graph, {
    engine,
    baseDir,
    reuse,
    ...(file === undefined ? {} : { file }),
    ...(only === undefined ? {} : { only }),
  })
  if (steering !== undefined) yield* steering.review(prepared, engine)
  return { git, engine, prepared, deviceName: engines.deviceName(engine), gpu: () => engines.gpu?.(engine) }
})

/** Runs what is missing. Fails with a UsageError before anything ran; failed stages are counted, not raised. */
export const runStages = Effect.fn('runStages')(function* (graph: StageGraph, options: RunOptions) {
  const { jobs, steering, policy = defaultPolicy, file, reuse, failFast } = options
  const { git, engine, prepared, deviceName, gpu } = yield* prepareRun(graph, options)
  const store = yield* Store
  yield* sweepKilledRuns(store)
  const run = newRunId()
  yield* markAsLive(store, run)
  const { as } = graph.remembered
  if (file !== undefined) {
    const { engine: name, device } = engine
    rememberTarget(store, { file, cell: graph.cellName, name: as, engine: name, device, reuse })
  }

  const startedAt = Date.now()
  const last = new LastKnown(store, graph.remembered)
  last.begin()
  const notice = yield* schemeNotice(prepared, last)
  const nodes = prepared.stages.map(({ node }) => node)
  const ranks = ranksOf(graph, nodes)
  const rankOf = (node: StageNode): number => ranks.get(node) ?? 0
  const plan = yield* planStages(prepared, last).pipe(Effect.catchTag('StoreError', () => Effect.succeed(noPlan)))
  const on = { engine: engine.engine, memoryBytes: memoryBounds().bytes }
  const foreseen = yield* foresee(prepared.stages, plan.stages, on)

  const here = { definition: as, engine, machine: machineOf(deviceName) }
  const times = ExpectedTimes.open(store, here, foreseen.images)
  const estimating = { jobs, device: engine.device, rankOf }
  const expected = estimateRun(prepared.stages, plan.stages, times, estimating)
  const log = openRunLog(store, run)
  const keepTimes = timeRecorder(store, prepared.stages, here, foreseen.images, (time) => times.learn(time))
  const tellLeft = timeLeft(prepared.stages, plan.stages, times, estimating, options.emit)
  const state = new RunState({
    last,
    failFast,
    isResumable: (fingerprint) => isResumable(store, fingerprint),
    logOf: (fingerprint) => {
      const file = stageLogFile(store, run, fingerprint)
      return fs.existsSync(file) ? file : undefined
    },
    emit: (event) => {
      log(event)
      keepTimes(event)
      options.emit(event)
      tellLeft(event)
    },
  })
  const { tell } = state
  const turns = makeTurns({ jobs, engine, gpu, rankOf, run, pipeline: graph.name, emit: tell })
  if (steering !== undefined) yield* steering.occupy(turns.slots)
  const recorded = recordStart(log, store, { ...options, engine, deviceName }, plan.stages, git)
  const sharing = graph.kind === 'suite' ? sharingOf(graph, new Set(nodes)) : undefined
  tell({
    type: 'run-started',
    run,
    pipeline: graph.name,
    file: file ?? null,
    store: store.root,
    stages: prepared.stages.length,
    ...(sharing === undefined ? {} : { suite: sharing }),
    engine: { ...engine, threads: os.availableParallelism() },
    jobs,
    ...(expected === undefined ? {} : { expected: estimateOf(expected) }),
    at: new Date(startedAt).toISOString(),
  })
  const notices = notice === undefined ? [] : [notice]
  for (const message of [...notices, ...foreseen.warnings, ...uncacheableWarnings(prepared.stages)]) {
    tell({ type: 'warning', message })
  }

  const context = {
    prepared,
    engine,
    turns,
    policy,
    timeoutOf: stageTimeouts(graph, policy.stageTimeoutMs),
    last,
    run,
    emit: tell,
    keepsMilestones: options.milestones ?? true,
    isStopped: () => state.isStopped,
  }
  const cells = () => finishedCells(graph, nodes, state.manifests, state.failures)
  const finish = (exit: Exit.Exit<unknown, unknown>): void => {
    last.save()
    const at = new Date().toISOString()
    tell({
      type: 'run-finished',
      run,
      ...state.counts,
      ...(sharing === undefined ? {} : { suite: { ...sharing, outcomes: cells().map(outcomeOf) } }),
      interrupted: state.isWithdrawn || Exit.isFailure(exit),
      ms: Date.now() - startedAt,
      at,
    })
  }
  yield* makeStages({ context, state, found: plan.found, steering }).pipe(
    Effect.onExit((exit) =>
      Effect.andThen(
        recorded,
        Effect.sync(() => finish(exit)),
      ),
    ),
  )
  const manifests = new Map([...state.manifests].map(([node, manifest]) => [node.name, manifest]))
  return { run, ...state.counts, manifests, cells: cells() } satisfies RunResult
}, Effect.scoped)
