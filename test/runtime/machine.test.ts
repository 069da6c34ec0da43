import { readFileSync } from 'node:fs'
import * as os from 'node:os'
import { expect } from 'chai'
import type { Manifest } from '../../src/runtime/store/store.js'
import { planProbe, runProbe, type ProbeOptions, type ProbeStages } from '../support/probe.js'
import { countsOf, eventOf, stagesWith } from '../support/read-events.js'
import { workspaceForAll } from '../support/workspace.js'

/** `clock` is exclusive and holds for its machine only. */
const clock = (ms: number, reads: Readonly<Record<string, string>> = {}) => ({ kind: 'clock', params: { ms }, reads })

describe('a stage that measures time', () => {
  const workspace = workspaceForAll()
  const manifestOf = (store: string, fingerprint: string): Manifest => {
    const file = workspace.file(store, 'actions', fingerprint.slice(0, 2), `${fingerprint}.json`)
    const text = readFileSync(file, 'utf8')
    return JSON.parse(text.slice(text.indexOf('\n') + 1)) as Manifest
  }

  it('runs when nothing else of its run computes, on all cores', async () => {
    const stages: ProbeStages = {
      slow: { kind: 'steps', params: { steps: 3, ms: 150 } },
      first: clock(200),
      second: clock(201),
      late: { kind: 'steps', params: { steps: 2, ms: 151 } },
      after: { kind: 'join', reads: { first: 'first' } },
    }
    const { events } = await runProbe(workspace, stages, { jobs: 3, store: 'alone' })
    const computing = new Set<string>()
    for (const event of events) {
      if (event.type === 'stage-started') {
        if (['first', 'second'].includes(event.stage)) {
          expect([...computing], `beside ${event.stage}`).to.deep.equal([])
          expect(event.threads).to.equal(os.availableParallelism())
        }
        for (const alone of ['first', 'second']) expect(computing.has(alone), event.stage).to.be.false
        computing.add(event.stage)
      } else if (event.type === 'stage-finished') computing.delete(event.stage)
    }
    expect(stagesWith(events, 'stage-finished')).to.deep.equal(['after', 'first', 'late', 'second', 'slow'])
  })

  it('waits for a stage on the GPU too', async () => {
    const stages: ProbeStages = { gpu: { kind: 'steps', params: { steps: 2, ms: 152 } }, time: clock(50) }
    const { events } = await runProbe(workspace, stages, { device: 'cuda', engine: 'onnxruntime', store: 'gpu' })
    const order = events.flatMap((event) =>
      event.type === 'stage-started' || event.type === 'stage-finished' ? [`${event.type} ${event.stage}`] : [],
    )
    expect(order).to.deep.equal([
      'stage-started gpu',
      'stage-finished gpu',
      'stage-started time',
      'stage-finished time',
    ])
  })

  it('has the machine in its identity, and no other stage has', async () => {
    const stages: ProbeStages = { text: { kind: 'write', params: { text: 'x' } }, time: clock(1, { text: 'text' }) }
    const { events } = await runProbe(workspace, stages, { deviceName: 'GPU of this machine', store: 'identity' })
    const [text, time] = ['text', 'time'].map((stage) => eventOf(events, 'stage-finished', stage).fingerprint)
    expect(manifestOf('identity', text!).identity).not.to.have.property('machine')
    expect(manifestOf('identity', time!).identity.machine).to.deep.equal({
      processor: os.cpus()[0]!.model.trim().replace(/\s+/g, ' '),
      cores: os.availableParallelism(),
      device: 'GPU of this machine',
    })
  })

  describe('is measured again', () => {
    const stages: ProbeStages = {
      work: { kind: 'steps', params: { steps: 1, ms: 1 } },
      time: clock(1, { work: 'work' }),
    }
    const one: ProbeOptions = { store: 'again', deviceName: 'one', reuse: 'any-engine' }

    before(() => runProbe(workspace, stages, one))

    it('on another machine, and says so', async () => {
      const plan = await planProbe(workspace, stages, { ...one, deviceName: 'two' })
      expect(plan['work']?.status).to.equal('cached')
      const reason = plan['time']?.reasons[0]
      expect(plan['time']?.status).to.equal('run')
      expect(reason?.type).to.equal('machine-changed')
      expect(reason)
        .to.have.property('before')
        .that.matches(/, one$/)
      expect(reason)
        .to.have.property('now')
        .that.matches(/, two$/)
    })

    it('on another engine, where any engine will do for everything else', async () => {
      const other: ProbeOptions = { ...one, engine: 'onnxruntime' }
      const plan = await planProbe(workspace, stages, other)
      expect(plan['work']).to.deep.include({ status: 'cached' }).and.have.property('madeBy')
      expect(plan['time']).to.deep.include({ status: 'run' })
      expect(plan['time']?.reasons.map(({ type }) => type)).to.deep.equal(['engine-changed'])
      expect(countsOf(await runProbe(workspace, stages, other))).to.deep.include({ ran: 1, cached: 1 })
    })

    it('not at all on the same machine and engine', async () => {
      expect(countsOf(await runProbe(workspace, stages, one))).to.deep.include({ ran: 0, cached: 2 })
    })
  })
})
