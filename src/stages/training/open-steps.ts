/** Training steps on an engine: on the CPU the host updates the parameters, elsewhere the device does. */
import type { Engine } from '../../engine/engine.js'
import { type Component, startParts, stateParts } from './component.js'
import { openDeviceSteps } from './device-step.js'
import { openHostSteps } from './host-step.js'
import type { UpdateParams } from './optimiser.js'
import type { StepDefinition, TrainStep, TrainSteps } from './train-step.js'

/**
 * Opens the steps of a training. Until `release` only they may change the components, which are up to date after
 * `sync`.
 */
export const openSteps = async (
  engine: Engine,
  components: readonly Component[],
  optimiser: UpdateParams,
): Promise<TrainSteps> => {
  startParts(components, stateParts(optimiser))
  return engine.device === 'cpu'
    ? openHostSteps(engine, components, optimiser)
    : openDeviceSteps(engine, components, optimiser)
}

/** One step alone. After a commit its components are up to date. */
export const compileStep = async (
  engine: Engine,
  definition: StepDefinition,
  optimiser: UpdateParams,
): Promise<TrainStep> => {
  const steps = await openSteps(engine, [...definition.trained, ...definition.frozen], optimiser)
  const step = await steps.compile(definition)
  const run: TrainStep['run'] = async (lr, batch, microBatch) => {
    const result = await step.run(lr, batch, microBatch)
    const commit = async () => {
      await result.commit()
      await steps.sync()
    }
    return { ...result, commit }
  }
  return { ...step, run }
}
