import { expect } from 'chai'
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { loadModel } from '../../src/load-model.js'
import type { ClassifiedPicture } from '../../src/stages/classify-pictures.js'
import { runCli } from '../support/cli.js'
import { checkout, workspaceForAll } from '../support/workspace.js'

const FIXTURES = join(checkout, 'test/fixtures/pretrained')

describe('genepool predict and bench', () => {
  const workspace = workspaceForAll()
  const predict = (...args: readonly string[]) => runCli(['predict', ...args], { cwd: workspace.path })

  before(() => {
    cpSync(join(FIXTURES, 'transformers-vit'), workspace.file('vit'), { recursive: true })
    cpSync(join(FIXTURES, 'timm-deit'), workspace.file('deit'), { recursive: true })
  })

  it('gives every picture the classes that the model gives its pixels, and tells of one that is damaged', async () => {
    // Of the model's own size: nothing is resized or cropped.
    const bytes = Buffer.from(Array.from({ length: 8 * 8 * 3 }, (_, at) => (at * 37) % 256))
    workspace.write('pictures/a.jpg', '\xff\xd8\xff')
    await sharp(bytes, { raw: { width: 8, height: 8, channels: 3 } }).toFile(workspace.file('pictures/b.png'))
    workspace.write('pictures/notes.txt', 'no picture')
    const { code, stdout } = await predict('vit', 'pictures', 'none.png', '--json', '--top', '2')
    const answers = stdout
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as ClassifiedPicture)
    expect([code, ...answers.map(({ image }) => image)]).to.deep.equal([
      1,
      'pictures/a.jpg',
      'pictures/b.png',
      'none.png',
    ])
    expect(answers[0]).to.have.property('error')
    expect(answers[2]).to.have.property('error', 'there is no such file')

    const model = await loadModel(workspace.file('vit'))
    const pixels = Float32Array.from(bytes, (byte, at) => (byte / 255 - model.mean![at % 3]!) / model.std![at % 3]!)
    const logits = [...(await model.logits(pixels))]
    const sum = logits.reduce((total, logit) => total + Math.exp(logit), 0)
    const best = logits.indexOf(Math.max(...logits))
    const [first, ...others] = (answers[1] as Extract<ClassifiedPicture, { top: unknown }>).top
    expect([first!.class, first!.name, others.length]).to.deep.equal([best, model.classNames![best], 1])
    expect(first!.probability).to.be.closeTo(Math.exp(logits[best]!) / sum, 1e-5)
    await model.release()
  })

  it('refuses in a sentence a model that is damaged or does not say how pixels are normalised', async () => {
    const config = workspace.file('deit/config.json')
    const stated = JSON.parse(readFileSync(config, 'utf8')) as { pretrained_cfg: Record<string, unknown> }
    delete stated.pretrained_cfg['mean']
    writeFileSync(config, JSON.stringify(stated))
    workspace.write('bad.onnx', 'no protobuf')
    const calls: readonly (readonly [args: readonly string[], says: RegExp])[] = [
      [['deit', 'pictures/b.png'], /^genepool: the model does not say how its pixels are normalised: --mean /],
      [['deit', 'pictures/b.png', '--mean', '0.5'], /^genepool: mean is 0\.5; the model has 3 channels/],
      [['bad.onnx', 'pictures/b.png'], /^genepool: bad\.onnx: is no ONNX model/],
    ]
    const answers = await Promise.all(calls.map(([args]) => predict(...args)))
    for (const [index, [args, says]] of calls.entries()) {
      const { code, stdout, stderr } = answers[index]!
      expect([code, stdout], args.join(' ')).to.deep.equal([2, ''])
      expect(stderr).to.match(says)
    }
  })

  it('measures a pass of every batch size, and refuses sizes that are none', async () => {
    const bench = (...args: readonly string[]) => runCli(['bench', 'vit', ...args], { cwd: workspace.path })
    const { stdout } = await bench(
      '--engine',
      'onnxruntime',
      '--device',
      'cpu',
      '--batch',
      '3,1',
      '--seconds',
      '0',
      '--json',
    )
    const lines = stdout.trim().split('\n')
    const rows = lines.map((line) => JSON.parse(line) as Readonly<Record<string, number>>)
    expect(rows.map(({ batch, engine }) => [batch, engine])).to.deep.equal([
      [1, 'onnxruntime'],
      [3, 'onnxruntime'],
    ])
    for (const { batch, lowerQuartileMs, medianMs, upperQuartileMs, imagesPerSecond, peakMemory } of rows) {
      expect(lowerQuartileMs! > 0 && lowerQuartileMs! <= medianMs! && medianMs! <= upperQuartileMs!).to.equal(true)
      expect(imagesPerSecond).to.be.closeTo((1000 * batch!) / medianMs!, 1e-6)
      expect(peakMemory).to.be.above(2 ** 25)
    }
    const refused = await bench('--batch', '1,0')
    expect([refused.code, refused.stdout]).to.deep.equal([2, ''])
    expect(refused.stderr).to.match(/^genepool: --batch is '1,0'; write whole numbers/)
  })
})
