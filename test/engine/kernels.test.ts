import { expect } from 'chai'
import type { Engine, TensorFunction } from '../../src/engine/engine.js'
import { openEngine } from '../../src/engine/choice/open.js'
import { drawInputs, type KernelCase, relativeDistance } from './cases.js'
import { gradientsOf } from './kernel-cases/gradient.js'
import { discreteCases, smoothCases } from './kernel-cases.js'

describe('a traced kernel', () => {
  let reference: Engine
  let traced: Engine
  before(async () => {
    reference = await openEngine({ engine: 'cpu', device: 'cpu', threads: 1 })
    traced = await openEngine({ engine: 'onnxruntime', device: 'cpu', threads: 1 })
  })
  after(async () => {
    await reference.release()
    await traced.release()
  })

  const expectTheSame = async (title: string, fn: TensorFunction, inputs: KernelCase['inputs']) => {
    const values = drawInputs(inputs, 5)
    const expected = await (await reference.compile(title, fn, inputs)).run(values)
    const compiled = await traced.compile(title, fn, inputs)
    const actual = await compiled.run(values)
    await compiled.release()
    expect(Object.keys(actual)).to.deep.equal(Object.keys(expected))
    for (const [name, wanted] of Object.entries(expected)) {
      expect(actual[name].constructor, name).to.equal(wanted.constructor)
      expect(relativeDistance(actual[name], wanted), `${name}: ${actual[name]} for ${wanted}`).to.be.below(1e-5)
    }
  }

  for (const test of [...smoothCases, ...discreteCases]) {
    it(`${test.title} is the reference's`, () => expectTheSame(test.title, test.fn, test.inputs))
  }
  for (const test of smoothCases) {
    it(`the gradient of ${test.title} is the reference's`, () =>
      expectTheSame(test.title, gradientsOf(test), test.inputs))
  }
})
