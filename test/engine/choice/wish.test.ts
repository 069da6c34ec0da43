import { expect } from 'chai'
import { candidatesOf, nameOf, parseWish } from '../../../src/engine/choice/wish.js'

const tried = (engine: string, device: string): readonly string[] => candidatesOf(parseWish(engine, device)).map(nameOf)

const sentence = (engine: string, device: string): string => {
  try {
    parseWish(engine, device)
  } catch (error) {
    expect((error as Error).name).to.equal('EngineError')
    return (error as Error).message
  }
  throw new Error(`${engine} on ${device} was accepted`)
}

describe('the wish for an engine', () => {
  it('auto tries everything, GPUs first, plain JavaScript last', () => {
    expect(tried('auto', 'auto')).to.deep.equal([
      'onnxruntime on cuda',
      'onnxruntime on webgpu',
      'onnxruntime on cpu',
      'tensorflow on cuda',
      'tensorflow on cpu',
      'cpu on cpu',
    ])
  })

  it('one word leaves the other one open', () => {
    expect(tried('tensorflow', 'auto')).to.deep.equal(['tensorflow on cuda', 'tensorflow on cpu'])
    expect(tried('auto', 'cuda:1')).to.deep.equal(['onnxruntime on cuda:1', 'tensorflow on cuda:1'])
    expect(tried('auto', 'webgpu')).to.deep.equal(['onnxruntime on webgpu'])
    expect(tried('cpu', 'auto')).to.deep.equal(['cpu on cpu'])
  })

  it('keeps the number of a GPU beside its class', () => {
    expect(candidatesOf(parseWish('onnxruntime', 'cuda:3'))).to.deep.equal([
      { engine: 'onnxruntime', device: 'cuda', deviceIndex: 3 },
    ])
  })

  for (const [engine, device, says] of [
    ['magic', 'auto', /no engine 'magic'/],
    ['auto', 'gpu', /no device 'gpu'/],
    ['auto', 'cuda:-1', /no device 'cuda:-1'/],
    ['auto', 'cuda:x', /no device 'cuda:x'/],
    ['auto', 'cuda:', /no device 'cuda:'/],
    ['auto', 'cuda:1.5', /no device/],
    ['auto', 'CUDA', /no device 'CUDA'/],
    ['auto', 'cpu:0', /no device 'cpu:0'/],
    ['auto', '', /no device ''/],
    ['cpu', 'cuda:1', /the engine cpu does not run on cuda: it runs on cpu/],
    ['cpu', 'webgpu', /the engine cpu does not run on webgpu/],
    ['tensorflow', 'webgpu', /the engine tensorflow does not run on webgpu: it runs on cuda, cpu/],
  ] as const) {
    it(`refuses ${engine} on '${device}'`, () => {
      expect(sentence(engine, device)).to.match(says)
    })
  }
})
