import { expect } from 'chai'
import * as Effect from 'effect/Effect'
import type { AugmentParams } from '../../../src/dsl/nodes.js'
import { openEngine } from '../../../src/engine/choice/open.js'
import { openDataset } from '../../../src/stages/data/dataset.js'
import { Generator } from '../../../src/stages/data/random.js'
import { startVit } from '../../../src/stages/model/weight-start.js'
import { teacherOutputs } from '../../../src/stages/training/teacher-outputs.js'
import { ONNX, syntheticData, tinyConfig } from '../model-stage-runs.js'
import { tempFolder } from '../temp-folder.js'

const config = tinyConfig(16)
const TEACHER = { config, values: startVit(config, { type: 'xavierUniform', gain: 1 }, 3, 'teacher') }
const WANTED = { att: [2], map: [0, 2] }
const augment: AugmentParams = {
  cropScale: 0.3,
  flip: 0.5,
  randAugment: null,
  colorJitter: 0,
  erasing: 0,
  mixup: 0,
  cutmix: 0,
  switchProbability: 0.5,
  repeats: 1,
}

describe("a teacher's answers to augmented images", () => {
  const folder = tempFolder()

  for (const threads of [1, 2]) {
    it(`are those to the pixels, whatever images they come from, on ${threads} threads`, async () => {
      const engine = await openEngine({ ...ONNX, threads })
      const split = openDataset(syntheticData(folder.file('data'))).split('train')
      const answers = (given: AugmentParams | null) => {
        const train = { batchSize: 6, epochs: 3, augment: given }
        return Effect.runPromise(teacherOutputs(engine, TEACHER, WANTED, split, train, () => {}))
      }
      const [augmented, plain] = [await answers(augment), await answers(null)]
      const [indices, pixels] = [Int32Array.of(31, 4, 15, 9, 2, 6), new Float32Array(6 * 64)]
      split.gather(indices, pixels, new Int32Array(6))
      const known = await plain(indices)
      // Unaugmented pixels: bit for bit what is computed of the split, though the indices say otherwise.
      expect(await augmented(Int32Array.of(0, 0, 0, 0, 0, 0), pixels)).to.deep.equal(known)

      const generator = Generator.from(1)
      const others = pixels.map((value) => value + generator.normal())
      const changed = await augmented(indices, others)
      expect(Object.keys(changed)).to.have.members([
        'teacher.logits',
        'teacher.att.2',
        'teacher.map.0',
        'teacher.map.2',
      ])
      for (const [name, values] of Object.entries(changed)) expect(values).to.not.deep.equal(known[name])
      // Rows are the batch's own, in its order.
      const one = others.slice()
      one.set(pixels.subarray(5 * 64), 5 * 64)
      const mixed = (await augmented(indices, one))['teacher.logits']
      expect(mixed.subarray(15)).to.deep.equal(known['teacher.logits'].subarray(15))
      expect(mixed.subarray(0, 15)).to.deep.equal(changed['teacher.logits'].subarray(0, 15))
      await engine.release()
    })
  }

  it('cannot be had without the pixels', async () => {
    const engine = await openEngine(ONNX)
    const split = openDataset(syntheticData(folder.file('data'))).split('train')
    const train = { batchSize: 6, epochs: 3, augment }
    const taught = await Effect.runPromise(teacherOutputs(engine, TEACHER, WANTED, split, train, () => {}))
    const error: unknown = await taught(Int32Array.of(0, 1, 2, 3, 4, 5)).catch((cause: unknown) => cause)
    expect(error).to.have.property('message', 'the teacher is asked about augmented images without them')
    await engine.release()
  })
})
