import { expect } from 'chai'
import type * as tf from '@tensorflow/tfjs-core'
import type { Engine } from '../../../src/engine/engine.js'
import { openEngine } from '../../../src/engine/choice/open.js'
import { linear } from '../../../src/engine/operations.js'
import type { DecayGroup } from '../../../src/dsl/nodes.js'
import { sizeOfShape } from '../../../src/engine/host-values.js'
import { linearTensors, type NamedValues } from '../../../src/stages/tensors/named-tensors.js'
import type { UpdateParams } from '../../../src/stages/training/optimiser.js'
import { meanSquaredError } from '../../../src/stages/training/losses.js'
import { openHostSteps } from '../../../src/stages/training/host-step.js'
import { newComponent, startParts, stateParts, valuesOf } from '../../../src/stages/training/component.js'
import type { StepDefinition } from '../../../src/stages/training/train-step.js'
import { openDeviceSteps } from '../../../src/stages/training/device-step.js'

/**
 * Five batches of four rows, one learning rate, and two Linears, 3 → 2 → 1, that start as `sin(1.7 i + k)` for tensor
 * k.
 */
const BATCHES = 5
const LR = 0.05
const OPTIMISER: UpdateParams = { beta1: 0.9, beta2: 0.95, eps: 1e-3, weightDecay: 0.1 }

const waves = (length: number, phase: number): Float32Array =>
  Float32Array.from({ length }, (_, i) => Math.sin(1.7 * i + phase))

interface Case {
  readonly title: string
  readonly undecayed?: readonly DecayGroup[]
  readonly changes: Partial<UpdateParams>
  /** Both Linears' weights and biases after the last update, from PyTorch's AdamW in double precision. */
  readonly theta: readonly number[]
  /** Their running mean. */
  readonly mean?: readonly number[]
}

// prettier-ignore
const CASES: readonly Case[] = [
  {
    title: 'as they are',
    changes: {},
    theta: [
      -0.18971042, 0.81855508, -0.05514185, -0.71354105, 0.62952984, 0.58598872, 0.63261462, 0.63285825, 0.69773802,
      -0.35020892, -0.07188258,
    ],
  },
  {
    title: 'with biases that decay too',
    undecayed: [],
    changes: {},
    theta: [
      -0.18985418, 0.81839474, -0.0550103, -0.71341959, 0.62968419, 0.5858777, 0.61486854, 0.61923513, 0.69828646,
      -0.34947244, -0.07225547,
    ],
  },
  {
    title: 'with gradients clipped to norm 2: theirs were 6.0, 2.9, 1.8, 2.5 and 1.8',
    changes: { clipNorm: 2 },
    theta: [
      -0.17826552, 0.83690348, -0.0540985, -0.72176597, 0.61207213, 0.58193196, 0.60571488, 0.66066278, 0.67849527,
      -0.37702151, -0.09679561,
    ],
  },
  {
    title: 'of two batches each, and of the one that is left',
    changes: { accumulate: 2 },
    theta: [
      -0.12801583, 0.84582062, -0.11710098, -0.78452168, 0.61804604, 0.65267595, 0.6991012, 0.56907923, 0.74908365,
      -0.40999718, -0.00203276,
    ],
  },
  {
    title: 'with a running mean',
    changes: { emaDecay: 0.8 },
    theta: [
      -0.18971042, 0.81855508, -0.05514185, -0.71354105, 0.62952984, 0.58598872, 0.63261462, 0.63285825, 0.69773802,
      -0.35020892, -0.07188258,
    ],
    mean: [
      -0.09349245, 0.90863577, -0.15808228, -0.82173127, 0.55996279, 0.6951946, 0.74203329, 0.52565789, 0.80846704,
      -0.43754263, 0.04027062,
    ],
  },
  {
    title: 'with all of it: the norms of the windows were 4.6, 2.2 and 2.7',
    changes: { accumulate: 2, clipNorm: 2.5, emaDecay: 0.8 },
    theta: [
      -0.13364283, 0.85215024, -0.10895073, -0.7788354, 0.61153416, 0.6444088, 0.69372729, 0.57473859, 0.74899483,
      -0.41435026, -0.00650312,
    ],
    mean: [
      -0.04749799, 0.94051183, -0.20395034, -0.87363469, 0.53749481, 0.74425314, 0.78968377, 0.47903234, 0.85298023,
      -0.48738126, 0.08931428,
    ],
  },
]

/** The updates of these steps; the last window is shorter than the others where batches are accumulated. */
const train = async (engine: Engine, open: typeof openHostSteps | typeof openDeviceSteps, given: Case) => {
  const optimiser = { ...OPTIMISER, ...given.changes }
  const linears = [linearTensors('first', 2, 3), linearTensors('second', 1, 2)]
  const start: NamedValues = Object.fromEntries(
    linears.flat().map(({ name, shape }, k) => [name, waves(sizeOfShape(shape), k)]),
  )
  const components = linears.map((tensors, index) =>
    newComponent(`component ${index}`, 'model', tensors, start, { undecayed: given.undecayed ?? ['biases'] }),
  )
  const definition: StepDefinition = {
    label: 'step',
    trained: components,
    frozen: [],
    inputs: { x: { shape: [4, 3], dtype: 'float32' }, target: { shape: [4, 1], dtype: 'float32' } },
    weights: { mse: 1 },
    loss: ({ model }, { x, target }) => {
      const apply = (y: tf.Tensor, name: string) => linear(y, model[`${name}.weight`], model[`${name}.bias`])
      return { mse: meanSquaredError(apply(apply(x, 'first'), 'second'), target) }
    },
  }
  startParts(components, stateParts(optimiser))
  const steps = await open(engine, components, optimiser)
  const step = await steps.compile(definition)
  const window = optimiser.accumulate ?? 1
  for (let at = 0; at < BATCHES; at++) {
    const size = Math.min(window, BATCHES - (at - (at % window)))
    const batch = { x: waves(12, 10 + at), target: waves(4, 20 + at) }
    const { commit } = await step.run(LR, batch, { index: at % window, size })
    await commit()
  }
  await steps.sync()
  await steps.release()
  const inOrder = (values: NamedValues) => linears.flat().flatMap(({ name }) => [...values[name]])
  return {
    updates: components.map(({ updates }) => updates),
    theta: inOrder(
      valuesOf(
        components.map(({ mean: _, ...component }) => component),
        'model',
      ),
    ),
    result: inOrder(valuesOf(components, 'model')),
  }
}

const expectClose = (actual: readonly number[], expected: readonly number[]): void => {
  expect(actual.length).to.equal(expected.length)
  expected.forEach((value, index) => expect(actual[index]).to.be.closeTo(value, 2e-6, `value ${index}`))
}

describe('updates', () => {
  const ways = [
    ['by the host', openHostSteps],
    ['as one graph', openDeviceSteps],
  ] as const
  for (const [way, open] of ways) {
    for (const given of CASES) {
      it(`${way} are PyTorch's ${given.title}`, async () => {
        for (const engineName of ['cpu', 'onnxruntime'] as const) {
          const engine = await openEngine({ engine: engineName, device: 'cpu', threads: 1 })
          const { theta, result, updates } = await train(engine, open, given)
          await engine.release()
          expectClose(theta, given.theta)
          expectClose(result, given.mean ?? given.theta)
          const count = Math.ceil(BATCHES / (given.changes.accumulate ?? 1))
          expect(updates).to.deep.equal([count, count])
        }
      })
    }
  }
})
