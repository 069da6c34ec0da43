/** Forward passes over the images of a split; where the engine has several threads (lanes), several calls at a time. */
import type * as tf from '@tensorflow/tfjs-core'
import * as Effect from 'effect/Effect'
import type { VitConfig } from '../../dsl/vit-config.js'
import type { Engine, HostArrays, TensorSpecs } from '../../engine/engine.js'
import { sizeOfShape } from '../../engine/host-values.js'
import { oneLane } from '../../engine/one-lane.js'
import { attempt, attemptAsync, type StageError } from '../../runtime/errors.js'
import { pixelSpec, type Split, stretches } from '../data/dataset.js'

interface ForwardDefinition {
  /** Names the function in errors. */
  readonly label: string
  readonly config: VitConfig
  /** Images a call. */
  readonly batch: number
  /** Inputs that stay the same, `[length]` each. */
  readonly fixed: Readonly<Record<string, Float32Array>>
  /** `pixels` `[batch, h, w, c]` and the fixed inputs → outputs whose rows belong to the images one by one. */
  readonly fn: (
    pixels: tf.Tensor4D,
    fixed: Readonly<Record<string, tf.Tensor1D>>,
  ) => Readonly<Record<string, tf.Tensor>>
}

/** A forward pass, ready to run. */
export interface Forward {
  readonly outputs: TensorSpecs
  readonly batch: number
  /** How many calls can be under way at a time. */
  readonly slots: number
  /** The outputs for the `batch` images at these places of the split. The slot's next call overwrites them. */
  readonly run: (slot: number, split: Pick<Split, 'gather'>, indices: ArrayLike<number>) => Promise<HostArrays>
  /** The same for given pixels `[batch, h, w, c]`, which are copied before it returns. */
  readonly runOn: (slot: number, pixels: Float32Array) => Promise<HostArrays>
  readonly release: () => Promise<void>
}

/** Compiles a forward pass, once for every call that can be under way at a time. */
export const compileForward = async (engine: Engine, definition: ForwardDefinition): Promise<Forward> => {
  const { label, config, batch, fn } = definition
  const lanes = engine.lanes ?? oneLane(engine)
  const fixed: Record<string, Float32Array> = {}
  for (const [name, values] of Object.entries(definition.fixed)) {
    fixed[name] = lanes.allocate(values.length)
    fixed[name].set(values)
  }
  const spec = pixelSpec(config, batch)
  const compiled = await lanes.compile(
    label,
    ({ pixels, ...others }) => fn(pixels as tf.Tensor4D, others as Record<string, tf.Tensor1D>),
    {
      pixels: spec,
      ...Object.fromEntries(
        Object.entries(fixed).map(([name, { length }]) => [name, { shape: [length], dtype: 'float32' } as const]),
      ),
    },
  )
  const slots = Array.from({ length: lanes.count }, () => {
    const pixels = lanes.allocate(sizeOfShape(spec.shape))
    const into = Object.fromEntries(
      Object.entries(compiled.outputs).map(([name, { shape }]) => [name, lanes.allocate(sizeOfShape(shape))]),
    )
    return { pixels, call: compiled.bind({ pixels, ...fixed }, into), labels: new Int32Array(batch) }
  })
  return {
    outputs: compiled.outputs,
    batch,
    slots: lanes.count,
    run: async (slot, split, indices) => {
      const { pixels, call, labels } = slots[slot]
      const filling = split.gather(indices, pixels, labels)
      if (filling !== undefined) await filling
      return await call()
    },
    runOn: async (slot, given) => {
      const { pixels, call } = slots[slot]
      pixels.set(given)
      return await call()
    },
    release: compiled.release,
  }
}

/**
 * Runs over `count` images: those at `places` of the split, or its first ones. `take` gets the outputs in the images'
 * order, whichever call finished first: the outputs of `rows` images, the first of which is number `from`.
 */
export const overSplit = Effect.fnUntraced(function* (
  forward: Forward,
  split: Split,
  count: number,
  take: (outputs: HostArrays, from: number, rows: number) => void,
  places?: Int32Array,
): Effect.fn.Return<void, StageError> {
  const parts = stretches(count, forward.batch)
  for (let first = 0; first < parts.length; first += forward.slots) {
    const wave = parts.slice(first, first + forward.slots)
    const results = yield* attemptAsync(() =>
      Promise.all(
        wave.map(({ indices }, slot) =>
          forward.run(slot, split, places === undefined ? indices : indices.map((index) => places[index])),
        ),
      ),
    )
    yield* attempt(() => {
      for (const [slot, outputs] of results.entries()) take(outputs, (first + slot) * forward.batch, wave[slot].rows)
    })
    yield* Effect.yieldNow
  }
})
