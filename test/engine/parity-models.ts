/** The models whose results every engine must agree on, and one run of all that is compared. */
import { createHash } from 'node:crypto'
import type * as tf from '@tensorflow/tfjs-core'
import type { VitConfig } from '../../src/dsl/vit-config.js'
import type { Engine } from '../../src/engine/engine.js'
import { labelledSpecs } from '../../src/stages/data/dataset.js'
import { Generator } from '../../src/stages/data/random.js'
import { layoutOf, pack, slices, type NamedValues } from '../../src/stages/tensors/named-tensors.js'
import { vitLogits, vitTensors } from '../../src/stages/model/vit.js'
import { startVit } from '../../src/stages/model/weight-start.js'
import { crossEntropy } from '../../src/stages/training/losses.js'
import { newComponent } from '../../src/stages/training/component.js'
import { compileStep } from '../../src/stages/training/open-steps.js'
import type { StepDefinition } from '../../src/stages/training/train-step.js'
import { waveImage, waveModel } from '../stages/reference-vit.js'

const base = { numClasses: 10, mlpRatio: 4, layerNormEps: 1e-6 }

/** docs/method.md, section 8. */
export const fixture: VitConfig = {
  ...base,
  imageSize: 32,
  patchSize: 8,
  channels: 3,
  embedDim: 24,
  depth: 2,
  numHeads: 3,
}
export const fixtureLogits = [0.383032842, -0.4279680271, 0.3793665805, -0.2563228222]

export const models: Readonly<Record<string, VitConfig>> = {
  'd 24, depth 2, colour': fixture,
  'd 32, depth 3, 4 heads': { ...base, imageSize: 16, patchSize: 8, channels: 1, embedDim: 32, depth: 3, numHeads: 4 },
  'd 48, depth 2, 28×28 by 7': {
    ...base,
    imageSize: 28,
    patchSize: 7,
    channels: 1,
    embedDim: 48,
    depth: 2,
    numHeads: 3,
  },
}

const batch = 4
const batches = 5
export const steps = 20
const optimiser = { beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0.05 }

export const startValues = (config: VitConfig): NamedValues =>
  startVit(config, { type: 'xavierUniform', gain: 1 }, 1, 'parity')

/** Two images. */
export const images = (config: VitConfig): readonly [Float32Array, Float32Array] => [
  waveImage(config),
  waveImage(config, 1),
]

const logitsOf = async (
  engine: Engine,
  config: VitConfig,
  values: NamedValues,
  given: readonly Float32Array[],
): Promise<number[]> => {
  const layout = layoutOf(vitTensors(config))
  const { imageSize, channels } = config
  const compiled = await engine.compile(
    'logits',
    ({ theta, pixels }) => ({
      logits: vitLogits(slices(layout, theta as tf.Tensor1D), config, pixels as tf.Tensor4D),
    }),
    {
      theta: { shape: [layout.size], dtype: 'float32' },
      pixels: { shape: [given.length, imageSize, imageSize, channels], dtype: 'float32' },
    },
  )
  const pixels = Float32Array.from(given.flatMap((image) => [...image]))
  const { logits } = await compiled.run({ theta: pack(layout, values), pixels })
  await compiled.release()
  return [...logits]
}

/** Labelled noise, every batch its own. */
const drawBatches = (config: VitConfig) =>
  Array.from({ length: batches }, (_, index) => {
    const generator = Generator.from(index, 'parity')
    const size = config.imageSize ** 2 * config.channels
    const labels = new Float32Array(batch * config.numClasses)
    for (let row = 0; row < batch; row++) labels[row * config.numClasses + generator.integer(config.numClasses)] = 1
    return { pixels: Float32Array.from({ length: batch * size }, () => generator.normal()), labels }
  })

/** The project's own training step, ready to run on batches of its own. */
export const trainer = async (engine: Engine, config: VitConfig) => {
  const component = newComponent('model', 'model', vitTensors(config), startValues(config))
  const definition: StepDefinition = {
    label: 'step',
    trained: [component],
    frozen: [],
    inputs: labelledSpecs(config, batch),
    weights: { ce: 1 },
    loss: ({ model }, { pixels, labels }) => ({
      ce: crossEntropy(vitLogits(model, config, pixels as tf.Tensor4D), labels as tf.Tensor2D),
    }),
  }
  const step = await compileStep(engine, definition, optimiser)
  const drawn = drawBatches(config)
  return {
    component,
    /** The loss before the update. */
    step: async (index: number): Promise<number> => {
      const { parts, commit } = await step.run(1e-3, drawn[index % batches])
      await commit()
      return parts[0]
    },
  }
}

export interface Measured {
  readonly fixture: readonly number[]
  readonly models: Readonly<Record<string, ModelMeasured>>
}

export interface ModelMeasured {
  readonly logits: readonly number[]
  readonly losses: readonly number[]
  /** sha256 of the parameters after the last step. */
  readonly theta: string
}

/** Everything that is compared, on an open engine; only the models named, all without any. */
export const measure = async (engine: Engine, names: readonly string[] = Object.keys(models)): Promise<Measured> => {
  const measured: Record<string, ModelMeasured> = {}
  for (const name of names) {
    const config = models[name]
    const logits = await logitsOf(engine, config, startValues(config), images(config))
    const { component, step } = await trainer(engine, config)
    const losses: number[] = []
    for (let index = 0; index < steps; index++) losses.push(await step(index))
    const { theta } = component
    const bytes = new Uint8Array(theta.buffer, theta.byteOffset, theta.byteLength)
    measured[name] = { logits, losses, theta: createHash('sha256').update(bytes).digest('hex') }
  }
  const fixtureResult = await logitsOf(engine, fixture, waveModel(fixture), [waveImage(fixture)])
  return { fixture: fixtureResult.slice(0, fixtureLogits.length), models: measured }
}
