/**
 * A training step on the CPU: the batch is cut into equal parts, a thread (lane) of the engine computes the gradients
 * of each, and the host updates the parameters in place. Within a step only the lanes copy parameters or gradients.
 */
import { mapValues } from '../../base/objects.js'
import type { Engine, HostArrays, Lanes, TensorFunction, TensorSpec, TensorSpecs } from '../../engine/engine.js'
import { discard, sizeOfShape } from '../../engine/host-values.js'
import { oneLane } from '../../engine/one-lane.js'
import { type Component, parametersOf, partOfState, type StatePart, stateParts } from './component.js'
import { type HostUpdate, openHostUpdate, type GradientPiece } from './host-update.js'
import type { UpdateParams } from './optimiser.js'
import {
  type MicroBatch,
  partsAndGradients,
  type StepDefinition,
  type TrainStep,
  type TrainSteps,
  WHOLE_UPDATE,
} from './train-step.js'

/** Above so many parameters a batch stays whole: every part needs memory for parameters and gradients of its own. */
const WIDE = 30e6

/** Parts that a loss has at most. */
const MOST_LOSSES = 16

/**
 * How many parts a batch is cut into. A function of the training alone, never of the machine or its load: each part's
 * sums are rounded by themselves, so the number of parts shows in the result's last digits.
 */
const partsOfBatch = (components: readonly Component[], batch: number): number =>
  batch % 2 === 0 && parametersOf(components) <= WIDE ? 2 : 1

const slotName = (component: Component, tensor: string): string => `${component.name}:${tensor}`

/** Every tensor of the components as an input or output of its own. */
const slotSpecs = (components: readonly Component[]): TensorSpecs =>
  Object.fromEntries(
    components.flatMap((component) =>
      component.layout.slots.map(({ name, shape }): [string, TensorSpec] => [
        slotName(component, name),
        { shape, dtype: 'float32' },
      ]),
    ),
  )

/** Views of the components' tensors in flat vectors. */
const slotViews = (components: readonly Component[], flat: (component: Component) => Float32Array): HostArrays =>
  Object.fromEntries(
    components.flatMap((component) =>
      component.layout.slots.map(({ name, offset, size }) => [
        slotName(component, name),
        flat(component).subarray(offset, offset + size),
      ]),
    ),
  )

const GRADIENT = 'gradient of '

/** Parameters and a part of the batch → `parts` of the loss and the gradient of every trained tensor. */
const gradientFunction =
  (definition: StepDefinition): TensorFunction =>
  (inputs) => {
    const tensors = (components: readonly Component[]) => Object.keys(slotSpecs(components)).map((name) => inputs[name])
    const { trained, frozen } = definition
    const { parts, gradients } = partsAndGradients(definition, tensors(trained), tensors(frozen), inputs)
    return {
      parts,
      ...Object.fromEntries(Object.keys(slotSpecs(trained)).map((name, index) => [GRADIENT + name, gradients[index]])),
    }
  }

/** Moves the components' state to memory that the lanes can reach, if it is not there yet. */
const adopt = (components: readonly Component[], parts: readonly StatePart[], lanes: Lanes): void => {
  const reachable = lanes.allocate(0).buffer.constructor
  for (const component of components) {
    for (const part of parts) {
      const vector = partOfState(component, part)
      if (vector.buffer.constructor === reachable) continue
      const moved = lanes.allocate(component.layout.size)
      moved.set(vector)
      component[part] = moved
    }
  }
}

/** Inputs and outputs of one part of the batch; all steps of a training use the same arrays. */
interface PartArrays {
  readonly batch: (name: string, spec: TensorSpec) => Float32Array
  readonly losses: Float32Array
  readonly gradient: (component: Component) => Float32Array
}

const remembered = <Key>(make: (size: number) => Float32Array) => {
  const known = new Map<Key, Float32Array>()
  return (key: Key, size: number): Float32Array => {
    const value = known.get(key) ?? make(size)
    known.set(key, value)
    return value
  }
}

const partArrays = ({ allocate }: Lanes): PartArrays => {
  const [batches, gradients] = [remembered<string>(allocate), remembered<Component>(allocate)]
  return {
    batch: (name, { shape }) => batches(`${name} [${shape}]`, sizeOfShape(shape)),
    losses: allocate(MOST_LOSSES),
    gradient: (component) => gradients(component, component.layout.size),
  }
}

/** Components whole, each with its gradient from every part of the batch. */
const componentPieces = (trained: readonly Component[], parts: readonly PartArrays[]): readonly GradientPiece[] =>
  trained.map((component) => {
    const gradients = parts.map(({ gradient }) => gradient(component))
    return { component, offset: 0, size: component.layout.size, gradients }
  })

/** Tensors, each with its gradient from every part of the batch. */
const tensorPieces = (trained: readonly Component[], results: readonly HostArrays[]): readonly GradientPiece[] =>
  trained.flatMap((component) =>
    component.layout.slots.map(({ name, offset, size }) => {
      const gradients = results.map((result) => result[GRADIENT + slotName(component, name)] as Float32Array)
      return { component, offset, size, gradients }
    }),
  )

/** Steps whose components are the host's own arrays, which are always up to date. */
export const openHostSteps = (
  engine: Engine,
  components: readonly Component[],
  optimiser: UpdateParams,
): TrainSteps => {
  let shared: { readonly lanes: Lanes; readonly parts: readonly PartArrays[]; readonly update: HostUpdate } | undefined
  const sharedFor = ({ inputs }: StepDefinition) => {
    if (shared !== undefined) return shared
    const [batch] = Object.values(inputs).map(({ shape }) => shape[0])
    const count = partsOfBatch(components, batch ?? 1)
    // A batch in one part computes with all threads in one call instead.
    const lanes = count > 1 && engine.lanes !== undefined ? engine.lanes : oneLane(engine)
    adopt(components, stateParts(optimiser), lanes)
    const parts = Array.from({ length: count }, () => partArrays(lanes))
    shared = { lanes, parts, update: openHostUpdate(lanes, optimiser) }
    return shared
  }

  const compile = async (definition: StepDefinition): Promise<TrainStep> => {
    const { trained, frozen, weights } = definition
    const { lanes, parts, update } = sharedFor(definition)
    const inputs = mapValues(definition.inputs, ({ shape, dtype }) => ({
      shape: [shape[0] / parts.length, ...shape.slice(1)],
      dtype,
    }))
    const specs = { ...slotSpecs(trained), ...slotSpecs(frozen), ...inputs }
    const compiled = await lanes.compile(definition.label, gradientFunction(definition), specs)
    const parameters = slotViews([...trained, ...frozen], ({ theta }) => theta)
    const bound = parts.map((part) => {
      const batch = mapValues(inputs, (spec, name) => part.batch(name, spec))
      if (lanes.count === 1) return { batch, call: compiled.bind({ ...parameters, ...batch }, {}) }
      const losses = part.losses.subarray(0, Object.keys(weights).length)
      const gradients = Object.entries(slotViews(trained, part.gradient)).map(([name, view]) => [GRADIENT + name, view])
      const into = { parts: losses, ...(Object.fromEntries(gradients) as HostArrays) }
      return { batch, call: compiled.bind({ ...parameters, ...batch }, into) }
    })

    const commit = async (lr: number, results: readonly HostArrays[], microBatch: MicroBatch): Promise<void> => {
      if (lanes.count > 1) return await update(lr, trained, componentPieces(trained, parts), microBatch)
      await update(lr, trained, tensorPieces(trained, results), microBatch)
      for (const result of results) discard(Object.values(result))
    }

    const run: TrainStep['run'] = async (lr, batch, microBatch = WHOLE_UPDATE) => {
      bound.forEach((part, index) => {
        for (const [name, rows] of Object.entries(part.batch)) {
          rows.set(batch[name].subarray(index * rows.length, (index + 1) * rows.length))
        }
      })
      const results: HostArrays[] = []
      if (lanes.count > 1) results.push(...(await Promise.all(bound.map(({ call }) => call()))))
      else for (const { call } of bound) results.push(await call())
      const losses = results.map((result) => [...result['parts']])
      const means = losses[0].map((_, index) => losses.reduce((sum, one) => sum + one[index], 0) / losses.length)
      return { parts: means, commit: () => commit(lr, results, microBatch) }
    }
    return { updates: 'on commit', run }
  }
  return { compile, sync: async () => {}, release: async () => {} }
}
