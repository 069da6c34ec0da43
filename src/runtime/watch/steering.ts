/** How a run is steered from outside while it goes on, as `genepool watch` does after an edit. */
import type * as Effect from 'effect/Effect'
import * as Data from 'effect/Data'
import type { StageError, StoreError, UsageError } from '../errors.js'
import type { Prepared } from '../plan/prepare.js'
import type { ResolvedEngine } from '../services.js'
import type { Slots } from '../execute/slots.js'
import type { Store } from '../store/store.js'

/** Nobody wants this stage of this run any more: a newer run has taken its place. */
export class Withdrawn extends Data.TaggedError('Withdrawn') {}

export interface Steering {
  /** Called once when everything is known that can be known without running; what it takes, the run waits for. */
  readonly review: (prepared: Prepared, engine: ResolvedEngine) => Effect.Effect<void, UsageError | StoreError, Store>
  /** Called once before any stage asks for a slot, to take those that are not this run's to give. */
  readonly occupy: (slots: Slots) => Effect.Effect<void>
  /**
   * Raced with the stage of this name from before it begins: fails with Withdrawn when the stage is to end where it stands
   * (one that runs saves its checkpoint), with a StageError when it is to count as failed.
   */
  readonly leave: (stage: string) => Effect.Effect<never, Withdrawn | StageError>
}
