/**
 * A training step on the CPU: the batch is cut into equal parts, the gradients of each are computed on a lane of the
 * engine, and the host updates the parameters in place. No parameter and no gradient is copied within a step but by the
 * lanes themselves.
 */
import { discard } from '../../engine/discard.js'
import type { Engine, TensorFunction, TensorSpec } from '../../engine/engine.js'
import { oneLane, type HostCall, type Lanes } from '../../engine/lanes.js'
import { sizeOf } from '../model/vit-params.js'
import { adamwScalars, type AdamwParams } from './adamw.js'
import { adamwInPlace, type AdamwStretch } from './adamw-host.js'
import { partsAndGradients } from './gradients.js'
import type { Arrays, Specs, StepDefinition } from './step-definition.js'
import type { Component } from './train-state.js'
import type { StepResult, TrainStep, TrainSteps } from './train-step.js'

/** Parameters above which a batch stays whole: every part has parameters and gradients of its own, and they are memory. */
const WIDE = 30e6
/** Fewer parameters are updated sooner than a thread is woken. */
const WORTH_A_THREAD = 20_000
/** Parts that a loss can have. */
const MOST_LOSSES = 16

const STATE = ['theta', 'm', 'v'] as const

const parametersOf = (components: readonly Component[]): number =>
  components.reduce((sum, { layout }) => sum + layout.size, 0)

/**
 * How many parts a batch is cut into. A function of the training alone, never of the machine or its load: the parts' sums
 * are rounded one by one, so their number shows in the last digits of the result.
 */
const partsOfBatch = (components: readonly Component[], batch: number): number =>
  batch % 2 === 0 && parametersOf(components) <= WIDE ? 2 : 1

const mapValues = <A, B>(record: Readonly<Record<string, A>>, f: (value: A, key: string) => B): Record<string, B> =>
  Object.fromEntries(Object.entries(record).map(([key, value]) => [key, f(value, key)]))

const slotName = (component: Component, tensor: string): string => `${component.name}:${tensor}`

/** Every tensor of the components as an input or output of its own. */
const slotSpecs = (components: readonly Component[]): Specs =>
  Object.fromEntries(
    components.flatMap((component) =>
      component.layout.slots.map(({ name, shape }): [string, TensorSpec] => [
        slotName(component, name),
        { shape, dtype: 'float32' },
      ]),
    ),
  )

/** Views of the components' tensors in flat vectors. */
const slotViews = (components: readonly Component[], flat: (component: Component) => Float32Array): Arrays =>
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
const adopt = (components: readonly Component[], lanes: Lanes): void => {
  const reachable = lanes.allocate(0).buffer.constructor
  for (const component of components) {
    for (const part of STATE) {
      if (component[part].buffer.constructor === reachable) continue
      const moved = lanes.allocate(component.layout.size)
      moved.set(component[part])
      component[part] = moved
    }
  }
}

/** Stretches of components, or of their tensors one by one, whole. */
type Stretches = readonly Omit<AdamwStretch, 'from' | 'to'>[]

/** The update in as many calls as there are lanes, each of a part of every stretch. */
const updateCalls = (lanes: Lanes, optimiser: AdamwParams, stretches: Stretches): readonly HostCall[] =>
  Array.from({ length: lanes.count }, (_, lane) => ({
    module: new URL('./adamw-host.js', import.meta.url).href,
    name: 'adamwInPlace',
    args: [
      optimiser,
      stretches.map((stretch) => {
        const border = (index: number) => Math.floor((stretch.theta.length * index) / lanes.count)
        return { ...stretch, from: border(lane), to: border(lane + 1) }
      }),
    ],
  }))

/** What one part of the batch is computed from and leaves; the steps of a training use the same arrays in turn. */
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
    batch: (name, { shape }) => batches(`${name} [${shape}]`, sizeOf(shape)),
    losses: allocate(MOST_LOSSES),
    gradient: (component) => gradients(component, component.layout.size),
  }
}

/** What the parts' gradients are, once all of them are computed. */
const stretchesOf = (
  trained: readonly Component[],
  optimiser: AdamwParams,
  lr: number,
  gradients: (component: Component) => readonly Float32Array[],
): Stretches =>
  trained.map((component) => {
    const { theta, m, v, layout, updates } = component
    const scalars = adamwScalars(optimiser, lr, updates + 1)
    return { theta, m, v, gradients: gradients(component), decayed: layout.decayed, scalars }
  })

/** The same for gradients that came tensor by tensor. */
const tensorStretchesOf = (
  trained: readonly Component[],
  optimiser: AdamwParams,
  lr: number,
  results: readonly Arrays[],
): Stretches =>
  stretchesOf(trained, optimiser, lr, () => []).flatMap(({ theta, m, v, decayed, scalars }, index) =>
    trained[index].layout.slots.map(({ name, offset, size }) => {
      const [part, moment, square] = [theta, m, v].map((flat) => flat.subarray(offset, offset + size))
      const gradients = results.map((result) => result[GRADIENT + slotName(trained[index], name)] as Float32Array)
      return { theta: part, m: moment, v: square, gradients, decayed: offset < decayed ? size : 0, scalars }
    }),
  )

/** Steps whose components are the host's own arrays: always up to date. */
export const openSplitSteps = (
  engine: Engine,
  components: readonly Component[],
  optimiser: AdamwParams,
): TrainSteps => {
  let shared: { readonly lanes: Lanes; readonly parts: readonly PartArrays[] } | undefined
  const sharedFor = ({ inputs }: StepDefinition) => {
    if (shared !== undefined) return shared
    const [batch] = Object.values(inputs).map(({ shape }) => shape[0]!)
    const count = partsOfBatch(components, batch ?? 1)
    // A batch in one part has every thread for itself.
    const lanes = count > 1 && engine.lanes !== undefined ? engine.lanes : oneLane(engine)
    adopt(components, lanes)
    shared = { lanes, parts: Array.from({ length: count }, () => partArrays(lanes)) }
    return shared
  }

  const compile = async (definition: StepDefinition): Promise<TrainStep> => {
    const { trained, frozen, weights } = definition
    const { lanes, parts } = sharedFor(definition)
    const inputs = mapValues(definition.inputs, ({ shape, dtype }) => ({
      shape: [shape[0]! / parts.length, ...shape.slice(1)],
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
      const into = { parts: losses, ...(Object.fromEntries(gradients) as Arrays) }
      return { batch, call: compiled.bind({ ...parameters, ...batch }, into) }
    })
    const inWhole = (stretches: Stretches): void =>
      adamwInPlace(
        optimiser,
        stretches.map((stretch) => ({ ...stretch, from: 0, to: stretch.theta.length })),
      )

    const commit = async (lr: number, results: readonly Arrays[]): Promise<void> => {
      if (lanes.count === 1) {
        inWhole(tensorStretchesOf(trained, optimiser, lr, results))
        for (const result of results) discard(Object.values(result))
      } else {
        const stretches = stretchesOf(trained, optimiser, lr, (component) =>
          parts.map(({ gradient }) => gradient(component)),
        )
        if (parametersOf(trained) < WORTH_A_THREAD) inWhole(stretches)
        else await lanes.call(updateCalls(lanes, optimiser, stretches))
      }
      for (const component of trained) component.updates++
    }

    const run = async (lr: number, batch: Arrays): Promise<StepResult> => {
      bound.forEach((part, index) => {
        for (const [name, rows] of Object.entries(part.batch)) {
          rows.set(batch[name].subarray(index * rows.length, (index + 1) * rows.length))
        }
      })
      const results: Arrays[] = []
      if (lanes.count > 1) results.push(...(await Promise.all(bound.map(({ call }) => call()))))
      else for (const { call } of bound) results.push(await call())
      const losses = results.map((result) => [...result['parts']])
      const means = losses[0].map((_, index) => losses.reduce((sum, one) => sum + one[index], 0) / losses.length)
      return { parts: means, commit: () => commit(lr, results) }
    }
    return { updates: 'on commit', run }
  }
  return { compile, sync: async () => {}, release: async () => {} }
}
