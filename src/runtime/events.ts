/**
 * Everything that can happen in a run, as one union. The terminal, the JSON stream and the run log only render it;
 * nothing is printed from anywhere else. Times are ISO 8601, durations milliseconds.
 */
import type { AxisLabel, Json } from '../dsl/nodes.js'
import type { Escape } from '../dsl/option-tables.js'
import type { ThrownError } from './errors.js'
import type { EngineIdentity } from './fingerprint.js'
import type { EngineChoice, Progress } from './stage-contract.js'

export interface CellOutcome {
  readonly name: string
  readonly at: Readonly<Record<string, AxisLabel>>
  readonly seed: number
  /** `done`: all of its stages are there. `skipped`: not all of them were run, although none of them failed. */
  readonly state: 'done' | 'failed' | 'skipped'
  /** The stage that failed, by its name in the run, and what it said. */
  readonly failure?: { readonly stage: string; readonly message: string }
}

/** How much a suite's cells share. */
export interface Sharing {
  readonly cells: number
  /** Stages of all cells together. */
  readonly asked: number
  /** Stages that are not the same. */
  readonly distinct: number
}

/** Why a stage has to run, or may have to; `before` and `now` are values of the last and of this definition. */
export type Reason =
  | { readonly type: 'never-ran' }
  | { readonly type: 'parameter-changed'; readonly parameter: string; readonly before: Json; readonly now: Json }
  | { readonly type: 'input-changed'; readonly input: string; readonly stage: string }
  | { readonly type: 'source-changed'; readonly source: string; readonly path: string }
  | {
      readonly type: 'code-changed'
      /** `kdLoss`, `Trainer.step`, `module code`. */
      readonly symbol: string
      /** Of the source, relative to its package, with the line there; empty where it is not known. */
      readonly file: string
      readonly line: number
      readonly change: 'edited' | 'added' | 'removed'
      /**
       * The nearest symbol (or file that loads it) by which the stage reaches it; null where it is the stage's own
       * function.
       */
      readonly through: string | null
      /** The whole way, from the stage's function to the symbol. */
      readonly chain: readonly string[]
    }
  /**
   * Something that cannot be followed: what the stage computes with is not known, so its result is never taken again.
   */
  | { readonly type: 'code-opaque'; readonly file: string; readonly line: number; readonly what: string }
  /** What a stage found when it ran is not as it was; `what` is its name in the trace, values are hashes mostly. */
  | {
      readonly type: 'read-changed'
      readonly what: string
      readonly before: string | null
      readonly now: string | null
    }
  /** It used something of which nothing can be written down, at that place: its result is never taken again. */
  | { readonly type: 'escape'; readonly escape: Escape | 'changed'; readonly place: string }
  | { readonly type: 'package-changed'; readonly name: string; readonly before: string; readonly now: string }
  | { readonly type: 'engine-changed'; readonly before: string; readonly now: string }
  | { readonly type: 'machine-changed'; readonly before: string; readonly now: string }
  /** It was made under other fingerprints, and what these named cannot be compared. */
  | { readonly type: 'scheme-changed'; readonly before: number; readonly now: number }
  /** A file from outside the store is not there. */
  | {
      readonly type: 'source-missing'
      readonly path: string | null
      readonly message: string
      readonly hint?: string
    }
  | { readonly type: 'artifact-missing' }
  | { readonly type: 'artifact-corrupt' }
  /** Its artifact is there, but nobody has read its files as they are now: they may be damaged. */
  | { readonly type: 'artifact-unverified' }
  /** The same of an artifact that it reads, or of what that reads. */
  | { readonly type: 'input-unverified'; readonly input: string; readonly stage: string }
  | { readonly type: 'input-pending'; readonly input: string; readonly stage: string }
  /** How it runs, not why: it goes on from what the same stage left that ended after `at` epochs, or other `unit`s. */
  | { readonly type: 'goes-on'; readonly at: number; readonly unit: string }
  /** Only its end has moved, and still it cannot go on from what it was before. */
  | { readonly type: 'from-start'; readonly because: string }

type PlanStatus = 'cached' | 'run' | 'maybe'

export interface PlannedStage {
  readonly stage: string
  readonly kind: string
  readonly status: PlanStatus
  readonly reasons: readonly Reason[]
  /** What made the cached artifact, where that is not the engine of this plan. */
  readonly madeBy?: EngineIdentity
}

/** How fast a phase goes, once it has gone far enough to tell. */
export interface Speed {
  readonly imagesPerSecond?: number
  /** Of one step, in milliseconds, without what was slow because something was made ready. */
  readonly stepMs?: number
  /** Of the phase. */
  readonly secondsLeft?: number
}

export interface StageFailure extends ThrownError {
  readonly hint?: string
}

export type RunEvent =
  | {
      readonly type: 'run-started'
      readonly run: string
      readonly pipeline: string
      readonly file: string | null
      readonly store: string
      readonly stages: number
      readonly suite?: Sharing
      readonly engine: EngineChoice & { readonly why: string }
      readonly jobs: number
      /** How long it is expected to take, by what such stages took before; absent where nothing is to run. */
      readonly expected?: RunEstimate
      readonly at: string
    }
  | {
      readonly type: 'stage-cached'
      readonly stage: string
      readonly kind: string
      /** The artifact's own, also where another engine made it. */
      readonly fingerprint: string
      /** What made it, where that is not the engine of this run. */
      readonly madeBy?: EngineIdentity
    }
  | {
      readonly type: 'stage-started'
      readonly stage: string
      readonly kind: string
      readonly fingerprint: string
      readonly reasons: readonly Reason[]
      readonly threads: number
      /** True when a checkpoint of an earlier, interrupted run is there. */
      readonly resumes: boolean
      /** What a stage that extends may go on from: the artifact of the same stage that ended after `at`. */
      readonly goesOnFrom?: { readonly fingerprint: string; readonly at: number; readonly unit: string }
    }
  /**
   * On its way a stage has left what it would leave if it ended after `at`; that is in the store now, as if it had been
   * run.
   */
  | {
      readonly type: 'stage-milestone'
      readonly stage: string
      readonly at: number
      readonly unit: string
      readonly fingerprint: string
      readonly content: string
    }
  /**
   * Another process is making this very artifact; this run waits for it instead of doing it twice. With a `resource`,
   * another run holds what the stage computes on: `cpu`, a GPU (`cuda:0`), or `machine` for one that has to be alone on
   * it.
   */
  | { readonly type: 'stage-waiting'; readonly stage: string; readonly holder: string; readonly resource?: string }
  /** Its worker crashed and is started again in `delayMs`; the attempts are counted from 1. */
  | {
      readonly type: 'stage-retrying'
      readonly stage: string
      readonly attempt: number
      readonly of: number
      readonly delayMs: number
      readonly because: string
    }
  /** It was asked to stop and saves a checkpoint of so many bytes first. */
  | { readonly type: 'stage-saving'; readonly stage: string; readonly bytes: number }
  | ({ readonly type: 'stage-progress'; readonly stage: string } & Progress & Speed)
  /**
   * How much longer the run takes, by what its stages report and what is expected of the others; told once a second at
   * most, while stages run.
   */
  | {
      readonly type: 'run-progress'
      readonly leftMs: number
      /** Stages that run or will, of which nothing is known; they count as taking no time, or what they report. */
      readonly unknown: number
      /** Whether some of the stages may be cut off, so that it takes less. */
      readonly maybe: boolean
    }
  /** Whole lines that it has printed, on stdout or stderr. */
  | { readonly type: 'stage-printed'; readonly stage: string; readonly lines: readonly string[] }
  | {
      readonly type: 'stage-finished'
      readonly stage: string
      readonly kind: string
      readonly fingerprint: string
      readonly content: string
      readonly summary: Readonly<Record<string, Json>>
      readonly ms: number
      /** True when the bytes are those of the last run: whatever follows is cut off. */
      readonly unchanged: boolean
    }
  | ({
      readonly type: 'stage-failed'
      readonly stage: string
      readonly kind: string
      /** Since it started; 0 where it failed before. */
      readonly ms: number
      /** The file that changed while it ran, where that is all that was wrong. */
      readonly changed?: string
      /** Path of the file that holds what it printed, where it did. */
      readonly log?: string
    } & StageFailure)
  /**
   * Not run, because a stage that it reads failed or the run stopped at the first failure. `failed` is the stage that
   * failed, however far above; absent where the run stopped.
   */
  | { readonly type: 'stage-skipped'; readonly stage: string; readonly because: string; readonly failed?: string }
  /** Of stages that had started; `ms` from there. `resumable`: it has left a checkpoint to go on from. */
  | { readonly type: 'stage-interrupted'; readonly stage: string; readonly ms: number; readonly resumable: boolean }
  | { readonly type: 'warning'; readonly message: string }
  | {
      readonly type: 'run-finished'
      readonly run: string
      readonly ran: number
      readonly cached: number
      readonly failed: number
      readonly skipped: number
      readonly suite?: Sharing & { readonly outcomes: readonly CellOutcome[] }
      readonly interrupted: boolean
      readonly ms: number
      readonly at: string
    }

/** Where events go. Synchronous and never failing: a renderer may not stop a run. */
export type Emit = (event: RunEvent) => void

/** For the end of a switch over a union: a case that was forgotten does not compile. */
export const unreachable = (value: never): never => {
  throw new Error(`unreachable: ${JSON.stringify(value)}`)
}

export interface RunEstimate {
  /** CPU stages side by side that it was made for. */
  readonly jobs: number
  /** Where every stage that may be cut off is. */
  readonly leastMs: number
  /** Where none is. */
  readonly mostMs: number
  /** Stages that run or may, of which nothing is known; they count as taking no time. */
  readonly unknown: number
}
