import { expect } from 'chai'
import { parseSmi, placeOf, sharedGpu } from '../../../src/engine/choice/gpus.js'

const uuids = ['GPU-aa11', 'GPU-bb22', 'GPU-cc33']

describe('the GPU that a process calls its n-th', () => {
  for (const [visible, index, place] of [
    [undefined, 1, 1],
    ['2,0', 0, 2],
    ['2,0', 1, 0],
    ['2,0', 2, undefined],
    ['1', 0, 1],
    ['', 0, undefined],
    ['-1', 0, undefined],
    ['0,-1,1', 1, undefined],
    // CUDA ignores all that comes after one that is not there.
    ['7,1', 0, undefined],
    ['0,7,1', 2, undefined],
    ['GPU-cc,GPU-aa11', 0, 2],
    ['GPU-cc,GPU-aa11', 1, 0],
    ['GPU-zz', 0, undefined],
    ['MIG-GPU-aa11/1/0', 0, undefined],
  ] as const) {
    it(`is ${place ?? 'none of the list'}: number ${index} of ${JSON.stringify(visible)}`, () => {
      expect(placeOf(visible, index, uuids)).to.equal(place)
    })
  }

  it('is called the same by processes that are shown different ones', () => {
    expect(sharedGpu({ engine: 'onnxruntime', device: 'cuda', deviceIndex: 1 }, undefined)).to.include({ id: 'cuda:1' })
    expect(sharedGpu({ engine: 'onnxruntime', device: 'cuda' }, '1')).to.include({ id: 'cuda:1' })
    expect(sharedGpu({ engine: 'onnxruntime', device: 'cuda' }, 'MIG-1')).to.deep.equal({ id: 'cuda:MIG-1' })
    expect(sharedGpu({ engine: 'onnxruntime', device: 'webgpu' }, '1')).to.deep.equal({ id: 'webgpu:0' })
    expect(sharedGpu({ engine: 'cpu', device: 'cpu' }, '1')).to.equal(undefined)
  })

  it('has its name, id and memory from the driver', () => {
    const text = 'NVIDIA H100 80GB HBM3, GPU-aa11, 81559\nNVIDIA X, PCIe, GPU-bb22, 8192\n'
    expect(parseSmi(text)).to.deep.equal([
      { name: 'NVIDIA H100 80GB HBM3', uuid: 'GPU-aa11', bytes: 81_559 * 2 ** 20 },
      { name: 'NVIDIA X, PCIe', uuid: 'GPU-bb22', bytes: 8_192 * 2 ** 20 },
    ])
    expect(parseSmi('')).to.deep.equal([])
  })
})
