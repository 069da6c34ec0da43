/**
 * Training steps for devices with a memory of their own: parameters and optimiser state stay there, and nothing but the batch
 * and the loss passes.
 */
import type { Engine } from '../../engine/engine.js'
import { stateOf, type StatefulFunction } from '../../engine/state.js'
import { adamwScalars, type AdamwScalars, type UpdateParams } from './adamw.js'
import { ALONE, type Arrays, type StepDefinition } from './step-definition.js'
import { scalarName, stateSlot, stateSlots, stepFunction, stepSpecs, type StepKind } from './step-function.js'
import { partOfState, stateParts, type Component } from './train-state.js'
import type { TrainStep, TrainSteps } from './train-step.js'

/** AdamW's scalars for the next update of every component. */
const scalarInputs = (trained: readonly Component[], optimiser: UpdateParams, lr: number): Arrays =>
  Object.fromEntries(
    trained.flatMap(({ name, updates }) => {
      const scalars = Object.entries(adamwScalars(optimiser, lr, updates + 1)) as [keyof AdamwScalars<number>, number][]
      return scalars.map(([scalar, value]) => [scalarName(scalar, name), Float32Array.of(value)] as const)
    }),
  )

/** Steps that take turns with one state on the device; the components on the host are as old as the last `sync`. */
export const openWholeSteps = async (
  engine: Engine,
  components: readonly Component[],
  optimiser: UpdateParams,
): Promise<TrainSteps> => {
  const support = stateOf(engine)
  const gathering = (optimiser.accumulate ?? 1) > 1
  const kept = components.flatMap((component) =>
    stateParts(optimiser).map((part) => ({ ...stateSlot(component, part), part })),
  )
  const sums = gathering ? components.map((component) => stateSlot(component, 'sum')) : []
  const state = support.open(
    Object.fromEntries(
      [...kept, ...sums].map(({ name, component }) => [
        name,
        { shape: [component.layout.size], dtype: 'float32' } as const,
      ]),
    ),
  )
  await state.set(Object.fromEntries(kept.map(({ name, component, part }) => [name, partOfState(component, part)])))
  await state.set(
    Object.fromEntries(sums.map(({ name, component }) => [name, new Float32Array(component.layout.size)])),
  )

  const compile = async (definition: StepDefinition): Promise<TrainStep> => {
    const { label, trained } = definition
    const compiled = new Map<StepKind, StatefulFunction>()
    const functionOf = async (kind: StepKind): Promise<StatefulFunction> => {
      const known = compiled.get(kind)
      if (known !== undefined) return known
      const names = stateSlots(definition, optimiser, kind).map(({ name }) => name)
      const made = await support.compile(
        label,
        stepFunction(definition, optimiser, kind),
        stepSpecs(definition, optimiser, kind),
        names,
      )
      compiled.set(kind, made)
      return made
    }
    await functionOf(gathering ? 'ends' : 'alone')

    const run: TrainStep['run'] = async (lr, batch, { index, size } = ALONE) => {
      const ends = index === size - 1
      const kind = gathering ? (ends ? 'ends' : 'gathers') : 'alone'
      const outputs = await (
        await functionOf(kind)
      ).run(state, {
        ...batch,
        ...(kind !== 'alone' && { carry: Float32Array.of(index === 0 ? 0 : 1) }),
        ...(kind === 'ends' && { share: Float32Array.of(1 / size) }),
        ...(kind !== 'gathers' && scalarInputs(trained, optimiser, lr)),
      })
      const commit = async () => {
        if (ends) for (const component of trained) component.updates++
      }
      return { parts: [...outputs['parts']], commit }
    }
    return { run, updates: 'at once' }
  }

  return {
    compile,
    sync: async () => {
      const values = await state.get(...kept.map(({ name }) => name))
      for (const { component, part, name } of kept) component[part] = values[name] as Float32Array
    },
    release: () => state.release(),
  }
}
