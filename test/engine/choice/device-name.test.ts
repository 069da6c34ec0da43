import { expect } from 'chai'
import { deviceName } from '../../../src/engine/choice/resolve.js'

describe("a device's name", () => {
  it('is none for the processor, whatever the engine', () => {
    expect(deviceName({ engine: 'cpu', device: 'cpu' })).to.equal(undefined)
    expect(deviceName({ engine: 'onnxruntime', device: 'cpu' })).to.equal(undefined)
  })

  it('is unknown for a GPU that is not there', () => {
    expect(deviceName({ engine: 'onnxruntime', device: 'cuda', deviceIndex: 999 })).to.equal(undefined)
  })
})
