import { expect } from 'chai'
import type * as tf from '@tensorflow/tfjs-core'
import type { VitConfig } from '../../../src/dsl/vit-config.js'
import type { EngineName } from '../../../src/engine/request.js'
import { openEngine } from '../../../src/engine/choice/open.js'
import { layoutOf, pack, slices } from '../../../src/stages/tensors/named-tensors.js'
import { vitForward, vitLogits, vitTensors } from '../../../src/stages/model/vit.js'
import { referenceVit, waveImage, waveModel } from '../reference-vit.js'

const FIXTURE: VitConfig = {
  imageSize: 32,
  patchSize: 8,
  channels: 3,
  numClasses: 10,
  embedDim: 24,
  depth: 2,
  numHeads: 3,
  mlpRatio: 4,
  layerNormEps: 1e-6,
}

const OTHER: VitConfig = {
  ...FIXTURE,
  imageSize: 12,
  patchSize: 4,
  numClasses: 4,
  embedDim: 20,
  depth: 3,
  numHeads: 5,
  mlpRatio: 2,
  layerNormEps: 1e-3,
}

/** Logits and every feature for a batch of images, one array an output. */
const run = async (engineName: EngineName, config: VitConfig, off: number, images: readonly Float32Array[]) => {
  const engine = await openEngine({ engine: engineName, device: 'cpu', threads: 1 })
  const layout = layoutOf(vitTensors(config))
  const { imageSize, channels } = config
  const compiled = await engine.compile(
    'vit',
    (inputs) => {
      const params = slices(layout, inputs['theta'] as tf.Tensor1D)
      const pixels = inputs['pixels'] as tf.Tensor4D
      const { embedded, blocks, logits } = vitForward(params, config, pixels)
      const features = blocks.flatMap(({ att, map }, i) => [
        [`att${i}`, att],
        [`map${i}`, map],
      ])
      return { logits, logitsAlone: vitLogits(params, config, pixels), embedded, ...Object.fromEntries(features) }
    },
    {
      theta: { shape: [layout.size], dtype: 'float32' },
      pixels: { shape: [images.length, imageSize, imageSize, channels], dtype: 'float32' },
    },
  )
  const pixels = Float32Array.from(images.flatMap((image) => [...image]))
  const outputs = await compiled.run({ theta: pack(layout, waveModel(config, off)), pixels })
  await engine.release()
  return outputs
}

const expectClose = (actual: ArrayLike<number>, expected: readonly number[], tolerance: number): void => {
  expect(actual.length).to.equal(expected.length)
  expected.forEach((value, index) => expect(actual[index]).to.be.closeTo(value, tolerance, `element ${index}`))
}

describe('vision transformer', () => {
  it('the fixture has 19 810 parameters, decayed ones first', () => {
    const layout = layoutOf(vitTensors(FIXTURE))
    expect(layout.size).to.equal(19_810)
    const undecayed = layout.slots.filter(({ offset }) => offset >= layout.decayed).map(({ name }) => name)
    expect(undecayed).to.include.members([
      'cls_token',
      'pos_embed',
      'patch_embed.proj.bias',
      'norm.weight',
      'head.bias',
    ])
    expect(undecayed.some((name) => /(qkv|fc1|fc2|attn\.proj|head|embed\.proj)\.weight/.test(name))).to.equal(false)
  })

  for (const engine of ['cpu', 'onnxruntime'] as const) {
    it(`the fixture's first logits are the method's on the engine ${engine}`, async () => {
      const { logits } = await run(engine, FIXTURE, 0, [waveImage(FIXTURE)])
      expectClose(logits.subarray(0, 4), [0.383032842, -0.4279680271, 0.3793665805, -0.2563228222], 1e-6)
    })

    it(`features and logits of another width agree with double precision on the engine ${engine}`, async () => {
      const images = [waveImage(OTHER), waveImage(OTHER, 1)]
      const outputs = await run(engine, OTHER, 3, images)
      const expected = images.map((image) => referenceVit(OTHER, waveModel(OTHER, 3), image))
      const flat = (choose: (result: (typeof expected)[number]) => readonly (readonly number[])[]) =>
        expected.flatMap((result) => choose(result).flat())
      expectClose(
        outputs['logits'],
        expected.flatMap(({ logits }) => logits),
        1e-5,
      )
      expectClose(
        outputs['embedded'],
        flat(({ embedded }) => embedded),
        1e-5,
      )
      for (let i = 0; i < OTHER.depth; i++) {
        expectClose(
          outputs[`att${i}`],
          flat(({ blocks }) => blocks[i].att),
          1e-5,
        )
        expectClose(
          outputs[`map${i}`],
          flat(({ blocks }) => blocks[i].map),
          1e-5,
        )
      }
    })
  }
})
