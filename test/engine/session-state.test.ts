import * as tf from '@tensorflow/tfjs-core'
import { expect } from 'chai'
import type { Engine, TensorFunction, TensorSpec } from '../../src/engine/engine.js'
import { openEngine } from '../../src/engine/choice/open.js'
import { repeated, stateOf } from '../../src/engine/state.js'
import { rejection } from './session-rejection.js'

const specs: Readonly<Record<string, TensorSpec>> = {
  theta: { shape: [4], dtype: 'float32' },
  speed: { shape: [4], dtype: 'float32' },
  scale: { shape: [4], dtype: 'float32' },
  x: { shape: [2, 4], dtype: 'float32' },
  rate: { shape: [], dtype: 'float32' },
}
const names = ['theta', 'speed', 'scale']

/** Gradient descent with momentum on Σ (x·theta)² with a factor that is only read. */
const descend: TensorFunction = ({ theta, speed, scale, x, rate }) => {
  const loss = (value: tf.Tensor): tf.Scalar => tf.mean(tf.square(tf.sum(tf.mul(tf.mul(x, value), scale), 1)))
  const { value, grad } = tf.valueAndGrad(loss)(theta)
  const next = tf.add(tf.mul(speed, 0.5), grad)
  return { loss: value, theta: tf.sub(theta, tf.mul(next, rate)), speed: next }
}

const start = {
  theta: Float32Array.of(1, -2, 3, 0.5),
  speed: new Float32Array(4),
  scale: Float32Array.of(1, 0.5, 0.25, 2),
}
const inputs = [0, 1, 2].map((at) => ({
  x: Float32Array.from({ length: 8 }, (_, index) => Math.sin(index + at)),
  rate: Float32Array.of(0.1 / (at + 1)),
}))
const { theta, speed, scale } = specs as Record<'theta' | 'speed' | 'scale', TensorSpec>

for (const name of ['cpu', 'onnxruntime'] as const) {
  describe(`state on the engine ${name}`, () => {
    let engine: Engine
    before(async () => {
      engine = await openEngine({ engine: name, device: 'cpu', threads: 1 })
    })
    after(() => engine.release())

    /** Three calls that hand every value on themselves. */
    const byHand = async () => {
      const compiled = await engine.compile('descend', descend, specs)
      let values: Record<string, Float32Array> = start
      const losses: number[] = []
      for (const input of inputs) {
        const results = (await compiled.run({ ...values, ...input })) as Record<string, Float32Array>
        losses.push(results['loss'][0])
        values = { ...values, theta: results['theta'], speed: results['speed'] }
      }
      return { losses, values }
    }

    it('is what a caller would hand on from call to call', async () => {
      const { losses, values } = await byHand()
      const states = stateOf(engine)
      const state = states.open({ theta, speed, scale })
      await state.set(start)
      const step = await states.compile('descend', descend, specs, names)
      expect(Object.keys(step.outputs)).to.deep.equal(['loss'])
      const given = { ...start, theta: start.theta.slice() }
      for (const [at, input] of inputs.entries()) {
        expect(await step.run(state, input)).to.deep.equal({ loss: Float32Array.of(losses[at]) })
      }
      expect(await state.get()).to.deep.equal(values)
      expect(await state.get('speed')).to.deep.equal({ speed: values['speed'] })
      expect(start).to.deep.equal(given)
      await state.set({ theta: start.theta })
      expect(await state.get('theta', 'speed')).to.deep.equal({ theta: start.theta, speed: values['speed'] })
    })

    it('passes between functions, each with the names that it knows', async () => {
      const states = stateOf(engine)
      const state = states.open({ theta, speed, scale })
      await state.set(start)
      const double = await states.compile('double', (i) => ({ theta: tf.mul(i['theta'], 2) }), { theta }, ['theta'])
      const add = await states.compile(
        'add',
        (i) => ({ theta: tf.add(i['theta'], i['scale']), sum: tf.sum(i['theta']) }),
        { theta, scale },
        ['theta', 'scale'],
      )
      await double.run(state, {})
      await double.release()
      expect(await add.run(state, {})).to.deep.equal({ sum: Float32Array.of(5) })
      expect((await rejection(double.run(state, {}))).message).to.equal('double was run after it had been released')
      expect(await state.get('theta', 'scale')).to.deep.equal({
        theta: Float32Array.of(3, -3.5, 6.25, 3),
        scale: start.scale,
      })
      await state.release()
    })

    it('stays as it was where a call fails, and names what is wrong', async () => {
      const states = stateOf(engine)
      const state = states.open({ theta, speed, scale })
      const step = await states.compile('descend', descend, specs, names)
      await state.set({ theta: start.theta, scale: start.scale })
      expect((await rejection(step.run(state, inputs[0]))).message).to.equal("the state's tensor speed was never set")
      await state.set({ speed: start.speed })
      expect((await rejection(step.run(state, { x: inputs[0].x }))).message).to.equal(
        'descend: the input rate is missing',
      )
      expect((await state.get('theta'))['theta']).to.deep.equal(start.theta)
      expect((await rejection(state.set({ thata: start.theta }))).message).to.equal('the state has no tensor thata')
      expect((await rejection(state.get('thata'))).message).to.equal('the state has no tensor thata')
      expect((await rejection(state.set({ theta: new Float32Array(3) }))).message).to.contain('takes 4')
    })

    it('is the same after three steps in one call as after three calls', async () => {
      const { losses, values } = await byHand()
      const states = stateOf(engine)
      const state = states.open({ theta, speed, scale })
      await state.set(start)
      const three = repeated(descend, specs, 3, names)
      expect(three.inputs['x'].shape).to.deep.equal([3, 2, 4])
      const step = await states.compile('three', three.fn, three.inputs, names)
      const results = await step.run(state, {
        x: Float32Array.from(inputs.flatMap(({ x }) => [...x])),
        rate: Float32Array.from(inputs.flatMap(({ rate }) => [...rate])),
      })
      expect(step.outputs).to.deep.equal({ loss: { shape: [3], dtype: 'float32' } })
      losses.forEach((loss, at) => expect(results['loss'][at]).to.be.closeTo(loss, 1e-6))
      const after = await state.get()
      expect(after['scale']).to.deep.equal(start.scale)
      values['theta'].forEach((value, at) => expect(after['theta'][at]).to.be.closeTo(value, 1e-6))
    })
  })
}
