/**
 * What happens while watching, beside the events of the runs. With --json each is a line. Events of a run are lines
 * too, with two more keys: `round`, the number of the run within this watch, and `run`, its id in the records.
 */
import type { PlannedStage } from '../../runtime/events.js'
import type { FileChange } from '../../runtime/watch/watched-files.js'

/** A stage of an earlier round. */
export interface EarlierStage {
  readonly round: number
  readonly stage: string
}

export type WatchEvent =
  /** Files hold other bytes than before; what that means is planned now. */
  | { readonly type: 'watch-changed'; readonly files: readonly FileChange[]; readonly at: string }
  /** Whatever has changed, all stages are what they were: nothing is started, interrupted or run again. */
  | { readonly type: 'watch-unchanged'; readonly at: string }
  /** The definition cannot be run as it stands: that is waited out, and what runs goes on. */
  | {
      readonly type: 'watch-problem'
      readonly message: string
      readonly hint?: string
      readonly stack?: string
      readonly at: string
    }
  /** A new run begins. */
  | {
      readonly type: 'watch-planned'
      readonly round: number
      readonly pipeline: string
      readonly cached: number
      readonly run: number
      readonly maybe: number
      /** Those that are not cached. */
      readonly stages: readonly Pick<PlannedStage, 'stage' | 'status' | 'reasons'>[]
      /** Stages of earlier runs that the edit does not touch; this run takes their artifacts. */
      readonly goOn: readonly EarlierStage[]
      readonly at: string
    }
  /** So many files are watched from here on, those of the newest plan included. */
  | { readonly type: 'watch-ready'; readonly files: number }
  /** Nothing runs any more. */
  | { readonly type: 'watch-waiting'; readonly files: number }
  | { readonly type: 'warning'; readonly message: string }
