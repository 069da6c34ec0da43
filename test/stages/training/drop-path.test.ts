import { expect } from 'chai'
import type * as tf from '@tensorflow/tfjs-core'
import { openEngine } from '../../../src/engine/choice/open.js'
import { layoutOf, pack, slices } from '../../../src/stages/tensors/named-tensors.js'
import { vitForward, vitLogits, vitTensors } from '../../../src/stages/model/vit.js'
import { dropRate, keepBatches, keepSpecs } from '../../../src/stages/training/drop-path.js'
import { tinyConfig } from '../model-stage-runs.js'
import { referenceVit, waveImage, waveModel } from '../reference-vit.js'

const CONFIG = tinyConfig(8)
const VALUES = waveModel(CONFIG, 2)
const RATE = { dropPath: 0.4, batchSize: 64 }
const MODELS = { one: { depth: 3 }, other: { depth: 5 } }
const PLACE = { epoch: 2, step: 7 }

describe('stochastic depth', () => {
  it("rises linearly from the first block's 0 to the last block's rate", () => {
    // timm: torch.linspace(0, 0.3, 4)
    expect([0, 1, 2, 3].map((index) => dropRate(0.3, index, 4))).to.deep.equal([
      0, 0.09999999999999999, 0.19999999999999998, 0.3,
    ])
    expect(dropRate(0.3, 0, 1)).to.equal(0)
  })

  for (const engineName of ['cpu', 'onnxruntime'] as const) {
    it(`takes branches out of the paths of single images on the engine ${engineName}`, async () => {
      const engine = await openEngine({ engine: engineName, device: 'cpu', threads: 1 })
      const layout = layoutOf(vitTensors(CONFIG))
      const compiled = await engine.compile(
        'vit',
        ({ theta, pixels, keep }) => {
          const params = slices(layout, theta as tf.Tensor1D)
          const given = [params, CONFIG, pixels as tf.Tensor4D, { keep: keep as tf.Tensor2D }] as const
          const { blocks, logits } = vitForward(...given)
          return { logits, alone: vitLogits(...given), att: blocks[2].att, map: blocks[1].map }
        },
        {
          theta: { shape: [layout.size], dtype: 'float32' },
          pixels: { shape: [2, 8, 8, 1], dtype: 'float32' },
          keep: { shape: [2, 6], dtype: 'float32' },
        },
      )
      const images = [waveImage(CONFIG), waveImage(CONFIG, 1)]
      const keeps = [
        [1, 1, 0, 1.25, 1.5, 0],
        [1, 1, 1.25, 0, 0, 1.5],
      ]
      const outputs = await compiled.run({
        theta: pack(layout, VALUES),
        pixels: Float32Array.from(images.flatMap((image) => [...image])),
        keep: Float32Array.from(keeps.flat()),
      })
      await engine.release()
      const expected = images.map((image, index) => referenceVit(CONFIG, VALUES, image, keeps[index]))
      const whole = referenceVit(CONFIG, VALUES, images[0])
      expect(Math.abs(whole.logits[0] - expected[0].logits[0])).to.be.greaterThan(1e-4)
      const compare = (name: string, values: readonly number[]): void =>
        values.forEach((value, i) => expect(outputs[name][i]).to.be.closeTo(value, 1e-5, `${name} ${i}`))
      const logits = expected.flatMap((result) => result.logits)
      compare('logits', logits)
      compare('alone', logits)
      // What a distillation compares is the attention's output, dropped or not.
      compare(
        'att',
        expected.flatMap(({ blocks }) => blocks[2].att.flat()),
      )
      compare(
        'map',
        expected.flatMap(({ blocks }) => blocks[1].map.flat()),
      )
    })
  }

  it('keeps a branch with its probability and makes up for what is dropped, image by image', () => {
    const batch = keepBatches(MODELS, RATE, 3)
    const counts = new Float64Array(6)
    const batches = 100
    let unlike = 0
    for (let step = 0; step < batches; step++) {
      const { 'keep.one': keep } = batch({ epoch: 0, step })
      for (let row = 0; row < 64; row++) {
        const factors = keep.subarray(6 * row, 6 * row + 6)
        factors.forEach((factor, column) => {
          const kept = Math.fround(1 / (1 - dropRate(0.4, Math.floor(column / 2), 3)))
          expect(factor === 0 || factor === kept, `${factor} in column ${column}`).to.equal(true)
          if (factor > 0) counts[column]++
        })
        if (factors[4] > 0 !== factors[5] > 0) unlike++
      }
    }
    const drawn = 64 * batches
    // Five standard deviations of a proportion over 6 400 draws.
    const close = (count: number, p: number) =>
      expect(count / drawn).to.be.closeTo(p, 5 * Math.sqrt((p * (1 - p)) / drawn))
    ;[1, 1, 0.8, 0.8, 0.6, 0.6].forEach((p, column) => close(counts[column], p))
    close(unlike, 2 * 0.4 * 0.6)
  })

  it('draws the same for the same place whatever was drawn before, and else for each model, place and seed', () => {
    const batch = keepBatches(MODELS, RATE, 3)
    const first = [...batch(PLACE)['keep.other']]
    batch({ epoch: 0, step: 0 })
    expect([...batch(PLACE)['keep.other']]).to.deep.equal(first)
    expect([...keepBatches({ other: { depth: 5 } }, RATE, 3)(PLACE)['keep.other']]).to.deep.equal(first)
    expect([...batch({ ...PLACE, step: 8 })['keep.other']]).to.not.deep.equal(first)
    expect([...batch({ ...PLACE, epoch: 3 })['keep.other']]).to.not.deep.equal(first)
    expect([...keepBatches(MODELS, RATE, 4)(PLACE)['keep.other']]).to.not.deep.equal(first)
    const twins = keepBatches({ a: { depth: 5 }, b: { depth: 5 } }, RATE, 3)(PLACE)
    expect(twins['keep.a']).to.not.deep.equal(twins['keep.b'])
  })

  it('leaves a batch as it is until the call after the next one', () => {
    const batch = keepBatches(MODELS, RATE, 3)
    const { 'keep.one': values } = batch(PLACE)
    const before = [...values]
    batch({ epoch: 2, step: 8 })
    expect([...values]).to.deep.equal(before)
  })

  it('is no input of a step where the rate is 0', () => {
    expect(keepSpecs(MODELS, RATE)).to.deep.equal({
      'keep.one': { shape: [64, 6], dtype: 'float32' },
      'keep.other': { shape: [64, 10], dtype: 'float32' },
    })
    expect(keepSpecs(MODELS, { ...RATE, dropPath: 0 })).to.deep.equal({})
    expect(keepBatches(MODELS, { ...RATE, dropPath: 0 }, 3)(PLACE)).to.deep.equal({})
  })
})
