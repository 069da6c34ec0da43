/** Features of a student on some images, from which the least-squares start is computed. */
import * as Effect from 'effect/Effect'
import { numTokens } from '../../dsl/vit-config.js'
import type { Engine } from '../../engine/engine.js'
import type { StageError } from '../../runtime/errors.js'
import { attemptAsync } from '../attempt-async.js'
import type { Split } from '../data/dataset.js'
import { compileForward, overSplit } from '../model/forward.js'
import { layoutOf, pack, slices } from '../model/layout.js'
import type { StoredModel } from '../model/model-files.js'
import { vitTensors } from '../model/vit-params.js'
import { vit } from '../model/vit.js'
import type { Arrays } from '../training/step-definition.js'

/** Images a call. */
const BATCH = 100

/**
 * Tokens `[n·T, d]` of the images at `indices`, in evaluation mode: what goes into the first block, then what comes out of each.
 * So entry k goes into block k, and entry j + 1 comes out of block j.
 */
export const stitchFeatures = Effect.fnUntraced(function* (
  engine: Engine,
  { config, values }: Pick<StoredModel, 'config' | 'values'>,
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
      fn: (pixels, { theta }) => {
        const { embedded, blocks } = vit(slices(layout, theta), config, pixels)
        const features = [embedded, ...blocks.map(({ map }) => map)]
        return Object.fromEntries(features.map((tokens, index) => [`tokens.${index}`, tokens]))
      },
    }),
  )
  const rowSize = numTokens(config) * config.embedDim
  const features = Array.from({ length: config.depth + 1 }, () => new Float32Array(indices.length * rowSize))
  const take = (outputs: Arrays, from: number, rows: number): void =>
    features.forEach((feature, index) => {
      feature.set((outputs[`tokens.${index}`] as Float32Array).subarray(0, rows * rowSize), from * rowSize)
    })
  yield* overSplit(forward, split, indices.length, take, indices)
  yield* attemptAsync(() => forward.release())
  return features
})
