import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { expect } from 'chai'
import type { Manifest } from '../../src/runtime/store/store.js'
import { planProbe, runProbe, type ProbeOptions, type ProbeStages } from '../support/probe.js'
import { countsOf, eventOf, eventsOf } from '../support/read-events.js'
import { workspaceForEach } from '../support/workspace.js'

/** Only `work` computes with an engine. */
const stages: ProbeStages = {
  text: { kind: 'write', params: { text: 'hello' } },
  work: { kind: 'steps', params: { steps: 1, ms: 1 }, reads: { text: 'text' } },
  end: { kind: 'join', reads: { work: 'work' } },
}
const onnx = (version: string): ProbeOptions => ({ engine: 'onnxruntime', device: 'cpu', version })
const onnxCuda = (version: string): ProbeOptions => ({ engine: 'onnxruntime', device: 'cuda', version })
const plain = (version: string): ProbeOptions => ({ engine: 'cpu', device: 'cpu', version })
const anyEngine = { reuse: 'any-engine' } as const

describe('an artifact of another engine', () => {
  const workspace = workspaceForEach()

  /** Runs where everything has to be made; gives the fingerprint of `work`. */
  const make = async (options: ProbeOptions): Promise<string> => {
    const run = await runProbe(workspace, stages, options)
    return eventOf(run.events, 'stage-finished', 'work').fingerprint
  }
  /** With any engine: the fingerprint of the artifact that is taken for `work`. */
  const taken = async (options: ProbeOptions): Promise<string> => {
    const run = await runProbe(workspace, stages, { ...options, ...anyEngine })
    expect(countsOf(run)).to.deep.equal({ ran: 0, cached: 3, failed: 0, skipped: 0 })
    return eventOf(run.events, 'stage-cached', 'work').fingerprint
  }
  const manifestPath = (fingerprint: string): string =>
    workspace.file('store', 'actions', fingerprint.slice(0, 2), `${fingerprint}.json`)
  const manifestOf = (fingerprint: string): Manifest => {
    const text = readFileSync(manifestPath(fingerprint), 'utf8')
    return JSON.parse(text.slice(text.indexOf('\n') + 1)) as Manifest
  }

  it('is not taken unless any engine will do; what computes nothing serves every engine', async () => {
    await make(onnx('1'))
    const run = await runProbe(workspace, stages, plain('1'))
    expect(eventOf(run.events, 'stage-started', 'work').reasons[0]?.type).to.equal('engine-changed')
    expect(eventsOf(run.events, 'stage-cached').map(({ stage }) => stage)).to.deep.equal(['text', 'end'])
    for (const event of eventsOf(run.events, 'stage-cached')) expect(event).not.to.have.property('madeBy')
  })

  for (const [what, options] of [
    ['another engine', plain('1')],
    ['another device', onnxCuda('1')],
    ['another version', onnx('2')],
  ] as const) {
    it(`is taken with any-engine from ${what}, and plan and events say what made it`, async () => {
      const fingerprint = await make(onnx('1'))
      const madeBy = { engine: 'onnxruntime', device: 'cpu', versions: { numbers: '1' } }
      const plan = await planProbe(workspace, stages, { ...options, ...anyEngine })
      expect(plan['work']).to.deep.include({ status: 'cached', reasons: [], madeBy })
      expect(plan['end']).to.deep.include({ status: 'cached' }).and.not.have.property('madeBy')
      const run = await runProbe(workspace, stages, { ...options, ...anyEngine })
      expect(eventOf(run.events, 'stage-cached', 'work')).to.deep.include({ fingerprint, madeBy })
      expect(countsOf(run)).to.deep.equal({ ran: 0, cached: 3, failed: 0, skipped: 0 })
      expect(manifestOf(fingerprint).identity.engine).to.deep.equal(madeBy)
    })
  }

  it('comes after an own one', async () => {
    await make(onnx('1'))
    const own = await make(plain('1'))
    await make(onnx('2'))
    expect(await taken(plain('1'))).to.equal(own)
  })

  it('is of the same engine and device where there is one, and the newest of these', async () => {
    await make(onnx('1'))
    const second = await make(onnx('2'))
    const cuda = await make(onnxCuda('1'))
    const other = await make(plain('1'))
    expect(await taken(onnx('3'))).to.equal(second)
    expect(await taken(onnxCuda('3'))).to.equal(cuda)
    expect(await taken(plain('3'))).to.equal(other)
    expect(await taken({ engine: 'tensorflow', device: 'cpu', version: '1' })).to.equal(other)
  })

  it('is not taken for other parameters, nor by a stage whose code changed', async () => {
    await make(onnx('1'))
    const others: ProbeStages = { ...stages, work: { ...stages['work']!, params: { steps: 2, ms: 1 } } }
    const plan = await planProbe(workspace, others, { ...plain('1'), ...anyEngine })
    expect(plan['work']?.status).to.equal('run')
    const code = workspace.file('stages', 'probe-stages.js')
    writeFileSync(code, readFileSync(code, 'utf8').replace('length: text.length', 'length: text.length + 0'))
    expect((await planProbe(workspace, stages, { ...plain('1'), ...anyEngine }))['text']?.status).to.equal('run')
  })

  it('that is damaged goes to quarantine, and the stage is made here', async () => {
    const lone: ProbeStages = { work: { kind: 'steps', params: { steps: 3, ms: 1 } } }
    const made = await runProbe(workspace, lone, onnx('1'))
    const { fingerprint } = eventOf(made.events, 'stage-finished', 'work')
    const [file] = Object.values(manifestOf(fingerprint).files)
    const blob = workspace.file('store', 'blobs', file!.sha256.slice(0, 2), file!.sha256)
    chmodSync(blob, 0o644)
    writeFileSync(blob, '2 steps')
    const run = await runProbe(workspace, lone, { ...plain('1'), ...anyEngine })
    expect(eventsOf(run.events, 'warning')[0]?.message).to.match(/damaged .*quarantine/)
    expect(countsOf(run)).to.deep.equal({ ran: 1, cached: 0, failed: 0, skipped: 0 })
    expect(readFileSync(blob, 'utf8')).to.equal('3 steps')
  })

  it('was made before this index was kept: it is not found, and made here', async () => {
    await make(onnx('1'))
    rmSync(workspace.file('store', 'equals'), { recursive: true })
    const run = await runProbe(workspace, stages, { ...plain('1'), ...anyEngine })
    expect(countsOf(run)).to.deep.equal({ ran: 1, cached: 2, failed: 0, skipped: 0 })
  })
})
