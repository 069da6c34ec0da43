/** Features of two students on the same images, from which the least-squares start is computed. */
import type * as tf from '@tensorflow/tfjs'
import { numTokens } from '../../dsl/vit-config.js'
import type { Engine } from '../../engine/engine.js'
import { pixelSpec, stretches } from '../data/batches.js'
import type { Split } from '../data/dataset.js'
import { layoutOf, pack, slices } from '../model/layout.js'
import type { StoredModel } from '../model/model-files.js'
import type { StitchFeatures } from './stitch-start.js'
import { sizeOf, vitTensors } from '../model/vit-params.js'
import { vit } from '../model/vit.js'

/** Images a call. */
const BATCH = 100

/** What the outputs of `chosen` are for every image in `indices`: tokens `[n·T, d]` each. */
const tokensOf = async (
  engine: Engine,
  { config, values }: Pick<StoredModel, 'config' | 'values'>,
  chosen: (result: ReturnType<typeof vit>) => readonly tf.Tensor3D[],
  split: Split,
  indices: Int32Array,
): Promise<readonly Float32Array[]> => {
  const batch = Math.min(BATCH, indices.length)
  const layout = layoutOf(vitTensors(config))
  const compiled = await engine.compile(
    'features',
    ({ theta, pixels }) =>
      Object.fromEntries(
        chosen(vit(slices(layout, theta as tf.Tensor1D), config, pixels as tf.Tensor4D)).map((tokens, index) => [
          `tokens.${index}`,
          tokens,
        ]),
      ),
    { theta: { shape: [layout.size], dtype: 'float32' }, pixels: pixelSpec(config, batch) },
  )
  const theta = pack(layout, values)
  const rowSize = numTokens(config) * config.embedDim
  const features = Object.keys(compiled.outputs).map(() => new Float32Array(indices.length * rowSize))
  const pixels = new Float32Array(sizeOf(pixelSpec(config, batch).shape))
  const labels = new Int32Array(batch)
  for (const [part, { indices: places, rows }] of stretches(indices.length, batch).entries()) {
    split.gather(
      places.map((place) => indices[place]),
      pixels,
      labels,
    )
    const outputs = await compiled.run({ theta, pixels })
    features.forEach((feature, index) => {
      feature.set((outputs[`tokens.${index}`] as Float32Array).subarray(0, rows * rowSize), part * batch * rowSize)
    })
  }
  await compiled.release()
  return features
}

/** Output of every block of `front` and input of every block of `end`, all tokens of the images at `indices`. */
export const stitchFeatures = async (
  engine: Engine,
  front: Pick<StoredModel, 'config' | 'values'>,
  end: Pick<StoredModel, 'config' | 'values'>,
  split: Split,
  indices: Int32Array,
): Promise<StitchFeatures> => ({
  rows: indices.length * numTokens(front.config),
  frontOutputs: await tokensOf(engine, front, ({ blocks }) => blocks.map(({ map }) => map), split, indices),
  endInputs: await tokensOf(
    engine,
    end,
    ({ embedded, blocks }) => [embedded, ...blocks.slice(0, -1).map(({ map }) => map)],
    split,
    indices,
  ),
})
