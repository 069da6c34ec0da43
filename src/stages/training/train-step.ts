/** Training steps, ready to run. */
import type { Engine } from '../../engine/engine.js'
import type { UpdateParams } from './adamw.js'
import { openSplitSteps } from './split-step.js'
import type { Arrays, StepDefinition, Turn } from './step-definition.js'
import { startParts, stateParts, type Component } from './train-state.js'
import { openWholeSteps } from './whole-step.js'

export type { Arrays, Specs, StepDefinition } from './step-definition.js'

export interface StepResult {
  /** Parts of the batch's loss before the update, in the order of the definition's weights. */
  readonly parts: readonly number[]
  /**
   * Makes what was computed count, once: the last batch of an update changes the components, an earlier one is kept for it.
   * While it works the components are neither old nor new.
   */
  readonly commit: () => Promise<void>
}

export interface TrainStep {
  /** What a run changes: nothing before its `commit`, or the state on the device at once, so that a run has to be committed. */
  readonly updates: 'on commit' | 'at once'
  /**
   * One batch. With a turn its gradient and those of the same update's other batches, run and committed one after the other,
   * make an update by their mean; the first of them forgets whatever was gathered before. Left out: an update by itself.
   */
  readonly run: (lr: number, batch: Arrays, turn?: Turn) => Promise<StepResult>
}

/** Steps of one training: each changes some of the same components. */
export interface TrainSteps {
  readonly compile: (definition: StepDefinition) => Promise<TrainStep>
  /** Brings the components up to date with what the steps have computed. */
  readonly sync: () => Promise<void>
  readonly release: () => Promise<void>
}

/** Takes the components over: until `release` they belong to the steps. */
export const openSteps = async (
  engine: Engine,
  components: readonly Component[],
  optimiser: UpdateParams,
): Promise<TrainSteps> => {
  startParts(components, stateParts(optimiser))
  return engine.device === 'cpu'
    ? openSplitSteps(engine, components, optimiser)
    : openWholeSteps(engine, components, optimiser)
}

/** One step alone. After a commit its components are up to date. */
export const compileStep = async (
  engine: Engine,
  definition: StepDefinition,
  optimiser: UpdateParams,
): Promise<TrainStep> => {
  const steps = await openSteps(engine, [...definition.trained, ...definition.frozen], optimiser)
  const step = await steps.compile(definition)
  const run: TrainStep['run'] = async (lr, batch, turn) => {
    const result = await step.run(lr, batch, turn)
    const commit = async () => {
      await result.commit()
      await steps.sync()
    }
    return { ...result, commit }
  }
  return { ...step, run }
}
