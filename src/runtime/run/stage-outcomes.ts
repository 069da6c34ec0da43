/** Stages side by side, each as soon as it is known of all that it reads whether it is there. */
import * as Deferred from 'effect/Deferred'
import * as Effect from 'effect/Effect'
import type { StageNode } from '../../dsl/nodes.js'
import type { PreparedStage } from '../plan/prepare.js'

export interface StageOutcomes {
  /** Whether its artifact is there, as soon as that is known; at once of a stage that is not settled here, because it was found. */
  readonly of: (node: StageNode) => Effect.Effect<boolean>
  /** Settles all of them; `settle` waits for what its stage reads. */
  readonly settleAll: <E, R>(
    stages: readonly PreparedStage[],
    settle: (stage: PreparedStage) => Effect.Effect<boolean, E, R>,
  ) => Effect.Effect<void, E, R>
}

export const makeOutcomes = (): StageOutcomes => {
  const outcomes = new Map<StageNode, Deferred.Deferred<boolean>>()
  return {
    of: (node) => {
      const outcome = outcomes.get(node)
      return outcome === undefined ? Effect.succeed(true) : Deferred.await(outcome)
    },
    settleAll: (stages, settle) => {
      for (const { node } of stages) outcomes.set(node, Deferred.makeUnsafe())
      return Effect.forEach(
        stages,
        (stage) =>
          settle(stage).pipe(Effect.flatMap((isThere) => Deferred.succeed(outcomes.get(stage.node)!, isThere))),
        { concurrency: 'unbounded', discard: true },
      )
    },
  }
}
