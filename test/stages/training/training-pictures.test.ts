import { copyFileSync, mkdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect } from 'chai'
import * as Effect from 'effect/Effect'
import * as Fiber from 'effect/Fiber'
import sharp from 'sharp'
import { imageFolder } from '../../../src/index.js'
import { loadDataset } from '../../../src/load-dataset.js'
import type { InputArtifact } from '../../../src/runtime/stage-contract.js'
import { data } from '../../../src/stages/data.js'
import { imageAugmentation } from '../../../src/stages/data/augment.js'
import { labelledBatches, openDataset } from '../../../src/stages/data/dataset.js'
import { evaluationCrop } from '../../../src/stages/data/evaluation-crop.js'
import { type Decoder, decodePicture, type DecodedPicture } from '../../../src/stages/data/picture.js'
import { Generator } from '../../../src/stages/data/random.js'
import { dataSources, trainingSources } from '../../../src/stages/sources.js'
import { teacher } from '../../../src/stages/teacher.js'
import { checkout } from '../../support/workspace.js'
import {
  artifactOf,
  bytesIn,
  RECIPE,
  runModelStage,
  stageEffect,
  teacherParams,
  tinyConfig,
  trainParams,
} from '../model-stage-runs.js'
import { runStage } from '../stage-runs.js'
import { tempFolder } from '../temp-folder.js'

const UNMIXED = { ...RECIPE, mixup: 0, cutmix: 0 }

/** In the order of the artifact; of several sizes. */
const FILES = ['colour.jpg', 'tall.png', 'wide.jpg', 'grey16.png', 'alpha.webp', 'cmyk.jpg', 'small.png', 'palette.png']
const size = 24 * 24 * 3
const model = { ...tinyConfig(16), imageSize: 24, patchSize: 8, channels: 3, numClasses: 2 }

const fixture = (name: string): string => join(checkout, 'test/fixtures/pictures', name)
const decode = (name: string): Promise<DecodedPicture> =>
  decodePicture(sharp as unknown as Decoder, readFileSync(fixture(name)), {
    orientation: 'ignored',
    transparency: 'dropped',
  })

describe('training on pictures', () => {
  const folder = tempFolder()
  const node = (cropCache: number) => imageFolder('photos', 'photos', { numClasses: 2, imageSize: 24, cropCache })
  const decoder = (): string => trainingSources({ data: node(4) }, folder.path).decoder!

  const make = async (name: string, cropCache = 4): Promise<InputArtifact> => {
    FILES.forEach((file, index) => {
      const to = folder.file(`photos/${index < 4 ? 'a' : 'b'}/${index}${file.slice(file.indexOf('.'))}`)
      mkdirSync(dirname(to), { recursive: true })
      copyFileSync(fixture(file), to)
    })
    const { params } = node(cropCache)
    const outDir = folder.file(name)
    mkdirSync(outDir)
    await runStage(data, { params, outDir, sources: { ...dataSources(params, folder.path) } })
    return artifactOf(outDir)
  }

  it('reads the artifact alone, which holds the files byte for byte', async () => {
    const { files } = await make('data')
    const whole = Buffer.concat(FILES.map((name) => readFileSync(fixture(name))))
    expect(readFileSync(files['train.pictures']).equals(whole)).to.equal(true)
    expect(statSync(files['train.crops']).size).to.equal(FILES.length * size)
    expect(files).to.not.have.property('test.pictures')
  })

  it('augments each from its source, drawn by seed, epoch and picture, with any number of threads', async () => {
    const input = await make('data')
    const indices = [5, 0, 2, 3, 1, 7, 4, 6]
    const bytes: string[] = []
    for (const threads of [1, 2, 4]) {
      const split = openDataset(input, undefined, { decoder: decoder(), threads }).split('train')
      const batch = labelledBatches(split, model, 8, { augment: UNMIXED, seed: 3 })
      const { pixels } = await batch(Int32Array.from(indices), { epoch: 2, step: 0 })
      bytes.push(Buffer.from(pixels.slice().buffer).toString('hex'))
      if (threads > 1) continue
      // The same in another order, in another step.
      const one = pixels.slice(0, size)
      const again = await batch(Int32Array.of(0, 1, 2, 3, 4, 5, 6, 7), { epoch: 2, step: 9 })
      expect(again.pixels.slice(5 * size, 6 * size)).to.deep.equal(one)
      const shape = { height: 24, width: 24, channels: 3 }
      const augment = imageAugmentation(UNMIXED, shape, split)
      for (const [index, name] of FILES.entries()) {
        const expected = new Float32Array(size)
        const draws = Generator.from(3, 'augment', '2', 'picture', String(index), '0')
        augment({ ...(await decode(name)), offset: 0 }, expected, 0, draws)
        expect(again.pixels.slice(index * size, (index + 1) * size), name).to.deep.equal(expected)
      }
      const later = await batch(Int32Array.from(indices), { epoch: 3, step: 0 })
      expect(later.pixels.slice(0, size)).to.not.deep.equal(one)
      const repeated = labelledBatches(split, model, 4, { augment: { ...UNMIXED, repeats: 2 }, seed: 3 })
      const twice = await repeated(Int32Array.of(3, 5, 5, 4), { epoch: 2, step: 1 })
      // The second of the picture that the batch before ended with, then both of the next one.
      expect(twice.pixels.slice(2 * size, 3 * size)).to.deep.equal(one)
      expect(twice.pixels.slice(size, 2 * size)).to.not.deep.equal(one)
    }
    expect(new Set(bytes).size).to.equal(1)
  })

  it('goes on after an interruption to the same bytes, whatever else is mixed in', async () => {
    const input = await make('data')
    const params = teacherParams({
      model,
      train: trainParams({ epochs: 3, batchSize: 2, augment: { ...RECIPE, repeats: 2 } }),
    })
    const given = (name: string) => ({
      params,
      inputs: { data: input },
      sources: { decoder: decoder() },
      outDir: folder.file(name),
    })
    await runModelStage(teacher, given('whole'))
    let reached = () => {}
    const there = new Promise<void>((resolve) => (reached = resolve))
    const progress = ({ phase, step }: { phase: string; step: number }) => {
      if (phase === 'train' && step === 6) reached()
    }
    const fiber = Effect.runFork(stageEffect(teacher, { ...given('parts'), progress }))
    await there
    await Effect.runPromise(Fiber.interrupt(fiber))
    expect(bytesIn(folder.file('parts'))).to.deep.equal({})
    await runModelStage(teacher, given('parts'))
    expect(bytesIn(folder.file('parts'))).to.deep.equal(bytesIn(folder.file('whole')))
  })

  it('without room for their crops makes these when they are needed, to the same bytes', async () => {
    const input = await make('data', 0)
    expect(input.files).to.not.have.property('train.crops')
    expect(input.files).to.have.property('test.crops')
    const dataset = openDataset(input, undefined, { decoder: decoder(), threads: 1 })
    const [pixels, labels] = [new Float32Array(2 * size), new Int32Array(2)]
    await dataset.split('train').gather([6, 1], pixels, labels)
    expect([...labels]).to.deep.equal([1, 0])
    const cropOf = evaluationCrop({ imageSize: 24, crop: 0.875, interpolation: 'bicubic' })
    for (const [row, name] of ['small.png', 'tall.png'].entries()) {
      const crop = cropOf(await decode(name))
      const expected = Array.from(crop, (value, at) => dataset.split('test').normalised[at % 3][value])
      expect([...pixels.subarray(row * size, (row + 1) * size)], name).to.deep.equal(expected)
    }
    const { split } = await loadDataset(folder.file('data'))
    expect(() => split('train').pixels(0, 1)).to.throw('holds the training pictures, but not their crops')
    expect(() => split('train').images).to.throw('holds the training pictures, but not their crops')
    expect(split('test').images.length).to.equal(FILES.length * size)
  })
})
