import { expect } from 'chai'
import { copyFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadOnEngine } from '../../src/stages/load-model.js'
import { writeModel } from '../../src/stages/model/model-files.js'
import { writeSafetensors } from '../../src/stages/tensors/safetensors.js'
import { vitTensors } from '../../src/stages/model/vit.js'
import { tinyConfig } from './model-stage-runs.js'
import { referenceVit, waveImage, waveModel } from './reference-vit.js'
import { poolLogits, stitchedKinds, writeKind } from './stitched-kinds.js'
import { tempFolder } from './temp-folder.js'

const CONFIG = { ...tinyConfig(12, 2, 3), channels: 3 }
const VALUES = waveModel(CONFIG)

const rejection = (promise: Promise<unknown>): Promise<Error> =>
  promise.then(
    () => expect.fail('it was accepted'),
    (error: Error) => error,
  )

describe('a loaded model', () => {
  const folder = tempFolder()
  beforeEach(() => writeModel(folder.path, CONFIG, VALUES, { role: 'teacher' }))

  const writeConfig = (changes: object): void =>
    writeFileSync(folder.file('config.json'), JSON.stringify({ ...CONFIG, ...changes }))
  const rewrite = (edit: (tensors: Record<string, { shape: readonly number[]; data: Float32Array }>) => void): void => {
    const entries = vitTensors(CONFIG).map(({ name, shape }) => [name, { shape, data: VALUES[name] }] as const)
    const tensors: Record<string, { shape: readonly number[]; data: Float32Array }> = Object.fromEntries(entries)
    edit(tensors)
    writeSafetensors(folder.file('model.safetensors'), tensors)
  }

  it('answers one image and many as double precision does, from a folder and from a file of any name', async () => {
    const images = [0, 1, 2, 3, 4].map((phase) => waveImage(CONFIG, phase))
    const expected = images.map((image) => referenceVit(CONFIG, VALUES, image).logits)
    copyFileSync(folder.file('model.safetensors'), folder.file('other.safetensors'))
    for (const path of [folder.path, folder.file('other.safetensors')]) {
      const model = await loadOnEngine(path, { batchSize: 2 })
      expect(model.config).to.deep.equal(CONFIG)
      for (const count of [1, 5, 0, 2]) {
        const logits = await model.logits(Float32Array.from(images.slice(0, count).flatMap((image) => [...image])))
        const all = expected.slice(0, count).flat()
        expect(logits).to.have.length(all.length)
        all.forEach((value, i) => expect(logits[i]).to.be.closeTo(value, 1e-5))
      }
      await model.release()
    }
  })

  it('answers calls made at once', async () => {
    const model = await loadOnEngine(folder.path)
    const images = [0, 1, 2].map((phase) => waveImage(CONFIG, phase))
    const together = await Promise.all(images.map((image) => model.logits(image)))
    for (const [i, image] of images.entries()) {
      expect([...together[i]]).to.deep.equal([...(await model.logits(image))])
    }
    await model.release()
  })

  it('refuses a configuration with other heads than the weights were trained with', async () => {
    writeConfig({ numHeads: 4 })
    expect((await rejection(loadOnEngine(folder.path))).message).to.match(/numHeads is 4, but .* was trained with 3/)
  })

  it('says where the models are in a folder that holds several', async () => {
    writeModel(join(folder.path, 'pool', 'students', 'tiny'), CONFIG, VALUES, {})
    const { message } = await rejection(loadOnEngine(join(folder.path, 'pool')))
    expect(message).to.match(/no model\.safetensors; it holds the models .*students.tiny/)
  })

  it('refuses pixels that are no Float32Array', async () => {
    const model = await loadOnEngine(folder.path)
    expect((await rejection(model.logits([1, 2] as never))).message).to.match(/Float32Array/)
    await model.release()
  })

  it('refuses pixels that are not whole images', async () => {
    const model = await loadOnEngine(folder.path)
    const error = await rejection(model.logits(new Float32Array(193)))
    expect(error.message).to.equal('193 pixels are not whole images of 192')
    await model.release()
  })

  it('needs config.json, and the head count in it', async () => {
    writeConfig({ numHeads: undefined })
    const withoutHeads = await rejection(loadOnEngine(folder.path))
    expect(withoutHeads.message).to.include('config.json: numHeads must be a whole number above 0, not left out')
    rmSync(folder.file('config.json'))
    const without = await rejection(loadOnEngine(folder.path))
    expect(without.message).to.include('do not tell their head count')
  })

  it('refuses a head count that does not divide the width', async () => {
    writeConfig({ numHeads: 5 })
    expect((await rejection(loadOnEngine(folder.path))).message).to.include('numHeads 5 does not divide embedDim 12')
  })

  it('refuses weights of another shape than the configuration has, naming the tensor', async () => {
    writeConfig({ embedDim: 24 })
    expect((await rejection(loadOnEngine(folder.path))).message).to.match(
      /tensor cls_token is F32 \[1, 1, 12\], but .* needs numbers \[1, 1, 24\]/,
    )
  })

  it('refuses a missing tensor and a surplus one', async () => {
    rewrite((tensors) => delete tensors['blocks.1.mlp.fc1.bias'])
    expect((await rejection(loadOnEngine(folder.path))).message).to.include('tensor blocks.1.mlp.fc1.bias is missing')
    rewrite((tensors) => (tensors['head_dist.bias'] = { shape: [10], data: new Float32Array(10) }))
    expect((await rejection(loadOnEngine(folder.path))).message).to.include('has no tensor head_dist.bias')
  })

  it('refuses a path that is not there', async () => {
    expect((await rejection(loadOnEngine(folder.file('nothing')))).message).to.include(
      'there is no such file or folder',
    )
  })
})

describe('a descendant from the folder of a pool', () => {
  const folder = tempFolder()

  it('answers as the pool does, by name, by number and with another arrow', async () => {
    const kind = stitchedKinds['pair']!
    writeKind(folder.path, kind)
    const config = kind.models['tiny']!
    const pixels = Float32Array.from([0, 1].flatMap((phase) => [...waveImage(config, phase)]))
    const expected = await poolLogits(folder.path, 2, pixels)
    for (const [wish, id] of [
      ['base', 1],
      [4, 4],
      ['tiny[0..1] -> base[1..2]', 5],
    ] as const) {
      const model = await loadOnEngine(folder.path, { descendant: wish })
      expect(model.descendant?.id, String(wish)).to.equal(id)
      const logits = await model.logits(pixels)
      logits.forEach((value, i) => expect(value).to.be.closeTo(expected[id]![i]!, 1e-5))
      expect(model.mean).to.deep.equal([0.33])
      await model.release()
    }
  })

  it('is refused with the nearest names where there is no such one, or the pool is damaged', async () => {
    writeKind(folder.path, stitchedKinds['pair']!)
    const refusal = async (descendant?: number | string): Promise<string> =>
      (await rejection(loadOnEngine(folder.path, descendant === undefined ? {} : { descendant }))).message
    expect(await refusal()).to.match(/it holds 9 models; name a descendant: tiny, base, tiny\[0\.\.0\]→base\[0\.\.2\]/)
    expect(await refusal('tiny[0..1]→base[0..1]')).to.include(
      "there is no descendant 'tiny[0..1]→base[0..1]'; the nearest are tiny[0..1]→base[0..2]",
    )
    expect(await refusal(9)).to.match(/no descendant 9; they are numbered 0 to 8$/)
    writeFileSync(folder.file('students/tiny/config.json'), '{}')
    expect(await refusal(0)).to.match(/tiny.config\.json: .* left out$/)
    for (const damage of ['', '[]', '{"models":["../tiny"],"grid":{}}', '{"models":1}']) {
      writeFileSync(folder.file('grid.json'), damage)
      expect(await refusal(0), damage).to.match(/^.*: (grid\.json describes no stitched pool|the input)/)
    }
    writeModel(folder.file('pool/students/small'), CONFIG, VALUES, {})
    const small = await loadOnEngine(folder.file('pool'), { descendant: 'small' })
    expect(small.config).to.deep.equal(CONFIG)
    const other = await rejection(loadOnEngine(folder.file('pool'), { descendant: 'tiny' }))
    expect(other.message).to.match(/no model 'tiny' in this pool, which is not stitched; it holds small$/)
    const alone = await rejection(loadOnEngine(folder.file('pool/students/small'), { descendant: 'tiny' }))
    expect(alone.message).to.match(/is one model, not a pool/)
  })
})
