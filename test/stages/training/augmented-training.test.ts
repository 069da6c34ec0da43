import { expect } from 'chai'
import * as Effect from 'effect/Effect'
import * as Fiber from 'effect/Fiber'
import type { AugmentParams } from '../../../src/dsl/nodes.js'
import type { StageFunction } from '../../../src/runtime/stage-contract.js'
import { distill } from '../../../src/stages/distill.js'
import { teacher } from '../../../src/stages/teacher.js'
import {
  bytesIn,
  distillParams,
  runModelStage,
  stageEffect,
  syntheticData,
  teacherParams,
  trainParams,
  type Given,
} from '../model-stage-runs.js'
import { tempFolder } from '../temp-folder.js'

const augment: AugmentParams = {
  cropScale: 0.3,
  flip: 0.5,
  randAugment: { operations: 2, magnitude: 9, std: 0.5 },
  colorJitter: 0.4,
  erasing: 0.25,
  mixup: 0.8,
  cutmix: 1,
  switchProbability: 0.5,
}
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
