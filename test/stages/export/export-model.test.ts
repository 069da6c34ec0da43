import { expect } from 'chai'
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs-core'
import onnxProto from 'onnx-proto'
import { openDataset } from '../../../src/stages/data/dataset.js'
import { exportModel, type MeasuredExport } from '../../../src/stages/export/export-model.js'
import { loadOnEngine } from '../../../src/stages/load-model.js'
import { openRunnable, type RunnableModel } from '../../../src/stages/runnable-model.js'
import { checkout, workspaceForAll } from '../../support/workspace.js'
import { bytesIn, syntheticData } from '../model-stage-runs.js'
import { waveImage } from '../reference-vit.js'
import { poolLogits, stitchedKinds, writeKind } from '../stitched-kinds.js'

/** Operators of other sets than ONNX's own would be named in its domain. */
const operators = (file: string) => onnxProto.onnx.ModelProto.decode(readFileSync(file))

const python = process.env['PYTHON'] ?? 'python3'
const hasPython = spawnSync(python, ['-c', 'import onnx, onnxruntime, torch, timm']).status === 0

describe('an exported model', () => {
  const workspace = workspaceForAll()
  const at = (name: string): string => workspace.file(name)
  const images = Float32Array.from(
    [0, 1, 2].flatMap((phase) => [...waveImage(stitchedKinds['pair']!.models['tiny']!, phase)]),
  )
  /** Folder of each export → the pool's logits. */
  const exported = new Map<string, Float32Array>()

  const write = async (
    model: RunnableModel,
    format: 'onnx' | 'safetensors',
    name: string,
    precision: 'fp32' | 'fp16' | 'int8' = 'fp32',
  ): Promise<MeasuredExport> => {
    mkdirSync(at(name), { recursive: true })
    return exportModel(model, {
      format,
      precision,
      folder: at(name),
      dataset: openDataset(syntheticData(at('data'), 4, 30)),
      split: 'test',
      provenance: { pipeline: 'made up', top1: 0.5 },
      progress: () => {},
      signal: new AbortController().signal,
    })
  }
  const logitsOf = async (path: string, pixels: Float32Array): Promise<Float32Array> => {
    const model = await loadOnEngine(path)
    const logits = await model.logits(pixels)
    await model.release()
    return logits
  }
  const expectClose = (found: ArrayLike<number>, wanted: Float32Array, what: string): void => {
    expect(found, what).to.have.length(wanted.length)
    wanted.forEach((value, i) => expect(found[i], what).to.be.closeTo(value, 1e-5))
  }

  it('answers as the pool does in every form of descendant, one image as many, and is the same bytes again', async () => {
    for (const [name, kind] of Object.entries(stitchedKinds)) {
      writeKind(at(name), kind)
      const pool = await poolLogits(at(name), 3, images)
      for (const wish of kind.descendants) {
        const model = openRunnable(at(name), wish)
        const { id } = model.descendant!
        for (const format of ['onnx', 'safetensors'] as const) {
          const folder = `${format} ${name} ${id}`
          const measured = await write(model, format, folder)
          const file = format === 'onnx' ? at(`${folder}/model.onnx`) : at(folder)
          const logits = await logitsOf(file, images)
          expectClose(logits, pool[id]!, folder)
          if (format === 'onnx') {
            expectClose(await logitsOf(file, images.subarray(64, 128)), logits.subarray(3, 6), folder)
          }
          expect(measured.largestDifference, folder).to.be.below(1e-5)
          expect(measured.images, folder).to.equal(30)
          exported.set(at(folder), pool[id]!)
        }
        const proto = operators(at(`onnx ${name} ${id}/model.onnx`))
        expect(proto.opsetImport.map(({ domain, version }) => [domain, Number(version)])).to.deep.equal([['', 17]])
        const named = proto.graph!.initializer!.map((tensor) => tensor.name)
        // All that it runs, by name, and nothing else of the pool.
        expect(named.slice(0, model.tensors.length).sort()).to.deep.equal(model.tensors.map((each) => each.name).sort())
      }
    }
    await write(openRunnable(at('pair'), 5), 'onnx', 'again')
    expect(bytesIn(at('again'))['model.onnx']).to.equal(bytesIn(at('onnx pair 5'))['model.onnx'])
    await write(openRunnable(at('onnx pair 5').replace('onnx', 'safetensors')), 'onnx', 'of an export')
    expectClose(await logitsOf(at('of an export/model.onnx'), images), exported.get(at('onnx pair 5'))!, 'again')
  })

  it('keeps its matrices in 16 or 8 bits, is smaller and close, and takes any number of images', async () => {
    const model = openRunnable(at('pair'), 5)
    const expected = exported.get(at('onnx pair 5'))!
    const whole = readFileSync(at('onnx pair 5/model.onnx')).length
    for (const [precision, share, near] of [
      ['fp16', 0.8, 1e-3],
      ['int8', 0.9, 0.02],
    ] as const) {
      const { files, largestDifference } = await write(model, 'onnx', precision, precision)
      expect(files['model.onnx']!.bytes / whole, precision).to.be.below(share)
      expect(largestDifference, precision).to.be.above(1e-7).and.below(near)
      const logits = await logitsOf(at(`${precision}/model.onnx`), images)
      logits.forEach((value, i) => expect(value, precision).to.be.closeTo(expected[i]!, near))
      exported.set(at(precision), logits)
    }
    const types = new Map(
      operators(at('int8/model.onnx')).graph!.initializer!.map((each) => [each.name, each.dataType]),
    )
    // A part of a weight that the last block multiplies by is one of its own.
    expect(types.get('base.blocks.2.attn.qkv.weight[16:48]_quantized')).to.equal(
      onnxProto.onnx.TensorProto.DataType.INT8,
    )
    expect(types.has('base.blocks.1.attn.qkv.weight')).to.equal(false)
  })

  it('is refused where it does not answer as the model does, and where it is damaged or foreign', async () => {
    const model = openRunnable(at('pair'), 0)
    let calls = 0
    const other: RunnableModel = {
      ...model,
      // What is written down is not what is run.
      logits: (params, pixels) => tf.add(model.logits(params, pixels), ++calls > 2 ? 0 : 0.01),
    }
    const sentence = (done: Promise<unknown>): Promise<string> =>
      done.then(
        () => expect.fail('it was accepted'),
        (error: Error) => error.message,
      )
    expect(await sentence(write(other, 'onnx', 'refused'))).to.match(
      /not answer as the model does: logits differ by 0\.01/,
    )
    const bytes = readFileSync(at('onnx pair 5/model.onnx'))
    for (const [damage, says] of [
      [bytes.subarray(0, 9_000), /is no ONNX model|does not take it/],
      [Buffer.from('<!doctype html>'), /is no ONNX model/],
      [Buffer.alloc(0), /is no ONNX model/],
      [
        Buffer.from(bytes.toString('latin1').replace('genepool-model-1', 'another-model-99'), 'latin1'),
        /only what genepool exported/,
      ],
    ] as const) {
      writeFileSync(at('damaged.onnx'), damage)
      expect(await sentence(loadOnEngine(at('damaged.onnx')))).to.match(says)
    }
  })

  if (hasPython) {
    it('passes the ONNX checker and answers alike in Python, by onnxruntime, timm and the loader of the docs', () => {
      writeFileSync(at('images.bin'), images)
      const script = join(checkout, 'test', 'fixtures', 'export', 'answer.py')
      const { stdout, stderr, status } = spawnSync(python, [script, at('images.bin'), ...exported.keys()], {
        encoding: 'utf8',
        env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' },
      })
      expect(status, stderr).to.equal(0)
      const answers = JSON.parse(stdout.trim().split('\n').at(-1)!) as Record<string, { by: string; logits: number[] }>
      for (const [folder, logits] of exported) expectClose(answers[folder]!.logits, logits, folder)
      expect(new Set(Object.values(answers).map(({ by }) => by))).to.have.all.keys('onnxruntime', 'timm', 'docs')
    }).timeout(120_000)
  }
})
