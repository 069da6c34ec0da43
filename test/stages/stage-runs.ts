import * as Effect from 'effect/Effect'
import type { StageError } from '../../src/runtime/errors.js'
import type { InputArtifact, StageContext, StageFunction, StageSummary } from '../../src/runtime/stage-contract.js'

type Given<Params extends object> = Pick<StageContext<Params>, 'params' | 'outDir'> & {
  readonly inputs?: Readonly<Record<string, InputArtifact>>
  readonly sources?: Readonly<Record<string, string>>
}

const context = <Params extends object>(given: Given<Params>): StageContext<Params> => ({
  inputs: {},
  sources: {},
  checkpointDir: given.outDir,
  engine: { engine: 'cpu', device: 'cpu', threads: 1 },
  progress: () => {},
  ...given,
})

/** Runs a stage as the worker does and gives its summary. */
export const runStage = <Params extends object>(
  stage: StageFunction<Params>,
  given: Given<Params>,
): Promise<StageSummary> => Effect.runPromise(stage(context(given)))

/** Runs a stage that must fail and gives its error. */
export const failStage = <Params extends object>(
  stage: StageFunction<Params>,
  given: Given<Params>,
): Promise<StageError> => Effect.runPromise(Effect.flip(stage(context(given))))
