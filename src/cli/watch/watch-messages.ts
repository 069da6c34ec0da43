/**
 * What passes between `genepool watch` and the process of one of its runs (a round), over the channel that Node opens
 * between the two. The channel's end is also how a round notices that nobody watches any more.
 */
import type { PlannedStage, RunEvent, StageFailure } from '../../runtime/events.js'
import type { FailurePolicy } from '../../runtime/execute/failure-policy.js'
import type { Reuse } from '../../runtime/fingerprint.js'
import type { ReachedFile } from '../../runtime/watch/watched-files.js'

export interface WatchRequest {
  readonly pipeline: string
  readonly store: string
  readonly engine: string
  readonly device: string
  readonly reuse: Reuse
  readonly jobs: number
  readonly policy: FailurePolicy
  readonly only?: string
  readonly verbose: boolean
}

/** Which slot a stage computes in. */
export interface SlotUse {
  /** The GPU's name; absent on the CPU. */
  readonly gpu?: string
  /** It computes alone. */
  readonly exclusive: boolean
}

export interface RoundStage extends PlannedStage {
  /** The same for two rounds in which the stage would compute the same (see `stageKeys`). */
  readonly key: string
  /** Of a stage that is to run and whose inputs are there. */
  readonly fingerprint?: string
  readonly slot: SlotUse
}

export interface RoundPlan {
  readonly pipeline: string
  /** The same for definitions between which nothing that counts has changed. */
  readonly signature: string
  readonly stages: readonly RoundStage[]
}

export interface Problem {
  readonly message: string
  readonly hint?: string
  readonly stack?: string
}

/** A slot that a stage of an earlier round still has. */
export interface Occupied extends SlotUse {
  readonly id: string
}

export type ToRound =
  | { readonly type: 'plan'; readonly request: WatchRequest }
  /** The plan that was told is to be run, beside stages of earlier rounds that occupy these slots. */
  | { readonly type: 'start'; readonly occupied: readonly Occupied[] }
  /** An earlier round has given this slot back. */
  | { readonly type: 'freed'; readonly id: string }
  /** A newer round takes over: running stages of these keys or fingerprints go on to their end, all others end now. */
  | { readonly type: 'supersede'; readonly keys: readonly string[]; readonly fingerprints: readonly string[] }
  /** A stage of this key, which went on in an earlier round, has failed there. */
  | { readonly type: 'failed'; readonly key: string; readonly failure: StageFailure }
  | { readonly type: 'end' }

export type FromRound =
  /** The definition has been loaded, and is planned now. */
  | { readonly type: 'loaded' }
  | { readonly type: 'planned'; readonly plan: RoundPlan }
  /** All that the definition and its stages read; after `planned` or `problem`. */
  | { readonly type: 'reads'; readonly files: readonly ReachedFile[] }
  /** The run is over: what its stages read besides when they were computed, and its plan's signature with that. */
  | { readonly type: 'traced'; readonly files: readonly ReachedFile[]; readonly signature: string }
  /** The definition cannot be run, or the store cannot be used. */
  | ({ readonly type: 'problem' } & Problem)
  | { readonly type: 'event'; readonly event: RunEvent }
  /** The answer to `supersede`: the stages that go on. */
  | { readonly type: 'superseded'; readonly goOn: readonly string[] }
  /** What a run prints at its end. */
  | { readonly type: 'table'; readonly text: string }
  | { readonly type: 'ended' }
