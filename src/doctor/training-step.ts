/** How long one training step takes, from which the time of a run follows. */
import type * as tf from '@tensorflow/tfjs-core'
import type { VitConfig } from '../dsl/vit-config.js'
import type { Engine } from '../engine/engine.js'
import { labelledSpecs } from '../stages/data/dataset.js'
import { Generator } from '../stages/data/random.js'
import { vitForward, vitLogits, vitTensors } from '../stages/model/vit.js'
import { startVit } from '../stages/model/weight-start.js'
import { crossEntropy } from '../stages/training/losses.js'
import { newComponent } from '../stages/training/component.js'
import { compileStep } from '../stages/training/open-steps.js'
import type { StepDefinition } from '../stages/training/train-step.js'

/** 17 tokens: 4 × 4 patches of a digit, and the class token. */
const config: VitConfig = {
  imageSize: 28,
  patchSize: 7,
  channels: 1,
  numClasses: 10,
  embedDim: 64,
  depth: 6,
  numHeads: 4,
  mlpRatio: 4,
  layerNormEps: 1e-6,
}
export const stepBatch = 64
const optimiser = { beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0.05 }
const learningRate = 1e-3

const warmUps = 3
const enoughSteps = 30
const enoughMs = 1_500

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]

interface StepModel {
  readonly config: VitConfig
  /** Images a step. */
  readonly batch: number
}

/**
 * The step of the stage teacher (forward, backward, AdamW) on random images. With `allTokens` the last block also
 * computes the tokens that nothing reads; with `recompute` blocks are computed again for their gradients.
 */
export const trainingStep = async (
  engine: Engine,
  { config, batch }: StepModel,
  { allTokens = false, recompute = false } = {},
): Promise<() => Promise<void>> => {
  const start = startVit(config, { type: 'xavierUniform', gain: 1 }, 1, 'step')
  const logits = allTokens ? (...args: Parameters<typeof vitForward>) => vitForward(...args).logits : vitLogits
  const definition: StepDefinition = {
    label: 'step',
    trained: [newComponent('model', 'model', vitTensors(config), start)],
    frozen: [],
    inputs: labelledSpecs(config, batch),
    weights: { ce: 1 },
    loss: ({ model }, { pixels, labels }) => ({
      ce: crossEntropy(logits(model, config, pixels as tf.Tensor4D, { recompute }), labels as tf.Tensor2D),
    }),
  }
  const step = await compileStep(engine, definition, optimiser)
  const generator = Generator.from(1, 'step')
  const size = batch * config.imageSize ** 2 * config.channels
  const pixels = Float32Array.from({ length: size }, () => generator.normal())
  const labels = new Float32Array(batch * config.numClasses)
  for (let row = 0; row < batch; row++) labels[row * config.numClasses + generator.integer(config.numClasses)] = 1
  return async () => (await step.run(learningRate, { pixels, labels })).commit()
}

/** Milliseconds of a step of the d 64 model with this many images: the median of those that fit into 1.5 s. */
export const timeStep = async (engine: Engine, batch: number): Promise<number> => {
  const step = await trainingStep(engine, { config, batch })
  const times: number[] = []
  const began = performance.now()
  for (let at = 0; at < warmUps + enoughSteps; at++) {
    const stepBegan = performance.now()
    await step()
    times.push(performance.now() - stepBegan)
    if (at >= warmUps && performance.now() - began > enoughMs) break
    // A machine this slow: what the first steps take longer does not matter.
    if (performance.now() - began > 4 * enoughMs) break
  }
  return median(times.length > warmUps ? times.slice(warmUps) : times.slice(-1))
}
