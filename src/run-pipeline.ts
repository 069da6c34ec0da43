/** Running a pipeline or a suite from code: the same run as `genepool run`, as an Effect and as a promise. */
import * as Effect from 'effect/Effect'
import { genepoolLayer } from './compose.js'
import type { Duration, Size } from './dsl/amounts.js'
import type { PipelineNode, SuiteNode } from './dsl/nodes.js'
import { toPipelineNode, type PipelineBuilder } from './dsl/pipeline-step.js'
import { isSuite } from './dsl/suite.js'
import type { DeviceWish, EngineWish } from './engine/request.js'
import { type StoreError, UsageError } from './runtime/errors.js'
import { sentenceOf } from './base/errors.js'
import { readPolicy } from './runtime/execute/failure-policy.js'
import type { Emit } from './runtime/events.js'
import type { Reuse } from './runtime/fingerprint.js'
import { defaultJobs, type RunResult } from './runtime/run/options.js'
import { runStages } from './runtime/run/run.js'
import { stageGraph } from './runtime/definition/stage-graph.js'
import { isInWorker } from './runtime/execute/job.js'
import { defaultStore } from './runtime/store/find-store.js'

export interface RunPipelineOptions {
  /** Folder of the store. @default `.genepool` in the working directory, else the project's own above it */
  readonly store?: string
  /** What computes; `auto` is the fastest engine that loads. @default 'auto' */
  readonly engine?: EngineWish
  /** What it computes on: `auto` is the fastest device that works, `cuda:1` the second NVIDIA GPU. @default 'auto' */
  readonly device?: DeviceWish
  /** Whether an artifact that another engine, device or version made will do as well. @default 'same-engine' */
  readonly reuse?: Reuse
  /** CPU stages side by side. @default the number of cores */
  readonly jobs?: number
  /** Only the stage of this name and what it needs. @default all stages */
  readonly only?: string
  /** Stop at the first failure, instead of finishing what does not depend on it. @default false */
  readonly failFast?: boolean
  /** How often a stage whose worker crashed is tried again, from its checkpoint. @default 2 */
  readonly retries?: number
  /** Pause before the first retry, doubled for each further one up to a minute. @default '1s' */
  readonly retryDelay?: Duration
  /** How long a stage may compute, `'2h'`; then it is interrupted, and the next run resumes it. @default no limit */
  readonly stageTimeout?: Duration
  /** Resident memory that a worker and its processes may use, `'8GiB'`; Linux only. @default no limit */
  readonly memory?: Size
  /** A worker that says nothing and uses no processor time for so long is ended and retried. @default '10min' */
  readonly silence?: Duration
  /** Where the relative paths of `idx()` start. @default the working directory */
  readonly baseDir?: string
  /** Called with everything that happens. */
  readonly onEvent?: Emit
}

const runsInWorker =
  'a module with a stage(…) runs a pipeline when it is imported, and workers import it: keep ' +
  'stages in a module of their own'

/** What can be run: a pipeline, a builder of one, or a suite. */
export type Runnable = PipelineNode | PipelineBuilder | SuiteNode

/**
 * Runs what is missing of a pipeline or of all cells of a suite. Failed stages are counted in the result (`failed`,
 * `skipped`), with their reasons in the events; a suite's `cells` say which of them are done. The Effect fails with a
 * UsageError when the definition cannot be run and with a StoreError when the store cannot be used.
 */
export const runPipeline = (
  definition: Runnable,
  options: RunPipelineOptions = {},
): Effect.Effect<RunResult, UsageError | StoreError> =>
  Effect.try({
    try: () => {
      if (isInWorker()) throw new Error(runsInWorker)
      return isSuite(definition) ? definition : toPipelineNode(definition)
    },
    catch: (cause) => new UsageError({ message: sentenceOf(cause), cause }),
  }).pipe(
    Effect.flatMap((node) =>
      node === undefined
        ? Effect.fail(
            new UsageError({ message: 'runPipeline needs a pipeline, as pipeline(…) makes it, or a suite(…) of them' }),
          )
        : stageGraph(node),
    ),
    Effect.bindTo('graph'),
    Effect.bind('policy', () =>
      Effect.try({ try: () => readPolicy(options, (word) => word), catch: (cause) => cause as UsageError }),
    ),
    Effect.flatMap(({ graph, policy }) =>
      runStages(graph, {
        policy,
        engine: options.engine ?? 'auto',
        device: options.device ?? 'auto',
        reuse: options.reuse ?? 'same-engine',
        jobs: options.jobs ?? defaultJobs(),
        failFast: options.failFast ?? false,
        baseDir: options.baseDir ?? process.cwd(),
        emit: options.onEvent ?? (() => {}),
        ...(options.only === undefined ? {} : { only: options.only }),
      }),
    ),
    Effect.provide(genepoolLayer(options.store ?? defaultStore())),
  )

/** `runPipeline` as a promise; rejects with the same errors. */
export const runPipelinePromise = (definition: Runnable, options: RunPipelineOptions = {}): Promise<RunResult> =>
  Effect.runPromise(runPipeline(definition, options))
