import { expect } from 'chai'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TeacherParams } from '../../../src/dsl/nodes.js'
import type { VitConfig } from '../../../src/dsl/vit-config.js'
import type { InputArtifact } from '../../../src/runtime/stage-contract.js'
import { Generator } from '../../../src/stages/data/random.js'
import { distill } from '../../../src/stages/distill.js'
import { loadOnEngine } from '../../../src/stages/load-model.js'
import { ScoreSum } from '../../../src/stages/model/measure.js'
import { openModel, writeModel } from '../../../src/stages/model/model-files.js'
import { pool } from '../../../src/stages/pool.js'
import { teacher } from '../../../src/stages/teacher.js'
import { writeSafetensors } from '../../../src/stages/tensors/safetensors.js'
import { adaptWeights, writtenShape } from '../../../src/stages/weights/adapt-weights.js'
import { readWeights } from '../../../src/stages/weights/read-weights.js'
import { weightFiles } from '../../../src/stages/weights/weight-files.js'
import {
  artifactOf,
  distillParams,
  failModelStage,
  runModelStage,
  teacherParams,
  trainParams,
} from '../model-stage-runs.js'
import { waveImage } from '../reference-vit.js'
import { tempFolder } from '../temp-folder.js'

interface Resampled {
  readonly resampled: readonly { readonly size: number; readonly logits: readonly (readonly number[])[] }[]
}

const FIXTURES = join(import.meta.dirname, '../../fixtures/pretrained')
const EXPECTED = JSON.parse(readFileSync(join(FIXTURES, 'expected.json'), 'utf8')) as Readonly<
  Record<string, Resampled>
>
const COUNT = 12

const openFixture = (name: string) => readWeights(weightFiles(join(FIXTURES, name)))

const START = { weightStart: { type: 'truncatedNormal', std: 0.02 }, seed: 3, role: 'teacher' } as const

describe('pretrained weights in a pipeline', () => {
  const folder = tempFolder()

  /** Colour images of noise in five classes; its mean and std are no model's. */
  const colours = (): InputArtifact => {
    const generator = Generator.from(1, 'colours')
    for (const name of ['train', 'test']) {
      writeSafetensors(folder.file(`${name}.safetensors`), {
        images: {
          shape: [COUNT, 8, 8, 3],
          data: Uint8Array.from({ length: COUNT * 192 }, () => generator.integer(256)),
        },
        labels: { shape: [COUNT], data: Int32Array.from({ length: COUNT }, () => generator.integer(5)) },
      })
    }
    const counts = { train: COUNT, test: COUNT, validation: 0 }
    const info = { imageSize: 8, channels: 3, numClasses: 5, mean: [0.1, 0.2, 0.3], std: [0.9, 0.8, 0.7], counts }
    writeFileSync(folder.file('dataset.json'), JSON.stringify(info))
    return artifactOf(folder.path)
  }
  const run = (name: string, changes: Partial<TeacherParams> = {}) => {
    const path = join(FIXTURES, name)
    const { config } = openFixture(name)
    const params = teacherParams({ model: config, weights: path, train: trainParams({ epochs: 0 }), ...changes })
    return { params, inputs: { data: colours() }, sources: weightFiles(path), outDir: join(folder.path, `of-${name}`) }
  }

  for (const name of ['timm-resampled', 'timm-resampled-deit3']) {
    it(`${name} have positions for larger and smaller images as timm gives them`, async () => {
      const weights = openFixture(name)
      for (const { size, logits } of EXPECTED[name].resampled) {
        const model: VitConfig = { ...weights.config, imageSize: size }
        writeModel(folder.path, model, adaptWeights(name, weights, { model, newHead: false, ...START }), {})
        const loaded = await loadOnEngine(folder.path)
        const answer = await loaded.logits(Float32Array.from([0, 1].flatMap((phase) => [...waveImage(model, phase)])))
        await loaded.release()
        logits.flat().forEach((value, at) => expect(answer[at]).to.be.closeTo(value, 1e-5))
      }
    })
  }

  it('are a teacher as they are, on pixels that are normalised as theirs were', async () => {
    const left = await runModelStage(teacher, run('timm-distilled'))
    const { metadata, config } = openModel(left, 'teacher')
    expect(metadata).to.deep.include({ mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] })
    const data = readFileSync(folder.file('test.safetensors'))
    const bytes = data.subarray(data.length - COUNT * 192)
    const model = await loadOnEngine(join(FIXTURES, 'timm-distilled'))
    const pixels = Float32Array.from(bytes, (byte, at) => (byte / 255 - model.mean![at % 3]) / model.std![at % 3])
    const sum = new ScoreSum()
    const labels = new Int32Array(
      data.buffer.slice(data.byteOffset + data.length - COUNT * 196, data.byteOffset + data.length - COUNT * 192),
    )
    sum.add(await model.logits(pixels), labels, COUNT, config.numClasses)
    await model.release()
    expect(left.summary['loss']).to.be.closeTo(sum.scores().loss, 1e-5)

    const { distillation: _, ...plain } = config
    const student = await runModelStage(distill, {
      params: distillParams({
        model: { ...plain, embedDim: 6 },
        positions: 'end',
        train: trainParams({ epochs: 1, batchSize: 4 }),
      }),
      inputs: { data: artifactOf(folder.path), teacher: left },
      outDir: folder.file('student'),
    })
    expect(openModel(student, 'student').metadata['mean']).to.deep.equal([0.485, 0.456, 0.406])
  })

  it('are not pooled with models that read other pixels', async () => {
    const small = await runModelStage(teacher, run('timm-deit'))
    const other = await runModelStage(teacher, run('transformers-vit'))
    const { message } = await failModelStage(pool, {
      params: { students: ['small', 'other'] },
      inputs: { small, other },
      outDir: folder.file('pool'),
    })
    expect(message).to.equal(
      'students of one pool must agree on the mean of their pixels: small has 0.485 0.456 0.406, other has 0.5 0.4 0.3',
    )
  })

  it('take a new head by the seed where that is wanted, also where they have none', () => {
    for (const name of ['timm-deit3', 'transformers-backbone']) {
      const weights = openFixture(name)
      const model = { ...weights.config, numClasses: 7 }
      const values = adaptWeights(name, weights, { model, newHead: true, ...START })
      expect(values['head.weight']).to.have.length(7 * 12)
      expect(values['head.bias'].every((value) => value === 0)).to.equal(true)
      expect(values['norm.weight']).to.equal(weights.values['norm.weight'])
      expect(() => adaptWeights(name, weights, { model, newHead: false, ...START })).to.throw(
        /(has no head|tells 5 classes apart), and the data have 7: write head: 'new'/,
      )
    }
  })

  it('are refused by a pipeline of another shape, with the shape to write', async () => {
    const { config } = openFixture('timm-deit3')
    const given = run('timm-deit3', { model: { ...config, numHeads: 2 } })
    expect((await failModelStage(teacher, given)).message).to.match(
      /its numHeads is 3, but the pipeline's model has 2: write \{ embedDim: 12, depth: 2, numHeads: 3, patchSize: 4, /,
    )
    expect(writtenShape(config)).to.equal(
      '{ embedDim: 12, depth: 2, numHeads: 3, patchSize: 4, mlpRatio: 2, layerScale: true, clsPosition: false }',
    )
  })

  it('of another library are refused where nothing says how pixels are normalised', async () => {
    const { message } = await failModelStage(teacher, run('transformers-with-teacher'))
    expect(message).to.match(/nothing says with which mean and std .* preprocessor_config\.json beside it would/)
  })
})
