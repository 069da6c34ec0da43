import * as tf from '@tensorflow/tfjs-core'
import { expect } from 'chai'
import type { Engine, TensorFunction, TensorSpec } from '../../src/engine/engine.js'
import type { EngineName } from '../../src/engine/request.js'
import { traceToOnnx } from '../../src/engine/onnx/trace.js'
import { openEngine } from '../../src/engine/choice/open.js'
import { locateTensorflow } from '../../src/engine/installed.js'

const specs: Readonly<Record<string, TensorSpec>> = {
  x: { shape: [2, 3], dtype: 'float32' },
  index: { shape: [2], dtype: 'int32' },
}
const values = { x: Float32Array.of(1, 2, 3, 4, 5, 6), index: Int32Array.of(1, 0) }
const chosen: TensorFunction = ({ x, index }) => ({ rows: tf.gather(x, index as tf.Tensor1D), total: tf.sum(x) })

/** By its name: a test may be loaded as another kind of module than what it tests, and then has classes of its own. */
const expectEngineError = (error: Error) => expect(error.name, error.message).to.equal('EngineError')

const failure = async (attempt: () => unknown): Promise<Error> => {
  try {
    await attempt()
  } catch (error) {
    return error as Error
  }
  throw new Error('it did not fail')
}

const names: readonly EngineName[] = ['cpu', 'onnxruntime', ...(locateTensorflow() ? (['tensorflow'] as const) : [])]

for (const name of names) {
  describe(`the engine ${name}`, () => {
    let engine: Engine
    before(async () => {
      engine = await openEngine({ engine: name, device: 'cpu', threads: 1 })
    })
    after(() => engine.release())

    it('computes a function and describes its outputs', async () => {
      const compiled = await engine.compile('chosen', chosen, specs)
      expect(compiled.outputs).to.deep.equal({
        rows: { shape: [2, 3], dtype: 'float32' },
        total: { shape: [], dtype: 'float32' },
      })
      expect(await compiled.run(values)).to.deep.equal({
        rows: Float32Array.of(4, 5, 6, 1, 2, 3),
        total: Float32Array.of(21),
      })
    })

    it('names the input that is missing, too short or of another type', async () => {
      const { run } = await engine.compile('chosen', chosen, specs)
      const errors = [
        await failure(() => run({ x: values.x })),
        await failure(() => run({ ...values, x: Float32Array.of(1) })),
        await failure(() => run({ ...values, index: Float32Array.of(1, 0) })),
      ]
      errors.forEach(expectEngineError)
      expect(errors.map(({ message }) => message)).to.deep.equal([
        'chosen: the input index is missing',
        'chosen: the input x has 1 elements; its shape [2,3] takes 6',
        'chosen: the input index must be a Int32Array (int32)',
      ])
    })

    it('leaves no tensors and the selected backend as it was', async () => {
      tf.enableProdMode()
      await tf.setBackend('cpu')
      const kept = tf.tensor1d([1, 2, 3])
      const before = tf.memory().numTensors
      const withConstant: TensorFunction = ({ x }) => ({
        result: tf.add(x, kept),
        gradient: tf.grad((y: tf.Tensor) => tf.sum(tf.square(y)))(x),
      })
      for (let round = 0; round < 3; round++) {
        const compiled = await engine.compile('with a constant', withConstant, { x: specs['x'] })
        const { result } = await compiled.run({ x: values.x })
        expect(Array.from(result)).to.deep.equal([2, 4, 6, 5, 7, 9])
      }
      await failure(async () => {
        const broken = await engine.compile('broken', ({ x }) => ({ y: tf.reshape(x, [7]) }), { x: specs['x'] })
        await broken.run({ x: values.x })
      })
      expect(tf.memory().numTensors).to.equal(before)
      expect(tf.getBackend()).to.equal('cpu')
      expect(Array.from(kept.dataSync())).to.deep.equal([1, 2, 3])
      kept.dispose()
    })

    it('gives an output that is an input, and gives it the input’s name', async () => {
      const same = await engine.compile('same', ({ x }) => ({ x, twice: tf.mul(x, 2), again: x }), {
        x: specs['x'],
      })
      const results = await same.run({ x: values.x })
      expect(Object.keys(results)).to.deep.equal(['x', 'twice', 'again'])
      expect(results['x']).to.deep.equal(values.x)
      results['x'].fill(0)
      expect(values.x[0]).to.equal(1)
    })

    it('takes inputs that the function does not use and tensors without elements', async () => {
      const empty: TensorFunction = ({ none, x }) => ({ all: tf.concat([none, x], 0), constant: tf.ones([2]) })
      const compiled = await engine.compile('empty', empty, { ...specs, none: { shape: [0, 3], dtype: 'float32' } })
      const results = await compiled.run({ ...values, none: new Float32Array(0) })
      expect(results).to.deep.equal({ all: values.x, constant: Float32Array.of(1, 1) })
    })

    it('refuses a shape that is none and a function that has been released', async () => {
      const shape = await failure(() => engine.compile('odd', chosen, { x: { shape: [2.5], dtype: 'float32' } }))
      expect(shape.message).to.equal('odd: the input x has the shape [2.5], which is not one of whole numbers')
      const compiled = await engine.compile('chosen', chosen, specs)
      await compiled.release()
      expect((await failure(() => compiled.run(values))).message).to.contain('released')
    })
  })
}

describe('a trace', () => {
  const x = { x: specs['x'] }

  it('refuses to read a value, naming the function and the operation that made it', async () => {
    const error = await failure(() => traceToOnnx('peek', (i) => ({ y: tf.scalar(tf.exp(i['x']).dataSync()[0]) }), x))
    expectEngineError(error)
    expect(error.message).to.match(/^peek: the value of a tensor made by Exp was read/)
    const input = await failure(() => traceToOnnx('peek', (i) => ({ y: tf.tensor(i['x'].arraySync()) }), x))
    expect(input.message).to.match(/^peek: the value of the input x was read/)
  })

  it('refuses a tensor of another trace', async () => {
    let leaked: tf.Tensor | undefined
    traceToOnnx('first', (i) => ({ y: (leaked = tf.keep(tf.exp(i['x']))) }), x)
    const error = await failure(() => traceToOnnx('second', (i) => ({ y: tf.add(i['x'], leaked!) }), x))
    leaked?.dispose()
    expect(error.message).to.match(/^second: Add was given a tensor that Exp made in the trace of first /)
  })

  it('gives the same bytes every time', () => {
    const [one, other] = [traceToOnnx('chosen', chosen, specs), traceToOnnx('chosen', chosen, specs)]
    expect(Buffer.from(one.bytes).equals(other.bytes)).to.equal(true)
    expect(one.outputs['rows']).to.deep.equal({ shape: [2, 3], dtype: 'float32' })
  })

  it('does not store what no output needs, nor large uniform constants element by element', () => {
    const wasteful: TensorFunction = ({ x: given }) => {
      tf.add(
        given,
        tf.sum(
          tf.tensor2d(
            new Float32Array(30_000).map((_, index) => index),
            [10_000, 3],
          ),
          0,
        ),
      )
      return { y: tf.concat([given, tf.zeros([100_000, 3])], 0) }
    }
    expect(traceToOnnx('wasteful', wasteful, x).bytes.length).to.be.below(2_000)
  })
})

describe('opening an engine', () => {
  it('ends in a working TensorFlow, or in an error that says what to install', async () => {
    const request = { engine: 'tensorflow', device: 'cpu', threads: 1 } as const
    const opened = await openEngine(request).catch((error: unknown) => error as Error)
    if (opened instanceof Error) {
      expectEngineError(opened)
      expect(opened.message).to.match(
        /^the engine tensorflow is not installed; genepool engine build tensorflow makes it/,
      )
    } else {
      const results = await (await opened.compile('chosen', chosen, specs)).run(values)
      expect(results['total']).to.deep.equal(Float32Array.of(21))
    }
  })

  it('refuses a number of threads that is none, and a device that the engine lacks', async () => {
    expect((await failure(() => openEngine({ engine: 'cpu', device: 'cpu', threads: 0 }))).message).to.contain(
      'threads',
    )
    expect((await failure(() => openEngine({ engine: 'cpu', device: 'cuda', threads: 1 }))).message).to.contain('cuda')
    for (const deviceIndex of [-1, 0.5]) {
      const request = { engine: 'onnxruntime', device: 'cuda', deviceIndex, threads: 1 } as const
      expect((await failure(() => openEngine(request))).message).to.contain(`${deviceIndex}`)
    }
  })

  it('refuses packages that are not those of the run', async () => {
    const versions = { '@tensorflow/tfjs-core': '0.0.1' }
    expect((await failure(() => openEngine({ engine: 'cpu', device: 'cpu', threads: 1, versions }))).message).to.match(
      /^@tensorflow\/tfjs-core has changed since the run began \(0\.0\.1 → \d+\.\d+\.\d+\); run again$/,
    )
  })
})
