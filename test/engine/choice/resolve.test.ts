import { expect } from 'chai'
import { resolveEngine, tooSlow } from '../../../src/engine/choice/resolve.js'
import type { Trial } from '../../../src/engine/choice/trial.js'
import { parseWish } from '../../../src/engine/choice/wish.js'

const works: Trial = { loads: true }
const broken: Trial = { loads: false, reason: 'it is broken', hint: 'mend it' }
const trials = (found: Readonly<Record<string, Trial>>): ReadonlyMap<string, Trial> => new Map(Object.entries(found))

const resolve = (engine: string, device: string, found: Readonly<Record<string, Trial>>) =>
  resolveEngine(parseWish(engine, device), { toCompute: true, trials: trials(found) })

const failure = async (attempt: Promise<unknown>) => {
  const error = await attempt.then(
    () => new Error('it did not fail'),
    (reason: unknown) => reason as Error,
  )
  expect(error.name).to.equal('EngineError')
  return error as Error & { readonly hint?: string }
}

describe('which engine runs', () => {
  it('is the first that works, and why names what stood before it', async () => {
    const resolved = await resolve('auto', 'cpu', { 'onnxruntime on cpu': works })
    expect(resolved).to.deep.include({ engine: 'onnxruntime', device: 'cpu', why: 'the fastest' })
    expect(resolved.versions).to.include.keys('@tensorflow/tfjs-core', 'onnxruntime-node')
    const second = await resolve('auto', 'cpu', {
      'onnxruntime on cpu': broken,
      'tensorflow on cpu': broken,
      'cpu on cpu': works,
    })
    expect(second.engine).to.equal('cpu')
    expect(second.why).to.match(/^the fastest that loads: it is broken/)
  })

  it('is an error with the hint where the one that was named does not work', async () => {
    const error = await failure(resolve('onnxruntime', 'cpu', { 'onnxruntime on cpu': broken }))
    expect(error.message).to.equal('the engine onnxruntime does not load on cpu: it is broken')
    expect(error.hint).to.equal('mend it')
  })

  it('is an error that lists every reason where nothing works', async () => {
    const found = {
      'onnxruntime on cpu': broken,
      'tensorflow on cpu': broken,
      'cpu on cpu': { ...broken, reason: 'no' },
    }
    const error = await failure(resolve('auto', 'cpu', found))
    expect(error.message).to.match(/^no engine loads on cpu \(onnxruntime on cpu: it is broken; .*cpu on cpu: no\)$/)
    expect(error.hint).to.match(/genepool doctor/)
  })

  it('is not a GPU that is a program, nor one that is no faster than the CPU', () => {
    expect(tooSlow({ loads: true, adapter: { kind: 'hardware', name: 'GPU' } })).to.equal(undefined)
    expect(tooSlow({ loads: true, adapter: { kind: 'software', name: 'llvmpipe' } })?.reason).to.match(/llvmpipe/)
    const unknown = { kind: 'unknown', name: 'GPU' } as const
    expect(tooSlow({ loads: true, adapter: unknown, speedup: 1.1 })?.reason).to.match(/no faster/)
    expect(tooSlow({ loads: true, adapter: unknown, speedup: 8 })).to.equal(undefined)
  })
})
