/** Features of two students on the same images, from which the least-squares start is computed. */
import type * as tf from '@tensorflow/tfjs'
import * as Effect from 'effect/Effect'
import { numTokens } from '../../dsl/vit-config.js'
import type { Engine } from '../../engine/engine.js'
import type { StageError } from '../../runtime/errors.js'
import { attemptAsync } from '../attempt-async.js'
import type { Split } from '../data/dataset.js'
import { compileForward, overSplit } from '../model/forward.js'
import { layoutOf, pack, slices } from '../model/layout.js'
import type { StoredModel } from '../model/model-files.js'
import type { StitchFeatures } from './stitch-start.js'
import type { Arrays } from '../training/step-definition.js'
import { vitTensors } from '../model/vit-params.js'
import { vit } from '../model/vit.js'

/** Images a call. */
const BATCH = 100

/** What the outputs of `chosen` are for every image in `indices`: tokens `[n·T, d]` each. */
const tokensOf = Effect.fnUntraced(function* (
  engine: Engine,
  { config, values }: Pick<StoredModel, 'config' | 'values'>,
  chosen: (result: ReturnType<typeof vit>) => readonly tf.Tensor3D[],
  split: Split,
  indices: Int32Array,
): Effect.fn.Return<readonly Float32Array[], StageError> {
  const layout = layoutOf(vitTensors(config))
  const forward = yield* attemptAsync(() =>
    compileForward(engine, {
      label: 'features',
      config,
      batch: Math.min(BATCH, indices.length),
      fixed: { theta: pack(layout, values) },
      fn: (pixels, { theta }) =>
        Object.fromEntries(
          chosen(vit(slices(layout, theta), config, pixels)).map((tokens, index) => [`tokens.${index}`, tokens]),
        ),
    }),
  )
  const rowSize = numTokens(config) * config.embedDim
  const features = Object.keys(forward.outputs).map(() => new Float32Array(indices.length * rowSize))
  const take = (outputs: Arrays, from: number, rows: number): void =>
    features.forEach((feature, index) => {
      feature.set((outputs[`tokens.${index}`] as Float32Array).subarray(0, rows * rowSize), from * rowSize)
    })
  yield* overSplit(forward, split, indices.length, take, indices)
  yield* attemptAsync(() => forward.release())
  return features
})

/** Output of every block of `front` and input of every block of `end`, all tokens of the images at `indices`. */
export const stitchFeatures = Effect.fnUntraced(function* (
  engine: Engine,
  front: Pick<StoredModel, 'config' | 'values'>,
  end: Pick<StoredModel, 'config' | 'values'>,
  split: Split,
  indices: Int32Array,
): Effect.fn.Return<StitchFeatures, StageError> {
  const frontOutputs = yield* tokensOf(engine, front, ({ blocks }) => blocks.map(({ map }) => map), split, indices)
  const inputsOf = ({ embedded, blocks }: ReturnType<typeof vit>) => [
    embedded,
    ...blocks.slice(0, -1).map(({ map }) => map),
  ]
  const endInputs = yield* tokensOf(engine, end, inputsOf, split, indices)
  return { rows: indices.length * numTokens(front.config), frontOutputs, endInputs }
})
