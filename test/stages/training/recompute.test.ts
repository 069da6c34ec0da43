import * as tf from '@tensorflow/tfjs-core'
import { expect } from 'chai'
import onnxProto from 'onnx-proto'
import { openEngine } from '../../../src/engine/choice/open.js'
import { traceToOnnx } from '../../../src/engine/onnx/trace.js'
import { distill, distillStep, startStudent } from '../../../src/stages/distill.js'
import { teacher } from '../../../src/stages/teacher.js'
import { stepFunction, stepSpecs } from '../../../src/stages/training/device-step.js'
import { compileStep } from '../../../src/stages/training/open-steps.js'
import type { StepDefinition } from '../../../src/stages/training/train-step.js'
import {
  bytesIn,
  distillParams,
  runModelStage,
  syntheticData,
  teacherParams,
  tinyConfig,
  trainParams,
} from '../model-stage-runs.js'
import { tempFolder } from '../temp-folder.js'

const DEPTH = 6
const TEACHER = tinyConfig(16, DEPTH)
const MODEL = { ...tinyConfig(8, DEPTH), layerScale: true } as const

/** A distillation that compares both outputs of a block, with dropped paths. */
const stepOf = (checkpointBlocks: boolean, batchSize = 2): StepDefinition => {
  const train = trainParams({ batchSize, dropPath: 0.5, checkpointBlocks })
  const params = distillParams({ model: MODEL, train })
  return distillStep(params, TEACHER, startStudent(params, TEACHER.embedDim))
}

const batchFor = ({ inputs }: StepDefinition): Record<string, Float32Array> =>
  Object.fromEntries(
    Object.entries(inputs).map(([name, { shape }], phase) => [
      name,
      Float32Array.from({ length: tf.util.sizeFromShape([...shape]) }, (_, i) => Math.abs(Math.sin(1.7 * i + phase))),
    ]),
  )

/** For each node of this operation in the traced step, whether it comes after the inputs of that name. */
const after = (definition: StepDefinition, op: string, input: string): readonly boolean[] => {
  const { bytes } = traceToOnnx('step', stepFunction(definition, trainParams()), stepSpecs(definition, trainParams()))
  const behind = new Map<string, boolean>([[input, true]])
  const nodes = onnxProto.onnx.ModelProto.decode(bytes).graph?.node ?? []
  return nodes.flatMap(({ opType, input: from, output }) => {
    const isBehind = (from ?? []).some((name) => behind.get(name) === true)
    for (const name of output ?? []) behind.set(name, isBehind)
    return opType === op ? [isBehind] : []
  })
}

describe('blocks that are computed again for their gradients', () => {
  const folder = tempFolder()

  for (const engineName of ['cpu', 'onnxruntime'] as const) {
    it(`leave the same bytes step by step on the engine ${engineName}`, async () => {
      const [kept, again] = await Promise.all(
        [false, true].map(async (checkpointBlocks) => {
          const engine = await openEngine({ engine: engineName, device: 'cpu', threads: 1 })
          const definition = stepOf(checkpointBlocks)
          const step = await compileStep(engine, definition, trainParams())
          const parts: number[][] = []
          for (let at = 0; at < 3; at++) {
            const result = await step.run(1e-2, batchFor(definition))
            await result.commit()
            parts.push([...result.parts])
          }
          await engine.release()
          return { parts, thetas: definition.trained.map(({ theta }) => theta.slice()) }
        }),
      )
      expect(again!.parts).to.deep.equal(kept!.parts)
      expect(again!.thetas).to.deep.equal(kept!.thetas)
    })
  }

  it('train a teacher and a student to the same bytes', async () => {
    const data = syntheticData(folder.file('data'))
    for (const train of [trainParams(), trainParams({ checkpointBlocks: true })]) {
      const name = String(train.checkpointBlocks)
      const taught = await runModelStage(teacher, {
        params: teacherParams({ train }),
        inputs: { data },
        outDir: folder.file(`teacher ${name}`),
      })
      await runModelStage(distill, {
        params: distillParams({ train }),
        inputs: { data, teacher: taught },
        outDir: folder.file(`student ${name}`),
      })
    }
    for (const stage of ['teacher', 'student']) {
      expect(bytesIn(folder.file(`${stage} true`)), stage).to.deep.equal(bytesIn(folder.file(`${stage} false`)))
    }
  })

  it('stand twice in a trace, the second time behind the loss, so that nothing runs or is kept too early', () => {
    expect(after(stepOf(false), 'Erf', 'labels')).to.deep.equal(Array.from({ length: DEPTH }, () => false))
    const erfs = after(stepOf(true), 'Erf', 'labels')
    expect(erfs).to.have.length(2 * DEPTH)
    expect(erfs.filter((isAfter) => isAfter)).to.have.length(DEPTH)
  })

  it('hold less than half the memory at their peak', async () => {
    const engine = await openEngine({ engine: 'cpu', device: 'cpu', threads: 1 })
    const peakOf = async (checkpointBlocks: boolean): Promise<number> => {
      const definition = stepOf(checkpointBlocks, 32)
      const inputs = batchFor({ ...definition, inputs: stepSpecs(definition, trainParams()) })
      const run = stepFunction(definition, trainParams())
      const { peakBytes } = await tf.profile(() => {
        const tensors = Object.entries(stepSpecs(definition, trainParams())).map(
          ([name, { shape }]) => [name, tf.tensor(inputs[name]!, [...shape])] as const,
        )
        return tf.tidy(() => Object.values(run(Object.fromEntries(tensors))))
      })
      return peakBytes
    }
    const [kept, again] = [await peakOf(false), await peakOf(true)]
    await engine.release()
    expect(again).to.be.lessThan(kept / 2)
  })
})
