import { expect } from 'chai'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs-core'
import * as Effect from 'effect/Effect'
import { openEngine } from '../../../src/engine/choice/open.js'
import type { Extension } from '../../../src/runtime/stage-contract.js'
import { linearTensors } from '../../../src/stages/tensors/named-tensors.js'
import { trainAndLeave } from '../../../src/stages/training/training.js'
import { newComponent, valuesOf } from '../../../src/stages/training/component.js'
import { artifactOf, bytesIn, ONNX, trainParams } from '../model-stage-runs.js'
import { tempFolder } from '../temp-folder.js'

describe('training that extends, where the state is the device’s', () => {
  const folder = tempFolder()

  /** Trains two layers in turn, their state kept as a device keeps it; gives what is left. */
  const train = async (name: string, epochs: number, extension?: Extension) => {
    const [outDir, checkpointDir] = [folder.file(name), folder.file(`${name}.checkpoint`)]
    for (const made of [outDir, checkpointDir]) mkdirSync(made)
    const opened = await openEngine(ONNX)
    const engine = Object.create(opened, { device: { value: 'webgpu' } }) as typeof opened
    const tensors = linearTensors('layer', 1, 1)
    const start = { 'layer.weight': Float32Array.of(1), 'layer.bias': Float32Array.of(0.5) }
    const components = ['a', 'b'].map((model) => newComponent(model, model, tensors, start))
    const training = {
      phase: 'train',
      train: trainParams({ epochs, batchSize: 2, accumulate: 2, emaDecay: 0.8, schedule: 'constant' }),
      seed: 3,
      images: 10,
      components,
      steps: components.map((component) => ({
        label: 'step',
        trained: [component],
        frozen: [],
        inputs: { x: { shape: [2, 1], dtype: 'float32' } } as const,
        weights: { square: 1 },
        loss: (
          models: Readonly<Record<string, Readonly<Record<string, tf.Tensor>>>>,
          { x }: Readonly<Record<string, tf.Tensor>>,
        ) => {
          const { 'layer.weight': weight, 'layer.bias': bias } = models[component.model]
          return {
            square: tf.mean(tf.square(tf.add(tf.mul(x, tf.reshape(weight, [1, 1])), bias))) as tf.Scalar,
          }
        },
      })),
      batch: async (indices: Int32Array) => ({ x: Float32Array.from(indices, (index) => index / 10) }),
    }
    const context = { outDir, checkpointDir, progress: () => {}, ...(extension && { extension }) }
    const summary = await Effect.runPromise(
      trainAndLeave(context, engine, training, (into) =>
        Effect.sync(() => {
          const values = components.map(({ model }) =>
            Object.values(valuesOf(components, model)).map(([value]) => value),
          )
          writeFileSync(join(into, 'values.json'), JSON.stringify(values))
          return { updates: components.map(({ updates }) => updates) }
        }),
      ),
    )
    await opened.release()
    return { bytes: bytesIn(outDir), summary, artifact: artifactOf(outDir) }
  }

  it('leaves the bytes of one that was never cut, and on its way those of shorter ones', async () => {
    const first = await train('first', 1)
    const left = new Map<number, object>()
    const deliver: Extension['deliver'] = Effect.fnUntraced(function* (at, leave) {
      mkdirSync(folder.file(`left ${at}`))
      left.set(at, yield* leave(folder.file(`left ${at}`)))
    })
    const whole = await train('whole', 4, { deliver })
    expect([...left.keys()]).to.deep.equal([1, 2, 3])
    const extended = await train('extended', 4, {
      from: { at: 1, artifact: first.artifact },
      deliver: () => Effect.void,
    })
    expect(extended.bytes).to.deep.equal(whole.bytes)
    expect(extended.summary).to.deep.equal(whole.summary)
    expect(bytesIn(folder.file('left 1'))).to.deep.equal(first.bytes)
    const third = await train('third', 3)
    expect(bytesIn(folder.file('left 3'))).to.deep.equal(third.bytes)
    expect(left.get(3)).to.deep.equal(third.summary)
    expect(third.bytes['values.json']).to.not.equal(whole.bytes['values.json'])
  })
})
