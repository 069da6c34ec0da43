import * as tf from '@tensorflow/tfjs-core'
import { expect } from 'chai'
import type { Engine, HostArray, TensorFunction, TensorSpec } from '../../../src/engine/engine.js'
import { openEngine } from '../../../src/engine/choice/open.js'
import type { NodeBackend } from '../../../src/engine/tensorflow/addon.js'
import { locateTensorflow } from '../../../src/engine/installed.js'
import { gelu, layerNorm, linear } from '../../../src/engine/operations.js'

const float = (...shape: number[]): TensorSpec => ({ shape, dtype: 'float32' })
const wave = (length: number): Float32Array => Float32Array.from({ length }, (_, at) => Math.sin(at + 1))

/** A gradient through what a transformer is made of: rows looked up, a layer, attention, a loss. */
const specs = {
  table: float(5, 8),
  weight: float(8, 8),
  scale: float(8),
  rows: { shape: [6], dtype: 'int32' },
} as const
const values: Readonly<Record<string, HostArray>> = {
  table: wave(40),
  weight: wave(64),
  scale: wave(8),
  rows: Int32Array.of(0, 4, 2, 2, 1, 3),
}
const training: TensorFunction = ({ table, weight, scale, rows }) => {
  const loss = (a: tf.Tensor, b: tf.Tensor, c: tf.Tensor): tf.Scalar => {
    const x = layerNorm(tf.gather(a, rows as tf.Tensor1D), c, tf.zeros([8]), 1e-6)
    const hidden = gelu(linear(x, b, tf.ones([8])))
    const heads = tf.transpose(tf.reshape(hidden, [1, 6, 2, 4]), [0, 2, 1, 3])
    const mixed = tf.matMul(tf.softmax(tf.matMul(heads, heads, false, true)), heads)
    return tf.mean(tf.square(mixed))
  }
  const { value, grads } = tf.valueAndGrads((a, b, c) => loss(a, b, c))([table, weight, scale])
  return { loss: value, table: grads[0], weight: grads[1], scale: grads[2] }
}

const located = locateTensorflow()
if (located === undefined) {
  console.log(
    '  No TensorFlow library is here: the tests of the engine tensorflow are not run (genepool engine build tensorflow)',
  )
} else {
  describe('the engine tensorflow', () => {
    let engine: Engine
    const addon = () => (tf.findBackend('tensorflow') as NodeBackend).binding
    before(async () => {
      engine = await openEngine({ engine: 'tensorflow', device: 'cpu', threads: 1 })
    })
    after(() => engine.release())

    it('computes a loss and its gradients as plain JavaScript does', async () => {
      const reference = await openEngine({ engine: 'cpu', device: 'cpu', threads: 1 })
      const wanted = await (await reference.compile('training', training, specs)).run(values)
      const found = await (await engine.compile('training', training, specs)).run(values)
      for (const [name, array] of Object.entries(wanted)) {
        expect(found[name].length).to.equal(array.length)
        array.forEach((value, at) => expect(found[name][at], `${name}[${at}]`).to.be.closeTo(value, 1e-5))
      }
    })

    it('gives the same bytes every time', async () => {
      const { run } = await engine.compile('training', training, specs)
      expect(await run(values)).to.deep.equal(await run(values))
    })

    it('runs as one graph, which is released with the function and with the engine', async () => {
      const before = addon().getNumOfSavedModels()
      const own = await openEngine({ engine: 'tensorflow', device: 'cpu', threads: 1 })
      const [one] = [await own.compile('one', training, specs), await own.compile('two', training, specs)]
      expect(addon().getNumOfSavedModels()).to.equal(before + 2)
      await one.release()
      await one.release()
      expect(addon().getNumOfSavedModels()).to.equal(before + 1)
      await own.release()
      expect(addon().getNumOfSavedModels()).to.equal(before)
    })

    it('runs a function that reads a value, which no graph can hold', async () => {
      const reading: TensorFunction = ({ x }) => ({ y: tf.mul(x, tf.scalar(tf.sum(x).dataSync()[0])) })
      const { run, outputs } = await engine.compile('reading', reading, { x: float(2) })
      expect(outputs).to.deep.equal({ y: float(2) })
      expect((await run({ x: Float32Array.of(1, 2) }))['y']).to.deep.equal(Float32Array.of(3, 6))
      expect((await run({ x: Float32Array.of(2, 2) }))['y']).to.deep.equal(Float32Array.of(8, 8))
    })

    it('gives outputs that are inputs, constants, whole numbers or truth values', async () => {
      const odd: TensorFunction = ({ x, n }) => ({
        x,
        again: x,
        ones: tf.ones([2]),
        three: tf.add(tf.scalar(1, 'int32'), tf.scalar(2, 'int32')),
        n: tf.add(n, tf.scalar(1, 'int32')),
        positive: tf.greater(x, 0),
      })
      const given = { x: Float32Array.of(-1, 2), n: Int32Array.of(7) }
      const { run, outputs } = await engine.compile('odd', odd, { x: float(2), n: { shape: [1], dtype: 'int32' } })
      expect(outputs['positive']).to.deep.equal({ shape: [2], dtype: 'int32' })
      const results = await run(given)
      expect(results).to.deep.equal({
        x: given.x,
        again: given.x,
        ones: Float32Array.of(1, 1),
        three: Int32Array.of(3),
        n: Int32Array.of(8),
        positive: Int32Array.of(0, 1),
      })
      results['x'].fill(0)
      expect(given.x[1]).to.equal(2)
      expect(results['again'][1]).to.equal(2)
    })

    it('writes outputs where it is told to, over inputs too', async () => {
      const swap: TensorFunction = ({ a, b }) => ({ a: b, b: a, sum: tf.add(a, b) })
      const { run } = await engine.compile('swap', swap, { a: float(40), b: float(40) })
      const state = { a: new Float32Array(40).fill(1), b: new Float32Array(40).fill(2) }
      const results = await run(state, state)
      expect(results['a']).to.equal(state.a)
      expect([state.a[0], state.b[0], results['sum'][0]]).to.deep.equal([2, 1, 3])
    })

    it('names the output whose array does not fit', async () => {
      const { run } = await engine.compile('double', ({ x }) => ({ y: tf.mul(x, 2) }), { x: float(2) })
      const error = await run({ x: Float32Array.of(1, 2) }, { y: new Float32Array(3) }).catch(
        (e: unknown) => e as Error,
      )
      expect((error as Error).message).to.equal('double: the output y has 3 elements; its shape [2] takes 2')
    })

    it('names the function and the reason where TensorFlow refuses', async () => {
      const rows: TensorFunction = ({ x, n }) => ({ y: tf.gather(x, n as tf.Tensor1D) })
      const { run } = await engine.compile('rows', rows, { x: float(3), n: { shape: [1], dtype: 'int32' } })
      const x = Float32Array.of(1, 2, 3)
      expect((await run({ x, n: Int32Array.of(2) }))['y']).to.deep.equal(Float32Array.of(3))
      const error = (await run({ x, n: Int32Array.of(3) }).catch((e: unknown) => e)) as Error
      expect([error.name, error.message]).to.deep.equal([
        'EngineError',
        'rows: TensorFlow fails: indices[0] = 3 is not in [0, 3)',
      ])
    })

    it('holds no tensor after a function that throws', async () => {
      const broken: TensorFunction = ({ x }) => ({ y: tf.reshape(tf.exp(x), [7]) })
      const before = [addon().getNumOfTensors(), tf.memory().numTensors]
      const { run } = await engine.compile('broken', broken, { x: float(2) })
      const error = await run({ x: Float32Array.of(1, 2) }).catch((e: unknown) => e)
      expect(error).to.be.instanceOf(Error)
      expect([addon().getNumOfTensors(), tf.memory().numTensors]).to.deep.equal(before)
    })
  })
}
