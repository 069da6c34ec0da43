/** A whole run, of a pipeline or of all cells of a suite: every stage as soon as its inputs are there, independent ones side by side, failures kept to themselves. */
import { randomBytes } from 'node:crypto'
import * as os from 'node:os'
import * as Cause from 'effect/Cause'
import * as Effect from 'effect/Effect'
import * as Exit from 'effect/Exit'
import type { StageNode } from '../../dsl/nodes.js'
import type { StageGraph } from '../definition/stage-graph.js'
import { ranksOf } from '../definition/stage-order.js'
import { sentenceOf, StageError, UsageError } from '../errors.js'
import type { RunEvent } from '../events.js'
import { defaultPolicy, stageTimeouts } from '../execute/failure-policy.js'
import { type Made, type MakeContext, makeStage } from '../execute/make-stage.js'
import { makeTurns } from '../execute/turns.js'
import { machineOf } from '../machine.js'
import { LastKnown } from '../plan/last-known.js'
import { noPlan, planStages } from '../plan/plan.js'
import { prepare, type PreparedStage } from '../plan/prepare.js'
import { schemeNotice, uncacheableWarnings } from '../plan/warnings.js'
import { estimateOf, estimateRun, ExpectedTimes } from '../records/estimate.js'
import { askGit } from '../records/git-state.js'
import { rememberTarget } from '../records/known-targets.js'
import { openRunLog, recordStart } from '../records/run-log.js'
import { timeRecorder } from '../records/stage-times.js'
import { Engines } from '../services.js'
import { markAsLive } from '../store/lock.js'
import { sweepKilledRuns } from '../store/staging.js'
import { type Manifest, Store } from '../store/store.js'
import { finishedCells, outcomeOf, sharingOf } from './cell-outcomes.js'
import { findHits, inputsOf } from './find-hits.js'
import type { RunOptions, RunResult } from './options.js'
import { makeOutcomes } from './stage-outcomes.js'

/** How often a damaged input is made again before the disk itself, or the stage that reads it, is held to be broken. */
const maxRepairs = 3

const newRunId = (): string =>
  `${new Date()
    .toISOString()
    .replace(/[-:]/g, '')
    .replace(/\..*/, '')
    .replace('T', '-')}-${randomBytes(3).toString('hex')}`

/** How a stage stands in this run. */
type Standing = Made['how'] | 'failed' | 'skipped'

const count = (standings: ReadonlyMap<StageNode, Standing>) => {
  const counts: Record<Standing, number> = { ran: 0, cached: 0, failed: 0, skipped: 0 }
  for (const standing of standings.values()) counts[standing] += 1
  return counts
}

const stackOf = (error: unknown): string | undefined => {
  if (!(error instanceof Error)) return undefined
  // A worker's errors come with the stack they had there.
  if (typeof error.cause === 'string') return error.cause
  return error.cause instanceof Error ? error.cause.stack : error.stack
}

/** Runs what is missing. Fails with a UsageError before anything ran; failed stages are counted, not raised. */
export const runStages = Effect.fn('runStages')(function* (graph: StageGraph, options: RunOptions) {
  if (!Number.isSafeInteger(options.jobs) || options.jobs < 1) {
    return yield* new UsageError({ message: `jobs is ${options.jobs}; it must be a whole number, 1 or more` })
  }
  const store = yield* Store
  yield* store.make
  const { device, reuse, baseDir } = options
  const engines = yield* Engines
  const git = options.git ?? askGit(options)
  const engine = yield* engines.resolve({ engine: options.engine, device, toCompute: true })
  const only = options.only === undefined ? {} : { only: options.only }
  const file = options.file === undefined ? {} : { file: options.file }
  const prepared = yield* prepare(graph, { engine, baseDir, reuse, ...file, ...only })
  if (options.steering !== undefined) yield* options.steering.review(prepared, engine)
  yield* sweepKilledRuns(store)
  const run = newRunId()
  yield* markAsLive(store, run)
  if (options.file !== undefined) {
    const { engine: name, device: on } = engine
    const as = graph.remembered.as
    rememberTarget(store, { file: options.file, cell: graph.cellName, name: as, engine: name, device: on, reuse })
  }
  const startedAt = Date.now()
  const log = openRunLog(store, run)
  const deviceName = engines.deviceName(engine)
  const here = { definition: graph.remembered.as, engine, machine: machineOf(deviceName) }
  const keepTimes = timeRecorder(store, prepared.stages, here)
  /** By name, when a stage that computes has started. */
  const startedStages = new Map<string, number>()
  const msOf = (node: StageNode): number => {
    const started = startedStages.get(node.name)
    return started === undefined ? 0 : Date.now() - started
  }
  const emit = (event: RunEvent): void => {
    if (event.type === 'stage-started') startedStages.set(event.stage, Date.now())
    else if (event.type === 'stage-finished') startedStages.delete(event.stage)
    log(event)
    keepTimes(event)
    options.emit(event)
  }
  let stopped = false
  const last = new LastKnown(store, graph.remembered)
  const notice = yield* schemeNotice(prepared, last)
  const nodes = prepared.stages.map(({ node }) => node)
  const ranks = ranksOf(graph, nodes)
  const rankOf = (node: StageNode): number => ranks.get(node) ?? 0
  const gpu = () => engines.gpu?.(engine)
  const turns = makeTurns({ jobs: options.jobs, engine, gpu, rankOf, run, pipeline: graph.name, emit })
  if (options.steering !== undefined) yield* options.steering.occupy(turns.slots)
  const policy = options.policy ?? defaultPolicy
  const timeoutOf = stageTimeouts(graph, policy.stageTimeoutMs)
  const plan = yield* planStages(prepared, last).pipe(Effect.catchTag('StoreError', () => Effect.succeed(noPlan)))
  const times = ExpectedTimes.open(store, here)
  const expected = estimateRun(prepared.stages, plan.stages, times, {
    jobs: options.jobs,
    device: engine.device,
    rankOf,
  })
  const keepsMilestones = options.milestones ?? true
  const isStopped = (): boolean => stopped
  const making = { prepared, engine, turns, policy, timeoutOf, last, run, emit, keepsMilestones }
  const context: MakeContext = { ...making, isStopped }

  const standings = new Map<StageNode, Standing>()
  const current = new Map<StageNode, Manifest>()
  const failures = new Map<StageNode, string>()
  const byNode = new Map(prepared.stages.map((stage) => [stage.node, stage]))
  const byFingerprint = (fingerprint: string): PreparedStage | undefined => {
    for (const [node, manifest] of current) if (manifest.fingerprint === fingerprint) return byNode.get(node)
    return undefined
  }

  /** `repairs` counts, for what the stage reads, how often it had to be made again. */
  const make = (stage: PreparedStage, repairs: ReadonlyMap<string, number> = new Map()): ReturnType<typeof makeStage> =>
    makeStage(
      context,
      stage,
      inputsOf(stage.node, (from) => current.get(from)),
    ).pipe(
      Effect.onInterrupt(() =>
        Effect.sync(() => {
          const { node } = stage
          // One that still waits, for a slot or for another process, has nothing to go on from.
          if (startedStages.has(node.name)) emit({ type: 'stage-interrupted', stage: node.name, ms: msOf(node) })
        }),
      ),
      Effect.tap(({ manifest, how }) =>
        Effect.sync(() => {
          current.set(stage.node, manifest)
          last.set(stage.node.name, manifest.fingerprint)
          // A stage that was made again after damage ran, even if it was found cached before or after.
          if (standings.get(stage.node) !== 'ran') standings.set(stage.node, how)
        }),
      ),
      Effect.catchTag('CorruptArtifact', (corrupt) => {
        const producer = byFingerprint(corrupt.fingerprint)
        const before = repairs.get(corrupt.fingerprint) ?? 0
        if (before >= maxRepairs) {
          const hint = `check the disk that holds the store, and whether ${stage.node.name} writes to the files that it reads`
          return Effect.fail(new StageError({ message: corrupt.message, hint }))
        }
        emit({ type: 'warning', message: corrupt.message })
        const counted = new Map(repairs).set(corrupt.fingerprint, before + 1)
        // What a training went on from is nobody's input: without it, it goes on from another or begins anew.
        if (producer === undefined) return make(stage, counted)
        return make(producer, counted).pipe(Effect.flatMap(() => make(stage, counted)))
      }),
    )

  /** By stage that failed or was skipped because of that, the name of the one that failed. */
  const failedBehind = new Map<StageNode, string>()
  const skip = (node: StageNode, because: string, failed?: string): boolean => {
    standings.set(node, 'skipped')
    if (failed !== undefined) failedBehind.set(node, failed)
    emit({ type: 'stage-skipped', stage: node.name, because, ...(failed === undefined ? {} : { failed }) })
    return false
  }
  const skipStopped = (node: StageNode): boolean => skip(node, 'a stage failed and the run stops at the first failure')
  const skipWithout = (node: StageNode, from: StageNode): boolean => {
    const failed = failedBehind.get(from)
    return failed === undefined ? skipStopped(node) : skip(node, `it reads ${from.name}, which is not there`, failed)
  }
  const fail = (node: StageNode, error: unknown): boolean => {
    standings.set(node, 'failed')
    failedBehind.set(node, node.name)
    stopped ||= options.failFast
    const hint = error instanceof StageError && error.hint !== undefined ? { hint: error.hint } : {}
    const stack = stackOf(error)
    failures.set(node, sentenceOf(error))
    const changed = error instanceof StageError && error.changed !== undefined ? { changed: error.changed } : {}
    const failure = { message: sentenceOf(error), ...hint, ...changed, ...(stack === undefined ? {} : { stack }) }
    emit({ type: 'stage-failed', stage: node.name, kind: node.kind, ms: msOf(node), ...failure })
    return false
  }

  /** Whether a stage of this run was let go: what reads it has then not been skipped for a failure. */
  let withdrawn = false
  const letGo = (): boolean => {
    withdrawn = true
    return false
  }
  const outcomes = makeOutcomes()
  const settle = Effect.fnUntraced(function* (stage: PreparedStage) {
    const { node } = stage
    for (const from of Object.values(node.inputs)) {
      const isThere = yield* outcomes.of(from)
      if (!isThere) return withdrawn ? false : skipWithout(node, from)
    }
    if (stopped) return skipStopped(node)
    const { steering } = options
    const made = steering === undefined ? make(stage) : Effect.raceFirst(steering.leave(node.name), make(stage))
    return yield* made.pipe(
      Effect.as(true),
      Effect.catchTag('RunStopped', () => Effect.sync(() => skipStopped(node))),
      Effect.catchTag('Withdrawn', () => Effect.sync(letGo)),
      Effect.catchCause((cause) =>
        Cause.hasInterruptsOnly(cause)
          ? Effect.failCause(cause as Cause.Cause<never>)
          : Effect.sync(() => fail(node, Cause.squash(cause))),
      ),
    )
  })

  const suite = graph.kind === 'suite' ? { suite: sharingOf(graph, new Set(nodes)) } : {}
  const finished = () => finishedCells(graph, nodes, current, failures)
  const settings = { ...options, engine, deviceName }
  const recorded = recordStart(log, store, settings, plan.stages, git)
  emit({
    type: 'run-started',
    run,
    pipeline: graph.name,
    file: options.file ?? null,
    store: store.root,
    stages: prepared.stages.length,
    ...suite,
    engine: { ...engine, threads: os.availableParallelism() },
    jobs: options.jobs,
    ...(expected === undefined ? {} : { expected: estimateOf(expected) }),
    at: new Date(startedAt).toISOString(),
  })
  if (notice !== undefined) emit({ type: 'warning', message: notice })
  for (const message of uncacheableWarnings(prepared.stages)) emit({ type: 'warning', message })
  const noteHit = ({ node }: PreparedStage, { manifest, how }: Made): void => {
    current.set(node, manifest)
    last.set(node.name, manifest.fingerprint)
    standings.set(node, how)
  }
  yield* findHits(context, plan.found, current, noteHit).pipe(
    Effect.andThen(() =>
      outcomes.settleAll(
        prepared.stages.filter(({ node }) => !current.has(node)),
        settle,
      ),
    ),
    Effect.onExit((exit) =>
      Effect.andThen(recorded, () => {
        last.save()
        const at = new Date().toISOString()
        emit({
          type: 'run-finished',
          run,
          ...count(standings),
          ...(suite.suite === undefined ? {} : { suite: { ...suite.suite, outcomes: finished().map(outcomeOf) } }),
          interrupted: withdrawn || Exit.isFailure(exit),
          ms: Date.now() - startedAt,
          at,
        })
        return Effect.void
      }),
    ),
  )
  const manifests = new Map([...current].map(([node, manifest]) => [node.name, manifest]))
  return { run, ...count(standings), manifests, cells: finished() } satisfies RunResult
}, Effect.scoped)
