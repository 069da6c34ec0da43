import * as tf from '@tensorflow/tfjs-core'
import { expect } from 'chai'
import * as Effect from 'effect/Effect'
import * as Fiber from 'effect/Fiber'
import type { StageFunction } from '../../../src/runtime/stage-contract.js'
import { openEngine } from '../../../src/engine/choice/open.js'
import { distill } from '../../../src/stages/distill.js'
import { teacher } from '../../../src/stages/teacher.js'
import { linearTensors } from '../../../src/stages/tensors/named-tensors.js'
import { newComponent } from '../../../src/stages/training/component.js'
import { runTraining, type Training } from '../../../src/stages/training/training.js'
import {
  bytesIn,
  distillParams,
  ONNX,
  RECIPE,
  runModelStage,
  stageEffect,
  syntheticData,
  teacherParams,
  trainParams,
  type Given,
} from '../model-stage-runs.js'
import { tempFolder } from '../temp-folder.js'

const augment = { ...RECIPE, cropScale: 0.3 }
const train = trainParams({ augment, labelSmoothing: 0.1 })

/** Interrupts the stage in its second epoch, at the seventh of its ten steps. */
const interrupt = async <Params extends object>(stage: StageFunction<Params>, given: Given<Params>): Promise<void> => {
  let reached = () => {}
  const there = new Promise<void>((resolve) => (reached = resolve))
  const progress: Given<Params>['progress'] = ({ phase, step }) => {
    if (phase !== 'teacher' && step === 7) reached()
  }
  const fiber = Effect.runFork(stageEffect(stage, { ...given, progress }))
  await there
  await Effect.runPromise(Fiber.interrupt(fiber))
}

describe('training on augmented images', () => {
  const folder = tempFolder()

  it('a teacher and a student interrupted in mid-epoch go on to the same bytes', async () => {
    const data = syntheticData(folder.file('data'))
    const teaching = (name: string) => ({
      params: teacherParams({ train }),
      inputs: { data },
      outDir: folder.file(name),
    })
    const taught = await runModelStage(teacher, teaching('whole'))
    await interrupt(teacher, teaching('parts'))
    expect(bytesIn(folder.file('parts'))).to.deep.equal({})
    await runModelStage(teacher, teaching('parts'))
    expect(bytesIn(folder.file('parts'))).to.deep.equal(bytesIn(folder.file('whole')))

    const params = distillParams({ train })
    const distilling = (name: string) => ({ params, inputs: { data, teacher: taught }, outDir: folder.file(name) })
    await runModelStage(distill, distilling('student whole'))
    await interrupt(distill, distilling('student parts'))
    await runModelStage(distill, distilling('student parts'))
    expect(bytesIn(folder.file('student parts'))).to.deep.equal(bytesIn(folder.file('student whole')))
  })

  it('has each image so many times in a row where it is repeated, in an epoch of the same length', async () => {
    const engine = await openEngine(ONNX)
    const component = newComponent('layer', 'model', linearTensors('layer', 1, 1), {
      'layer.weight': Float32Array.of(1),
      'layer.bias': Float32Array.of(0),
    })
    const orders: number[][] = []
    const training: Training = {
      phase: 'train',
      train: trainParams({ epochs: 2, batchSize: 4, augment: { ...augment, repeats: 3 } }),
      seed: 3,
      images: 21,
      components: [component],
      steps: [
        {
          label: 'record',
          trained: [component],
          frozen: [],
          inputs: { x: { shape: [4, 1], dtype: 'float32' } },
          weights: { square: 1 },
          loss: ({ model }, { x }) => ({
            square: tf.mean(tf.square(tf.add(tf.mul(x, model['layer.weight']), model['layer.bias']))),
          }),
        },
      ],
      batch: async (indices, { epoch }) => {
        ;(orders[epoch] ??= []).push(...indices)
        return { x: Float32Array.of(1, 2, 3, 4) }
      },
    }
    await Effect.runPromise(runTraining({ checkpointDir: folder.file('c'), progress: () => {} }, engine, training))
    await engine.release()
    for (const order of orders) {
      // Five batches of four: six images three times, another twice.
      expect(order.length).to.equal(20)
      expect(new Set(order).size).to.equal(7)
      order.forEach((image, at) => expect(image).to.equal(order[at - (at % 3)]))
    }
    expect(orders[0]).to.not.deep.equal(orders[1])
  })

  it('gives other weights than training on the images as they are', async () => {
    const data = syntheticData(folder.file('data'))
    const trained = async (name: string, changes: Parameters<typeof trainParams>[0]) => {
      const params = teacherParams({ train: trainParams(changes) })
      await runModelStage(teacher, { params, inputs: { data }, outDir: folder.file(name) })
      return bytesIn(folder.file(name))['model.safetensors']
    }
    const all = [
      await trained('plain', {}),
      await trained('augmented', { augment }),
      await trained('smoothed', { labelSmoothing: 0.1 }),
    ]
    expect(new Set(all).size).to.equal(3)
  })
})
