import * as tf from '@tensorflow/tfjs-core'
import { expect } from 'chai'
import type { CompiledFunction, Engine, TensorSpec } from '../../src/engine/engine.js'
import { Sessions } from '../../src/engine/onnx/sessions.js'
import { openEngine } from '../../src/engine/choice/open.js'
import { rejection } from './session-rejection.js'

const utf8 = new TextEncoder()

/** Sessions that say what becomes of them. */
const recorded = (limit: number) => {
  const log: string[] = []
  const failing = new Set<string>()
  const sessions = new Sessions(limit, async ({ label }) => {
    await Promise.resolve()
    if (failing.has(label)) throw new Error(`${label} does not compile`)
    log.push(`made ${label}`)
    return { label, release: async () => void log.push(`freed ${label}`) }
  })
  const open = (label: string, graph = label) => sessions.open({ label, bytes: utf8.encode(graph), resident: [] })
  return { log, failing, sessions, open }
}

describe('sessions', () => {
  it('are one for the same graph, until the last function that has it is released', async () => {
    const { log, open, sessions } = recorded(4)
    const [one, other] = [await open('a'), await open('a')]
    expect(log).to.deep.equal(['made a'])
    await one.release()
    await one.release()
    expect(await other.use(async ({ label }) => label)).to.equal('a')
    expect((await rejection(one.use(async () => {}))).message).to.equal('a was run after it had been released')
    await other.release()
    expect(log).to.deep.equal(['made a', 'freed a'])
    expect(sessions.live).to.equal(0)
  })

  it('beyond the limit go, the one not used for longest first, and come back when they are used', async () => {
    const { log, open, sessions } = recorded(2)
    const [a, b] = [await open('a'), await open('b')]
    await a.use(async () => {})
    const c = await open('c')
    expect(log).to.deep.equal(['made a', 'made b', 'freed b', 'made c'])
    await b.use(async () => {})
    expect(log.slice(-2)).to.deep.equal(['freed a', 'made b'])
    expect(sessions.live).to.equal(2)
    for (const shared of [a, b, c]) await shared.release()
    expect(sessions.live).to.equal(0)
  })

  it('do not go while they compute, nor while something on the device lives in their memory', async () => {
    const { log, open } = recorded(1)
    const a = await open('a')
    let finish = () => {}
    const computing = a.use(() => new Promise<void>((resolve) => (finish = resolve)))
    const b = await open('b')
    expect(log).to.deep.equal(['made a', 'made b'])
    const letGo = b.hold()
    finish()
    await computing
    const c = await open('c')
    expect(log.slice(2)).to.deep.equal(['freed a', 'made c'])
    await b.release()
    expect(log).to.not.include('freed b')
    letGo()
    letGo()
    await c.release()
    expect(log.slice(4)).to.have.members(['freed b', 'freed c'])
  })

  it('released while they compute go once the call has ended', async () => {
    const { log, open } = recorded(1)
    const a = await open('a')
    let finish = (_: number) => {}
    const computing = a.use(() => new Promise<number>((resolve) => (finish = resolve)))
    const released = a.release()
    await new Promise((resolve) => setImmediate(resolve))
    expect(log).to.deep.equal(['made a'])
    finish(7)
    expect(await computing).to.equal(7)
    await released
    expect(log).to.deep.equal(['made a', 'freed a'])
  })

  it('that do not compile leave nothing behind, and are tried again', async () => {
    const { failing, open, sessions } = recorded(1)
    failing.add('a')
    expect((await rejection(open('a'))).message).to.equal('a does not compile')
    failing.clear()
    const a = await open('a')
    expect(sessions.live).to.equal(1)
    await a.release()
  })
})

describe('a compiled function of ONNX Runtime', () => {
  const spec: TensorSpec = { shape: [3], dtype: 'float32' }
  const x = Float32Array.of(1, 2, 3)
  let engine: Engine
  const compile = (factor: number): Promise<CompiledFunction> =>
    engine.compile('scaled', (i) => ({ y: tf.mul(i['x'], factor), total: tf.sum(i['x']) }), { x: spec })
  beforeEach(async () => {
    engine = await openEngine({ engine: 'onnxruntime', device: 'cpu', threads: 1 })
  })
  afterEach(() => engine.release())

  it('writes into the arrays given, views included, and hands these back', async () => {
    const { run } = await compile(2)
    const memory = new Float32Array(5)
    const y = memory.subarray(1, 4)
    const results = await run({ x }, { y })
    expect(results['y']).to.equal(y)
    expect(memory).to.deep.equal(Float32Array.of(0, 2, 4, 6, 0))
    expect(results['total']).to.deep.equal(Float32Array.of(6))
  })

  it('names the array that does not fit, and refuses to write over an input', async () => {
    const { run } = await compile(2)
    expect((await rejection(run({ x }, { y: new Float32Array(2) }))).message).to.equal(
      'scaled: the output y has 2 elements; its shape [3] takes 3',
    )
    const memory = Float32Array.of(1, 2, 3, 4)
    const [input, output] = [memory.subarray(0, 3), memory.subarray(1, 4)]
    expect((await rejection(run({ x: input }, { y: output }))).message).to.equal(
      'scaled: the output y cannot be written into the memory of the input x',
    )
    expect((await rejection(run({ x }, { z: new Float32Array(3) }))).message).to.equal('scaled: there is no output z')
  })

  it('finishes a call that is under way when it or its engine is released', async () => {
    const [one, other] = [await compile(2), await compile(3)]
    const calls = [one.run({ x }), other.run({ x })]
    await Promise.all([one.release(), engine.release()])
    const [first, second] = await Promise.all(calls)
    expect(first['y']).to.deep.equal(Float32Array.of(2, 4, 6))
    expect(second['y']).to.deep.equal(Float32Array.of(3, 6, 9))
    expect((await rejection(other.run({ x }))).message).to.equal('scaled was run after it had been released')
  })
})
