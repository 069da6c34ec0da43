import { expect } from 'chai'
import { cpSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import onnxProto from 'onnx-proto'
import { readSafetensors, writeSafetensors } from '../../src/stages/tensors/safetensors.js'
import type { Inspection } from '../../src/stages/weights/inspect-weights.js'
import { runCli } from '../support/cli.js'
import { checkout, workspaceForAll } from '../support/workspace.js'

const FIXTURES = join(checkout, 'test/fixtures/pretrained')

describe('genepool inspect', () => {
  const workspace = workspaceForAll()
  const inspect = (...args: readonly string[]) => runCli(['inspect', ...args], { cwd: workspace.path })

  it('prints the line that a definition needs, and what becomes of every tensor', async () => {
    cpSync(join(FIXTURES, 'transformers-vit'), workspace.file('vit'), { recursive: true })
    const { code, stdout, stderr } = await inspect('vit', '--image-size', '16')
    expect([code, stderr]).to.deep.equal([0, ''])
    const lines = stdout.split('\n')
    expect(lines[0]).to.equal(
      "pretrained('vit', { embedDim: 12, depth: 2, numHeads: 3, patchSize: 4, mlpRatio: 2, layerNormEps: 1e-12 })",
    )
    expect(lines[1]).to.match(/^a model of transformers's, .* parameters; 5 classes: ant, bee, cat, dog, emu$/)
    expect(lines[2]).to.equal('images 8 × 8 × 3, mean 0.5 0.4 0.3, std 0.2 0.3 0.4, crop 1, bilinear')
    expect(stdout).to.match(/\nresampled {2}pos_embed +\[1, 17, 12\] +F32 +vit\.embeddings\.position_embeddings\n/)
    expect(stdout).to.match(
      /\nfused {6}blocks\.0\.attn\.qkv\.bias +\[36\] +F32 +\S+query\.bias, \S+key\.bias, \S+value\.bias\n/,
    )
    expect(stdout.trim().split('\n').at(-1)).to.equal('32 tensors: 27 renamed, 1 resampled, 4 fused')
  })

  it('ends with 1 and says what is wrong where a tensor is missing or read by nothing', async () => {
    cpSync(join(FIXTURES, 'timm-deit'), workspace.file('deit'), { recursive: true })
    const file = workspace.file('deit', 'model.safetensors')
    const { tensors } = readSafetensors(file)
    tensors.set('reg_token', tensors.get('norm.bias')!)
    tensors.delete('norm.bias')
    writeSafetensors(file, tensors)
    const { code, stdout, stderr } = await inspect(file, '--json')
    expect(code).to.equal(1)
    expect(stderr.split('\n')[0]).to.equal('genepool: tensor norm.bias is missing')
    expect(stderr).to.match(/tensor reg_token \(register tokens\) is read by nothing/)
    const found = (JSON.parse(stdout) as Inspection).tensors.filter(({ problem }) => problem !== undefined)
    expect(found.map(({ fate, name }) => `${fate} ${name}`)).to.deep.equal(['missing norm.bias', 'unused reg_token'])
  })

  it('refuses what is no weights in a sentence', async () => {
    workspace.write('pointer.safetensors', 'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n')
    const { code, stdout, stderr } = await inspect('pointer.safetensors')
    expect([code, stdout]).to.deep.equal([2, ''])
    expect(stderr).to.match(/^genepool: pointer\.safetensors: is a Git LFS pointer/)
  })

  it('prints what is in an ONNX file of anybody, and refuses what is none in a sentence', async () => {
    const { ModelProto, TensorProto } = onnxProto.onnx
    const value = (name: string) => ({
      name,
      type: { tensorType: { elemType: 1, shape: { dim: [{ dimParam: 'batch' }, { dimValue: 2 }] } } },
    })
    const encode = (metadataProps: readonly { key: string; value: string }[]): Uint8Array =>
      ModelProto.encode({
        irVersion: 8,
        opsetImport: [{ domain: '', version: 17 }],
        metadataProps: [...metadataProps],
        graph: {
          node: [
            { opType: 'Relu', input: ['x'], output: ['r'] },
            { opType: 'MatMul', input: ['r', 'w'], output: ['y'] },
          ],
          input: [value('x')],
          output: [value('y')],
          initializer: [{ name: 'w', dims: [2, 2], dataType: TensorProto.DataType.FLOAT, rawData: new Uint8Array(16) }],
        },
      }).finish()
    const foreign = encode([{ key: 'licence', value: '\u001b[2J' }])
    writeFileSync(workspace.file('foreign.onnx'), foreign)
    writeFileSync(workspace.file('cut.onnx'), foreign.subarray(0, foreign.length - 9))
    const provenance = { key: 'provenance', value: '{}' }
    writeFileSync(workspace.file('false.onnx'), encode([provenance, { key: 'model', value: '{"format":1' }]))
    const [read, cut, untrue, none] = await Promise.all(
      ['foreign', 'cut', 'false', 'none'].map((name) => inspect(`${name}.onnx`)),
    )
    expect([read!.code, read!.stderr]).to.deep.equal([0, ''])
    expect(read!.stdout)
      .to.match(/^foreign\.onnx: ONNX, operator set 17, /)
      .and.match(/\nnot exported by genepool/)
      .and.match(/\ninputs {5}x \[batch, 2\]\n/)
      .and.match(/\nweights {4}1 initializer, 16 B\n/)
      .and.match(/\nMatMul +1\nRelu +1\n$/)
    const says = [
      /^genepool: cut\.onnx: is no ONNX model/,
      /^genepool: false\.onnx: .* model is not JSON/,
      /^genepool: none\.onnx: there is no such file\n$/,
    ]
    for (const [index, { code, stdout, stderr }] of [cut!, untrue!, none!].entries()) {
      expect([code, stdout]).to.deep.equal([2, ''])
      expect(stderr).to.match(says[index]!)
    }
  })
})
