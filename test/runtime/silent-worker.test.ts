import { existsSync, readFileSync } from 'node:fs'
import { expect } from 'chai'
import { WorkerWatch, type WatchLimits } from '../../src/runtime/execute/worker-watch.js'
import { isAlive, pause } from '../support/child.js'
import { runProbe, startProbe } from '../support/probe.js'
import { countsOf, eventOf, eventsOf } from '../support/read-events.js'
import { workspaceForEach } from '../support/workspace.js'

const policy = { silence: '1.5s', retryDelay: '10ms' }

if (existsSync('/proc/self/stat')) {
  describe('a worker that goes silent', () => {
    const workspace = workspaceForEach()
    const warningsOf = (events: Parameters<typeof eventsOf>[0]) =>
      eventsOf(events, 'warning').map(({ message }) => message)

    it('and uses no processor time is hung: it is ended and tried again', async () => {
      const stages = { ice: { kind: 'frozen', params: { visits: 'visits', times: 1 } } }
      const run = await runProbe(workspace, stages, { policy })
      expect(countsOf(run)).to.include({ ran: 1, failed: 0 })
      expect(eventOf(run.events, 'stage-retrying', 'ice').because).to.match(
        /the worker hung: for 1\.\d+ s it said nothing and used no processor time/,
      )
    })

    it('and computes all the time is not ended, and a warning says so once', async () => {
      const run = await runProbe(workspace, { spin: { kind: 'spinning', params: { ms: 5_000 } } }, { policy })
      expect(countsOf(run)).to.include({ ran: 1, failed: 0 })
      expect(eventsOf(run.events, 'stage-retrying')).to.deep.equal([])
      expect(warningsOf(run.events)).to.have.length(1)
      expect(warningsOf(run.events)[0]).to.match(/^spin: has said nothing for .*; it computes all the time$/)
    })

    it('but for its signs of life, and gets no further, is not ended either, and a warning says so', async () => {
      const run = await runProbe(workspace, { stand: { kind: 'standing', params: { ms: 4_000 } } }, { policy })
      expect(countsOf(run)).to.include({ ran: 1, failed: 0 })
      expect(warningsOf(run.events)).to.have.length(1)
      expect(warningsOf(run.events)[0]).to.match(/^stand: has got no further for .* and uses no processor time$/)
    })

    it('because it was stopped is recognised, not ended, and goes on when it is told to', async () => {
      const stages = { walk: { kind: 'steps', params: { steps: 60, ms: 20, pidFile: 'pid' } } }
      const run = startProbe(workspace, stages, { policy })
      await run.waitFor(({ type }) => type === 'stage-progress')
      const pid = Number(readFileSync(workspace.file('pid'), 'utf8'))
      process.kill(pid, 'SIGSTOP')
      await run.waitFor((event) => event.type === 'warning' && /stopped \(SIGSTOP\)/.test(event.message))
      await pause(3_000)
      expect(isAlive(pid)).to.be.true
      process.kill(pid, 'SIGCONT')
      const finished = await run.done
      expect(countsOf(finished)).to.include({ ran: 1, failed: 0 })
      expect(eventsOf(finished.events, 'stage-retrying')).to.deep.equal([])
    })

    it('because it was stopped is still interrupted by Ctrl-C, with its checkpoint', async () => {
      const stages = { walk: { kind: 'steps', params: { steps: 600, ms: 20, pidFile: 'pid' } } }
      const run = startProbe(workspace, stages, { policy })
      await run.waitFor(({ type }) => type === 'stage-progress')
      process.kill(Number(readFileSync(workspace.file('pid'), 'utf8')), 'SIGSTOP')
      await pause(100)
      run.signal('SIGINT')
      expect((await run.done).code).to.equal(130)
      const again = startProbe(workspace, stages, { policy })
      expect(await again.waitFor(({ type }) => type === 'stage-started')).to.include({ resumes: true })
      again.signalGroup('SIGKILL')
      await again.done
    })
  })
}

describe('a worker as it is watched', () => {
  const told: string[] = []
  const watchOf = (limits: Partial<WatchLimits> = {}): WorkerWatch => {
    told.length = 0
    return new WorkerWatch({ silenceMs: 10_000, ...limits }, 0, (message) => told.push(message))
  }
  const sample = (cpuMs: number, more: object = {}) => ({
    cpuMs,
    rssBytes: 1_000,
    stopped: false,
    processes: [],
    ...more,
  })

  it('is hung after as long as it may be silent without processor time, and not before', () => {
    const watch = watchOf()
    for (let now = 500; now < 10_000; now += 500) expect(watch.look(now, sample(10)), String(now)).to.equal(undefined)
    expect(watch.look(10_000, sample(10))).to.deep.equal({ type: 'hung', ms: 10_000 })
  })

  it('is not hung as long as it says something or computes', () => {
    const watch = watchOf()
    for (let now = 500; now <= 100_000; now += 500) {
      if (now % 9_000 === 0) watch.spoke(now, now)
      expect(watch.look(now, sample(Math.floor(now / 9_500) * 60)), String(now)).to.equal(undefined)
    }
  })

  it('is not blamed for time in which nobody watched: the run was stopped, or the machine asleep', () => {
    const watch = watchOf({ timeoutMs: 20_000 })
    expect(watch.look(500, sample(10))).to.equal(undefined)
    expect(watch.look(3_600_000, sample(10))).to.equal(undefined)
    expect(watch.look(3_600_500, sample(10))).to.equal(undefined)
    expect(told).to.deep.equal([])
  })

  it('is only told of where nothing is known of its processes', () => {
    const watch = watchOf()
    for (let now = 500; now <= 60_000; now += 500) expect(watch.look(now, undefined)).to.equal(undefined)
    expect(told).to.deep.equal(['has said nothing for 10 s'])
  })

  it('is told of again when it has spoken in between', () => {
    const watch = watchOf()
    for (let now = 500; now <= 40_000; now += 500) {
      if (now === 20_000) watch.spoke(now, 1)
      watch.look(now, sample(now))
    }
    expect(told).to.have.length(2)
  })

  it('is over its memory or its time as soon as it is', () => {
    expect(watchOf({ memoryBytes: 999 }).look(1, sample(0))).to.deep.equal({ type: 'over-memory', bytes: 1_000 })
    expect(watchOf({ memoryBytes: 1_000 }).look(1, sample(0))).to.equal(undefined)
    expect(watchOf({ timeoutMs: 500 }).look(500, sample(0))).to.deep.equal({ type: 'timed-out' })
  })
})
