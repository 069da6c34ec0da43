/** What a run is asked for, and what it comes to. */
import * as os from 'node:os'
import * as Data from 'effect/Data'
import type * as Effect from 'effect/Effect'
import type { StageError, StoreError, UsageError } from '../errors.js'
import type { Emit } from '../events.js'
import type { FailurePolicy } from '../execute/failure-policy.js'
import type { Slots } from '../execute/turns.js'
import type { Reuse } from '../fingerprint.js'
import type { Prepared } from '../plan/prepare.js'
import type { AskedGit } from '../records/git-state.js'
import type { ResolvedEngine } from '../services.js'
import type { Manifest, Store } from '../store/store.js'
import type { FinishedCell } from './cell-outcomes.js'

/** Nobody wants this stage of this run any more: a newer run has taken its place. */
export class Withdrawn extends Data.TaggedError('Withdrawn') {}

/** How a run is steered from outside while it goes on, as `genepool watch` does after an edit. */
export interface Steering {
  /** Called once when everything is known that can be known without running; what it takes, the run waits for. */
  readonly review: (prepared: Prepared, engine: ResolvedEngine) => Effect.Effect<void, UsageError | StoreError, Store>
  /** Called once before any stage asks for a slot, to take those that are not this run's to give. */
  readonly occupy: (slots: Slots) => Effect.Effect<void>
  /**
   * Raced with the stage of this name from before it begins: fails with Withdrawn when the stage is to end where it
   * stands (one that runs saves its checkpoint), with a StageError when it is to count as failed.
   */
  readonly leave: (stage: string) => Effect.Effect<never, Withdrawn | StageError>
}

export interface RunOptions {
  /** `auto`, or an engine's name. */
  readonly engine: string
  /** `auto`, or a device's name: `cpu`, `cuda`, `cuda:1`, `webgpu`. */
  readonly device: string
  readonly reuse: Reuse
  /** CPU stages side by side. */
  readonly jobs: number
  /** Only the stages called so and what they need. */
  readonly only?: string
  /** Stop at the first failure instead of finishing what does not depend on it. */
  readonly failFast: boolean
  /** What is done about workers that crash, take too long or too much, or hang; default `defaultPolicy`. */
  readonly policy?: FailurePolicy
  /** The pipeline's file: workers load functions of it, and records name it. */
  readonly file?: string
  readonly baseDir: string
  /** Whether stages that extend leave on their way what they would leave if they ended there; default true. */
  readonly milestones?: boolean
  /** The repository's state, where it was asked for earlier than this run could. */
  readonly git?: AskedGit
  readonly emit: Emit
  /** Whoever may let a part of the run go, as watching does. */
  readonly steering?: Steering
}

export interface RunResult {
  readonly run: string
  readonly ran: number
  readonly cached: number
  readonly failed: number
  readonly skipped: number
  /** Artifacts by the stage's name (`teacher`, of a suite `teacher[seed=1]`), of every stage that stands finished. */
  readonly manifests: ReadonlyMap<string, Manifest>
  /** Each cell of a suite with its own artifacts; one, called '', for a pipeline. */
  readonly cells: readonly FinishedCell[]
}

export const defaultJobs = (): number => os.availableParallelism()
