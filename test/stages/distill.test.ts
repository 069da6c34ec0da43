import { expect } from 'chai'
import { readFileSync } from 'node:fs'
import type { DistillLoss, DistillParams, LossPositions } from '../../src/dsl/nodes.js'
import type { Engine } from '../../src/engine/engine.js'
import { openEngine } from '../../src/engine/choice/open.js'
import * as Effect from 'effect/Effect'
import { readSafetensors } from '../../src/stages/tensors/safetensors.js'
import { openDataset } from '../../src/stages/data/dataset.js'
import { distill, distillStep, startStudent } from '../../src/stages/distill.js'
import { teacher } from '../../src/stages/teacher.js'
import { teacherOutputs } from '../../src/stages/training/teacher-outputs.js'
import { valuesOf } from '../../src/stages/training/component.js'
import { compileStep } from '../../src/stages/training/open-steps.js'
import {
  distillParams,
  runModelStage,
  syntheticData,
  teacherParams,
  tinyConfig,
  trainParams,
} from './model-stage-runs.js'
import { referenceVit, waveImage, waveModel } from './reference-vit.js'
import { tempFolder } from './temp-folder.js'

const TEACHER = { config: tinyConfig(16, 6), values: waveModel(tinyConfig(16, 6), 3) }
const STUDENT = tinyConfig(8, 6)

/** docs/method.md, section 2's table for depth 6, written down again. */
const POSITIONS: Readonly<Record<LossPositions, readonly number[]>> = {
  end: [5],
  'mid+end': [3, 5],
  'front+end': [1, 3, 5],
  every: [0, 1, 2, 3, 4, 5],
}

/** What the branches of the six blocks are multiplied by where paths are dropped. */
const KEEP = Float32Array.of(1, 1, 1.25, 0, 0, 1.25, 1.5, 1.5, 0, 0, 0, 2)

type Rows = readonly (readonly number[])[]

/** `Linear(D → d)` on every token. */
const transform = (rows: Rows, weight: Float32Array, bias: Float32Array): Rows =>
  rows.map((row) => Array.from(bias, (b, out) => row.reduce((sum, x, i) => sum + x * weight[out * row.length + i], b)))

const meanSquare = (a: Rows, b: Rows): number => {
  const flat = b.flat()
  return a.flat().reduce((sum, x, i) => sum + (x - flat[i]) ** 2, 0) / flat.length
}

const logSoftmax = (row: readonly number[]): number[] => {
  const normaliser = Math.log(row.reduce((sum, x) => sum + Math.exp(x), 0))
  return row.map((x) => x - normaliser)
}

describe('distillation', () => {
  const folder = tempFolder()
  let engine: Engine
  before(async () => {
    engine = await openEngine({ engine: 'onnxruntime', device: 'cpu', threads: 1 })
  })
  after(() => engine.release())

  const image = waveImage(STUDENT, 1)
  const taught = referenceVit(TEACHER.config, TEACHER.values, image)

  /** Parts of the loss for one image of class 2, from the engine and in double precision. */
  const partsOf = async (changes: Partial<DistillParams>) => {
    const params = distillParams({ model: STUDENT, train: trainParams({ batchSize: 1 }), ...changes })
    const state = startStudent(params, 16)
    const definition = distillStep(params, TEACHER.config, state)
    const step = await compileStep(engine, definition, params.train)
    const batch: Record<string, Float32Array> = {
      pixels: image,
      labels: Float32Array.of(0, 0, 1),
      'teacher.logits': Float32Array.from(taught.logits),
      ...(params.train.dropPath > 0 && { 'keep.student': KEEP }),
    }
    for (const name of Object.keys(definition.inputs)) {
      const [, feature, block] = name.split('.')
      if (block !== undefined) batch[name] = Float32Array.from(taught.blocks[Number(block)][feature as 'att'].flat())
    }
    const { parts } = await step.run(0, batch)
    const names = Object.keys(definition.weights)
    return {
      weights: definition.weights,
      parts: Object.fromEntries(names.map((name, i) => [name, parts[i]])),
      expected: reference(params, state),
    }
  }

  const reference = (params: DistillParams, state: ReturnType<typeof startStudent>): Record<string, number> => {
    const keep = params.train.dropPath > 0 ? KEEP : undefined
    const student = referenceVit(STUDENT, valuesOf([state.student], 'student'), image, keep)
    const matrices = valuesOf([...state.transforms.values()], 'transforms')
    const towardsTeacher = (name: 'att' | 'map', matrix: string, relative: boolean) =>
      POSITIONS[params.positions].reduce((sum, block, p) => {
        const found = transform(
          student.blocks[block][name],
          matrices[`${matrix}.${p}.weight`],
          matrices[`${matrix}.${p}.bias`],
        )
        const target = taught.blocks[block][name]
        const scale = meanSquare(
          target,
          target.map((row) => row.map(() => 0)),
        )
        return sum + meanSquare(target, found) / (relative ? scale : 1)
      }, 0)
    const feature = (name: 'att' | 'map') => {
      if (params.transforms === 'toTeacher')
        return towardsTeacher(name, name === 'map' ? 'reverse' : 'reverseAtt', true)
      return POSITIONS[params.positions].reduce((sum, block, p) => {
        const target = transform(
          taught.blocks[block][name],
          matrices[`${name}.${p}.weight`],
          matrices[`${name}.${p}.bias`],
        )
        return sum + meanSquare(student.blocks[block][name], target)
      }, 0)
    }
    const [s, t] = [student.logits, taught.logits].map(logSoftmax)
    const soft = s.reduce((sum, x, c) => sum - Math.exp(t[c]) * x, 0) / 3
    const parts = { ce: -s[2], soft, rep: feature('map'), att: feature('att') }
    return params.reverseTransforms ? { ...parts, reverse: towardsTeacher('map', 'reverse', false) } : parts
  }

  for (const positions of ['end', 'mid+end', 'front+end'] as const) {
    it(`every part of the loss is the method's with positions '${positions}'`, async () => {
      const { parts, expected } = await partsOf({ positions })
      expect(Object.keys(parts)).to.have.members(['ce', 'soft', 'rep', 'att'])
      for (const [name, value] of Object.entries(parts)) expect(value, name).to.be.closeTo(expected[name], 1e-5)
    })
  }

  it('dropped paths are the student’s alone, and its attention is compared before it is dropped', async () => {
    const train = trainParams({ batchSize: 1, dropPath: 0.5 })
    const { parts, expected } = await partsOf({ train, positions: 'every' })
    for (const [name, value] of Object.entries(parts)) expect(value, name).to.be.closeTo(expected[name], 1e-5)
    const { parts: whole } = await partsOf({ positions: 'every' })
    expect(Math.abs(whole['rep'] - parts['rep'])).to.be.greaterThan(1e-3)
  })

  for (const loss of ['all', 'logits+rep'] as const) {
    it(`matrices to the teacher compare in its own space, relative to its scale, with loss '${loss}'`, async () => {
      const { parts, expected, weights } = await partsOf({ loss, transforms: 'toTeacher' })
      expect(weights).to.include({ ce: 0.1, rep: 0.9 })
      for (const [name, value] of Object.entries(parts)) expect(value / expected[name], name).to.be.closeTo(1, 1e-5)
    })
  }

  it('matrices of the other direction are trained beside it and leave the student as it would be', async () => {
    const { parts, expected, weights } = await partsOf({ reverseTransforms: true, positions: 'every' })
    expect(weights['reverse']).to.equal(1)
    expect(parts['reverse']).to.be.closeTo(expected['reverse'], 1e-4)
    const data = syntheticData(folder.file('beside'))
    const taughtBy = await runModelStage(teacher, {
      params: teacherParams(),
      inputs: { data },
      outDir: folder.file('b'),
    })
    const [without, beside] = await Promise.all(
      [false, true].map(async (reverseTransforms) => {
        const params = distillParams({ reverseTransforms })
        const outDir = folder.file(`reverse ${reverseTransforms}`)
        const { files } = await runModelStage(distill, { params, inputs: { data, teacher: taughtBy }, outDir })
        return files
      }),
    )
    const bytes = (files: Readonly<Record<string, string>>, name: string) => readFileSync(files[name])
    expect(bytes(beside, 'model.safetensors').equals(bytes(without, 'model.safetensors'))).to.equal(true)
    const names = (files: Readonly<Record<string, string>>) => [
      ...readSafetensors(files['transforms.safetensors']).tensors.keys(),
    ]
    expect(names(beside).filter((name) => name.startsWith('reverse.'))).to.have.lengthOf(6)
    expect(names(without).filter((name) => name.startsWith('reverse.'))).to.have.lengthOf(0)
  })

  const weights: readonly (readonly [DistillLoss, Readonly<Record<string, number>>])[] = [
    ['all', { ce: 0.25, soft: 0.75, rep: 0.75, att: 0.75 }],
    ['logits+rep', { ce: 0.25, soft: 0.75, rep: 0.75 }],
    ['logits', { ce: 0.25, soft: 0.75 }],
  ]
  for (const [loss, expected] of weights) {
    it(`loss '${loss}' weighs α and 1 − α, and trains only the matrices that it uses`, async () => {
      const result = await partsOf({ loss, alpha: 0.25 })
      expect(result.weights).to.deep.equal(expected)
      for (const [name, value] of Object.entries(result.parts)) {
        expect(value, name).to.be.closeTo(result.expected[name], 1e-5)
      }
    })
  }

  it('matrices that do not train leave a stage as they were when it began', async () => {
    const data = syntheticData(folder.file('data'))
    const taughtBy = await runModelStage(teacher, {
      params: teacherParams(),
      inputs: { data },
      outDir: folder.file('t'),
    })
    const run = async (name: string, changes: Partial<DistillParams>) => {
      const params = distillParams(changes)
      const { files } = await runModelStage(distill, {
        params,
        inputs: { data, teacher: taughtBy },
        outDir: folder.file(name),
      })
      return {
        transforms: readFileSync(files['transforms.safetensors']),
        model: readFileSync(files['model.safetensors']),
      }
    }
    const none = { train: trainParams({ epochs: 0 }) }
    const [start, frozen, trained] = [
      await run('start', none),
      await run('frozen', { trainTransforms: false }),
      await run('trained', {}),
    ]
    expect(frozen.transforms.equals(start.transforms)).to.equal(true)
    expect(trained.transforms.equals(start.transforms)).to.equal(false)
    expect(frozen.model.equals(start.model)).to.equal(false)
  })

  for (const threads of [1, 2]) {
    it(`the teacher's outputs computed once are bit for bit those of every batch, on ${threads} threads`, async () => {
      const several = await openEngine({ engine: 'onnxruntime', device: 'cpu', threads })
      const split = openDataset(syntheticData(folder.file('data'))).split('train')
      const wanted = { att: [1, 5], map: [3] }
      const answers = (epochs: number, budget?: number) => {
        const train = { batchSize: 16, epochs }
        return Effect.runPromise(teacherOutputs(several, TEACHER, wanted, split, train, () => {}, budget))
      }
      const [kept, oneEpoch, overBudget] = [await answers(2), await answers(1), await answers(2, 1_000)]
      for (const start of [0, 17]) {
        const indices = Int32Array.from({ length: 16 }, (_, i) => (start + i * 17) % 40)
        const once = await kept(indices)
        expect(Object.keys(once)).to.have.members(['teacher.logits', 'teacher.att.1', 'teacher.att.5', 'teacher.map.3'])
        expect(await oneEpoch(indices)).to.deep.equal(once)
        expect(await overBudget(indices)).to.deep.equal(once)
        const pixels = new Float32Array(16 * 64)
        split.gather(indices, pixels, new Int32Array(16))
        const { blocks } = referenceVit(TEACHER.config, TEACHER.values, pixels.subarray(9 * 64, 10 * 64))
        blocks[5].att.flat().forEach((value, i) => expect(once['teacher.att.5'][9 * 80 + i]).to.be.closeTo(value, 1e-5))
      }
      await several.release()
    })
  }
})
