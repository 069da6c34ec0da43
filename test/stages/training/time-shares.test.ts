import * as tf from '@tensorflow/tfjs-core'
import { expect } from 'chai'
import { mkdirSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import * as Effect from 'effect/Effect'
import { openEngine } from '../../../src/engine/choice/open.js'
import { describeProgress } from '../../../src/cli/output/describe.js'
import type { Progress } from '../../../src/runtime/stage-contract.js'
import { linearTensors, type NamedTensors } from '../../../src/stages/tensors/named-tensors.js'
import { newComponent } from '../../../src/stages/training/component.js'
import { runTraining } from '../../../src/stages/training/training.js'
import { ONNX, trainParams } from '../model-stage-runs.js'
import { tempFolder } from '../temp-folder.js'

type Models = Readonly<Record<string, NamedTensors>>

describe('where the time of a training goes', () => {
  const folder = tempFolder()

  it('is told by what its steps wait for: images, the teacher, or nothing', async () => {
    const checkpointDir = folder.file('checkpoint')
    mkdirSync(checkpointDir)
    const engine = await openEngine(ONNX)
    const start = { 'layer.weight': Float32Array.of(1), 'layer.bias': Float32Array.of(0.5) }
    const component = newComponent('a', 'a', linearTensors('layer', 1, 1), start)
    const reports: Progress[] = []
    const training = {
      phase: 'train',
      train: trainParams({ epochs: 1, batchSize: 1 }),
      seed: 1,
      images: 6,
      components: [component],
      steps: [
        {
          label: 'step',
          trained: [component],
          frozen: [],
          inputs: { x: { shape: [1, 1], dtype: 'float32' } as const },
          weights: { ce: 1 },
          loss: ({ a }: Models, { x }: NamedTensors) => ({
            ce: tf.sum(tf.square(tf.add(tf.mul(x!, a!['layer.weight']!), a!['layer.bias']!))),
          }),
        },
      ],
      batch: async (_: Int32Array, __: unknown, imagesThere?: () => void) => {
        await wait(30)
        imagesThere?.()
        await wait(90)
        return { x: Float32Array.of(1) }
      },
    }
    const context = { checkpointDir, progress: (report: Progress) => void reports.push(report) }
    await Effect.runPromise(runTraining(context, engine, training as never))
    await engine.release()
    expect(reports[0]).to.not.have.property('shares')
    const { input, teacher, step } = reports.at(-1)!.shares!
    expect(input + teacher + step).to.be.closeTo(1, 1e-9)
    expect(teacher).to.be.greaterThan(input)
    expect(input).to.be.greaterThan(0.05)
  })

  it('is in the progress line where it is worth a word', () => {
    const line = (input: number, teacher: number) =>
      describeProgress({
        type: 'stage-progress',
        stage: 'distill/tiny',
        phase: 'distil',
        step: 5,
        steps: 10,
        validationTop1: 0.9714,
        imagesPerSecond: 812.3,
        shares: { input, teacher, step: 1 - input - teacher },
      })
    expect(line(0.021, 0.31)).to.equal(
      'distil  step 5/10  validation 97.14 %  812 images/s  waits 2 % for images, 31 % for teacher',
    )
    expect(line(0.004, 0)).to.equal('distil  step 5/10  validation 97.14 %  812 images/s')
  })
})
