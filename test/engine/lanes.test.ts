import * as tf from '@tensorflow/tfjs-core'
import { expect } from 'chai'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Engine, Lanes, TensorFunction } from '../../src/engine/engine.js'
import { oneLane } from '../../src/engine/one-lane.js'
import { openEngine } from '../../src/engine/choice/open.js'

const specs = { x: { shape: [2, 2], dtype: 'float32' }, w: { shape: [2, 2], dtype: 'float32' } } as const
const product: TensorFunction = ({ x, w }) => ({
  y: tf.matMul(x as tf.Tensor2D, w as tf.Tensor2D),
  sum: tf.sum(x),
})

const failure = async (attempt: () => unknown): Promise<Error> => {
  try {
    await attempt()
  } catch (error) {
    return error as Error
  }
  throw new Error('it did not fail')
}

const filled = (lanes: Lanes, ...values: number[]): Float32Array => {
  const array = lanes.allocate(values.length)
  array.set(values)
  return array
}

for (const threads of [1, 2, 5]) {
  describe(`lanes with ${threads} threads`, () => {
    let engine: Engine
    let lanes: Lanes
    before(async () => {
      engine = await openEngine({ engine: 'onnxruntime', device: 'cpu', threads })
      lanes = engine.lanes ?? oneLane(engine)
    })
    after(() => engine.release())

    it('are as many as threads, but no more than a batch has halves', () => {
      expect(lanes.count).to.equal(Math.min(threads, 2))
    })

    it('compute calls that are under way together, on arrays whose contents may change', async () => {
      const compiled = await lanes.compile('product', product, specs)
      expect(compiled.outputs).to.deep.equal({
        y: { shape: [2, 2], dtype: 'float32' },
        sum: { shape: [], dtype: 'float32' },
      })
      const w = filled(lanes, 1, 0, 0, 2)
      const bound = Array.from({ length: 3 }, (_, index) => {
        const x = filled(lanes, index, 1, 1, index)
        return { x, call: compiled.bind({ x, w }, { y: lanes.allocate(4), sum: lanes.allocate(1) }) }
      })
      const answers = () => Promise.all(bound.map(async ({ call }) => [...(await call())['y']]))
      expect(await answers()).to.deep.equal([
        [0, 2, 1, 0],
        [1, 2, 1, 2],
        [2, 2, 1, 4],
      ])
      w[0] = 10
      bound[1].x[1] = 7
      expect(await answers()).to.deep.equal([
        [0, 2, 10, 0],
        [10, 14, 10, 2],
        [20, 2, 10, 4],
      ])
      await compiled.release()
      expect((await failure(bound[0].call)).message).to.equal('product was run after it had been released')
    })

    it('call a function of a module on shared arrays, and hand its error on', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'lanes-'))
      const file = join(folder, 'own.mjs')
      writeFileSync(file, "export const add = (a, by) => { if (by < 0) throw new Error('below 0'); a[0] += by }")
      const module = pathToFileURL(file).href
      const arrays = [filled(lanes, 1), filled(lanes, 2)]
      await lanes.call(arrays.map((array, index) => ({ module, name: 'add', args: [array, index + 1] })))
      expect(arrays.map(([value]) => value)).to.deep.equal([2, 4])
      const error = await failure(() => lanes.call([{ module, name: 'add', args: [arrays[0], -1] }]))
      expect(error.message).to.equal('below 0')
      rmSync(folder, { recursive: true })
    })

    it('name the input that does not fit', async () => {
      const compiled = await lanes.compile('product', product, specs)
      const into = { y: lanes.allocate(4), sum: lanes.allocate(1) }
      const error = await failure(async () => compiled.bind({ x: lanes.allocate(3), w: lanes.allocate(4) }, into)())
      expect(error.name).to.equal('EngineError')
      expect(error.message).to.equal('product: the input x has 3 elements; its shape [2,2] takes 4')
    })
  })
}

describe('lanes of a released engine', () => {
  it('refuse a call instead of leaving it without an answer', async () => {
    const engine = await openEngine({ engine: 'onnxruntime', device: 'cpu', threads: 2 })
    const lanes = engine.lanes!
    const compiled = await lanes.compile('product', product, specs)
    const bound = compiled.bind(
      { x: lanes.allocate(4), w: lanes.allocate(4) },
      { y: lanes.allocate(4), sum: lanes.allocate(1) },
    )
    await bound()
    await engine.release()
    const error = await failure(bound)
    expect(error.name).to.equal('EngineError')
    expect(error.message).to.match(/^product: ONNX Runtime failed: its thread ended/)
  })
})
