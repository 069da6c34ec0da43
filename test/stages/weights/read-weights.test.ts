import { expect } from 'chai'
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadOnEngine } from '../../../src/stages/load-model.js'
import { readSafetensors, writeSafetensors, type HostTensor } from '../../../src/stages/tensors/safetensors.js'
import { describeWeights, readWeights } from '../../../src/stages/weights/read-weights.js'
import { weightFiles } from '../../../src/stages/weights/weight-files.js'
import { waveImage } from '../reference-vit.js'
import { tempFolder } from '../temp-folder.js'

interface Expected {
  /** Pixels a side. */
  readonly size: number
  /** Of two images. */
  readonly logits: readonly (readonly number[])[]
}

/** Written by timm and transformers themselves (make.py there). */
const FIXTURES = join(import.meta.dirname, '../../fixtures/pretrained')

const EXPECTED = JSON.parse(readFileSync(join(FIXTURES, 'expected.json'), 'utf8')) as Readonly<Record<string, Expected>>

const describedIn = (name: string) => describeWeights(weightFiles(join(FIXTURES, name)))

describe('weights of timm and transformers', () => {
  const folder = tempFolder()

  const refusal = (): string => {
    try {
      readWeights(weightFiles(folder.path))
    } catch (error) {
      return (error as Error).message
    }
    return expect.fail('it was accepted')
  }
  const copy = (name: string): void => cpSync(join(FIXTURES, name), folder.path, { recursive: true })
  const editConfig = (edit: (config: Record<string, unknown>) => void): void => {
    const config = JSON.parse(readFileSync(folder.file('config.json'), 'utf8')) as Record<string, unknown>
    edit(config)
    writeFileSync(folder.file('config.json'), JSON.stringify(config))
  }
  const editTensors = (edit: (tensors: Map<string, HostTensor>) => void): void => {
    const { tensors } = readSafetensors(folder.file('model.safetensors'))
    edit(tensors)
    writeSafetensors(folder.file('model.safetensors'), tensors)
  }
  const zeros = (...shape: number[]): HostTensor => ({
    shape,
    data: new Float32Array(shape.reduce((count, size) => count * size, 1)),
  })

  for (const engine of ['onnxruntime', 'cpu'] as const) {
    for (const [name, { size, logits }] of Object.entries(EXPECTED)) {
      it(`${name} give the logits that its library gives, on the engine ${engine}`, async () => {
        const model = await loadOnEngine(join(FIXTURES, name), { engine: { engine } })
        const { imageSize, channels } = model.config
        expect(imageSize).to.equal(size)
        const images = [0, 1].map((phase) => waveImage({ ...model.config, channels }, phase))
        const answer = await model.logits(Float32Array.from(images.flatMap((image) => [...image])))
        await model.release()
        expect(answer).to.have.length(logits.flat().length)
        logits.flat().forEach((value, at) => expect(answer[at]).to.be.closeTo(value, 1e-5))
      })
    }
  }

  it('are read with the numbers of heads, eps, classes and normalisation that their files state', () => {
    expect(describedIn('timm-deit').config).to.include({ numHeads: 3, layerNormEps: 1e-6, numClasses: 5 })
    expect(describedIn('timm-deit')).to.deep.include({ mean: [0.485, 0.456, 0.406], crop: 0.9, library: 'timm' })
    expect(describedIn('timm-deit3').config).to.include({ layerScale: true, clsPosition: false })
    const vit = describedIn('transformers-vit')
    expect(vit.config).to.include({ layerNormEps: 1e-12, mlpRatio: 2 })
    expect(vit).to.deep.include({ mean: [0.5, 0.4, 0.3], std: [0.2, 0.3, 0.4], interpolation: 'bilinear', crop: 1 })
    expect(vit.classNames).to.deep.equal(['ant', 'bee', 'cat', 'dog', 'emu'])
    expect(describedIn('transformers-deit').config.distillation).to.equal('oneHead')
    expect(describedIn('transformers-deit').crop).to.equal(224 / 256)
    expect(describedIn('transformers-no-qkv-bias').config).to.include({ qkvBias: false, layerNormEps: 1e-3 })
  })

  it('that have no head are described without classes, and give no logits', async () => {
    expect(describedIn('transformers-backbone').config.numClasses).to.equal(0)
    const error = await loadOnEngine(join(FIXTURES, 'transformers-backbone')).catch((cause: Error) => cause)
    expect((error as Error).message).to.match(/have no head/)
  })

  it('are accounted for tensor by tensor', () => {
    const fates = (name: string) => {
      const counts: Record<string, number> = {}
      for (const { fate } of describedIn(name).accounts) counts[fate] = (counts[fate] ?? 0) + 1
      return counts
    }
    expect(fates('timm-deit')).to.deep.equal({ matched: 32 })
    expect(fates('transformers-vit')).to.deep.equal({ renamed: 28, fused: 4 })
    expect(fates('transformers-in-memory')).to.deep.equal({ renamed: 28, fused: 4 })
  })

  it('are refused where a tensor is missing, surplus, of another shape or another type, by its name', () => {
    copy('transformers-vit')
    editTensors((tensors) => tensors.delete('vit.encoder.layer.1.attention.attention.key.bias'))
    expect(refusal()).to.match(/tensor vit\.encoder\.layer\.1\.attention\.attention\.key\.bias is missing/)
    copy('transformers-vit')
    editTensors((tensors) => tensors.set('vit.pooler.dense.bias', zeros(12)))
    expect(refusal()).to.match(/tensor vit\.pooler\.dense\.bias \(a pooler.*\) is read by nothing/)
    copy('transformers-vit')
    editTensors((tensors) => tensors.set('classifier.weight', zeros(4, 12)))
    expect(refusal()).to.match(/tensor classifier\.weight is F32 \[4, 12\], but the model needs numbers \[5, 12\]/)
    copy('transformers-vit')
    editTensors((tensors) => tensors.set('classifier.bias', { shape: [5], data: new Int32Array(5) }))
    expect(refusal()).to.match(/tensor classifier\.bias is I32 \[5\]/)
  })

  for (const [tensor, sign] of [
    ['reg_token', 'register tokens'],
    ['blocks.0.attn.q_norm.weight', 'norms of queries and keys'],
    ['norm_pre.weight', 'a norm before the blocks'],
    ['attn_pool.latent', 'pooling by attention'],
    ['rope.freqs', 'rotary positions'],
  ] as const) {
    it(`are refused for ${sign}, by the tensor's name`, () => {
      copy('timm-deit')
      editTensors((tensors) => tensors.set(tensor, zeros(12)))
      expect(refusal()).to.include(`tensor ${tensor} (${sign})`)
    })
  }

  for (const [fixture, field, value] of [
    ['timm-deit', 'architecture', 'vit_base_patch16_siglip_224'],
    ['timm-deit', 'architecture', 'vit_small_patch14_reg4_dinov2'],
    ['timm-deit', 'global_pool', 'map'],
    ['timm-deit', 'model_args.act_layer', 'quick_gelu'],
    ['timm-deit', 'model_args.reg_tokens', 4],
    ['timm-deit', 'model_args.qk_norm', true],
    ['timm-deit', 'model_args.depth', 3],
    ['timm-deit', 'model_args.img_size', [8, 16]],
    ['transformers-vit', 'hidden_act', 'gelu_new'],
    ['transformers-vit', 'architectures', ['ViTForMaskedImageModeling']],
    ['transformers-vit', 'model_type', 'dinov2'],
    ['transformers-vit', 'image_size', [8, 16]],
    ['transformers-vit', 'num_attention_heads', 0],
  ] as const) {
    it(`are refused with ${field} ${JSON.stringify(value)}, by the field's name`, () => {
      copy(fixture)
      editConfig((config) => {
        const [first, second] = field.split('.')
        if (second === undefined) config[first] = value
        else (config[first] as Record<string, unknown>)[second] = value
      })
      expect(refusal())
        .to.match(/config\.json: /)
        .and.to.include(field)
    })
  }

  it('are refused with another depth than the tensors have, however absurd, at once', () => {
    copy('transformers-vit')
    editConfig((config) => (config['num_hidden_layers'] = 2e9))
    expect(refusal()).to.match(/describes 2000000000 blocks, but the weights are 40 tensors in all/)
    editConfig((config) => Object.assign(config, { num_hidden_layers: 2, image_size: 4e6, patch_size: 4 }))
    expect(refusal()).to.match(/tensor vit\.embeddings\.position_embeddings is F32 \[1, 5, 12\]/)
  })

  it('are refused with a std of 0, and with a name or a number of files that no model has', () => {
    copy('timm-deit')
    editConfig((config) => (config['pretrained_cfg'] = { mean: [0, 0, 0], std: [1, 0, 1] }))
    expect(refusal()).to.match(/std is \[1,0,1\], not numbers above 0/)
    copy('timm-deit')
    editTensors((tensors) => tensors.set('x'.repeat(2_000), zeros(1)))
    expect(refusal()).to.match(/the name of a tensor has 2000 letters: x{60}…$/)
    rmSync(folder.file('model.safetensors'))
    const map = Object.fromEntries(Array.from({ length: 1_001 }, (_, at) => [`t${at}`, `${at}.safetensors`]))
    writeFileSync(folder.file('model.safetensors.index.json'), JSON.stringify({ weight_map: map }))
    expect(refusal()).to.match(/names 1001 files; up to 1000 are read/)
  })

  it('in shards are refused where the index names other files than are beside it, or other tensors', () => {
    const index = folder.file('model.safetensors.index.json')
    const editIndex = (edit: (map: Record<string, string>) => void): void => {
      copy('transformers-shards')
      const whole = JSON.parse(readFileSync(index, 'utf8')) as { weight_map: Record<string, string> }
      edit(whole.weight_map)
      writeFileSync(index, JSON.stringify(whole))
    }
    editIndex((map) => (map['classifier.bias'] = '../model.safetensors'))
    expect(refusal()).to.match(/tensor classifier\.bias is in "\.\.\/model\.safetensors", which is no file beside it/)
    editIndex((map) => (map['classifier.bias'] = 'model-00002-of-00002.safetensors'))
    expect(refusal()).to.match(/tensor classifier\.bias is not in model-00002/)
    editIndex((map) => delete map['classifier.bias'])
    expect(refusal()).to.match(/does not name tensor classifier\.bias/)
    copy('transformers-shards')
    rmSync(folder.file('model-00002-of-00002.safetensors'))
    expect(refusal()).to.match(/model-00002-of-00002\.safetensors: cannot be read/)
  })

  it('that are no safetensors are refused by what they are, with what to do', () => {
    const instead = (name: string, bytes: string | Uint8Array): string => {
      for (const each of readdirSync(folder.path)) rmSync(folder.file(each))
      writeFileSync(folder.file(name), bytes)
      return refusal()
    }
    expect(
      instead('model.safetensors', 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n'),
    ).to.match(/is a Git LFS pointer.*git lfs pull/)
    expect(instead('model.safetensors', '<!DOCTYPE html><html><body>Sign in</body></html>')).to.match(/is a web page/)
    expect(instead('model.safetensors', '')).to.match(/the file is empty/)
    expect(instead('pytorch_model.bin', `PK\u0003\u0004${'x'.repeat(60)}`)).to.match(
      /pytorch_model\.bin: is a file of PyTorch's.*python -c .*weights_only=True/,
    )
    expect(instead('deit.pth', Uint8Array.of(0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9))).to.match(
      /deit\.pth: is a file of PyTorch's/,
    )
    expect(instead('notes.txt', 'nothing')).to.match(/this folder is no model/)
  })
})
