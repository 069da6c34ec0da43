/** The training step that the benchmarks time: the teacher stage's own. */
import type * as tf from '@tensorflow/tfjs'
import type { Engine } from '../src/engine/engine.js'
import { labelledSpecs } from '../src/stages/data/batches.js'
import { Generator } from '../src/stages/data/random.js'
import { vitTensors } from '../src/stages/model/vit-params.js'
import { vit, vitLogits } from '../src/stages/model/vit.js'
import { startVit } from '../src/stages/model/weight-start.js'
import { crossEntropy } from '../src/stages/training/losses.js'
import type { Arrays, StepDefinition } from '../src/stages/training/step-definition.js'
import { newComponent } from '../src/stages/training/train-state.js'
import { compileStep } from '../src/stages/training/train-step.js'
import type { BenchModel } from './models.js'

const optimiser = { beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0.05 }
const learningRate = 1e-3

/** Random pixels and labels. */
export const randomBatch = ({ config, batch }: BenchModel): Arrays => {
  const generator = Generator.from(1, 'bench')
  const pixels = Float32Array.from({ length: batch * config.imageSize ** 2 * config.channels }, () =>
    generator.normal(),
  )
  const labels = new Float32Array(batch * config.numClasses)
  for (let row = 0; row < batch; row++) labels[row * config.numClasses + generator.integer(config.numClasses)] = 1
  return { pixels, labels }
}

/** One step: forward, backward, AdamW. With `allTokens` the last block computes tokens that nothing reads, as PyTorch's does. */
export const trainingStep = async (
  engine: Engine,
  model: BenchModel,
  { allTokens = false } = {},
): Promise<() => Promise<void>> => {
  const { config, batch } = model
  const start = startVit(config, { type: 'xavierUniform', gain: 1 }, 1, 'bench')
  const logits = allTokens ? (...args: Parameters<typeof vit>) => vit(...args).logits : vitLogits
  const definition: StepDefinition = {
    label: 'step',
    trained: [newComponent('model', 'model', vitTensors(config), start)],
    frozen: [],
    inputs: labelledSpecs(config, batch),
    weights: { ce: 1 },
    loss: ({ model: params }, { pixels, labels }) => ({
      ce: crossEntropy(logits(params!, config, pixels as tf.Tensor4D), labels as tf.Tensor2D),
    }),
  }
  const step = await compileStep(engine, definition, optimiser)
  const values = randomBatch(model)
  return async () => (await step.run(learningRate, values)).commit()
}
