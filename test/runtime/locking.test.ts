import { readdirSync, rmSync, utimesSync } from 'node:fs'
import { hostname } from 'node:os'
import { expect } from 'chai'
import { pause } from '../support/child.js'
import { runProbe, startProbe, type ProbeStages } from '../support/probe.js'
import { countsOf, eventOf, eventsOf, stagesWith } from '../support/read-events.js'
import { workspaceForAll } from '../support/workspace.js'

/** Takes longer than a second run needs to start. */
const pair = (steps: number): ProbeStages => ({
  a: { kind: 'steps', params: { steps, ms: 40 } },
  b: { kind: 'join', reads: { a: 'a' } },
  c: { kind: 'write', params: { text: String(steps) } },
})

describe('two runs of one store', () => {
  const workspace = workspaceForAll()

  it('at the same time do the work once; both end well', async () => {
    const runs = await Promise.all([runProbe(workspace, pair(40)), runProbe(workspace, pair(40))])
    expect(runs.map(({ code }) => code)).to.deep.equal([0, 0])
    const finished = runs.flatMap(({ events }) => stagesWith(events, 'stage-finished'))
    expect(finished.sort()).to.deep.equal(['a', 'b', 'c'])
    expect(runs.flatMap(({ events }) => stagesWith(events, 'stage-waiting'))).to.include('a')
    expect(readdirSync(workspace.file('store', 'locks'))).to.deep.equal([])
  })

  it('pass the work on when the one that does it is killed', async () => {
    const first = startProbe(workspace, pair(41))
    await first.waitFor((event) => event.type === 'stage-progress')
    const second = startProbe(workspace, pair(41))
    await second.waitFor((event) => event.type === 'stage-waiting')
    first.signalGroup('SIGKILL')
    const { code, events } = await second.done
    expect(code).to.equal(0)
    expect(stagesWith(events, 'stage-finished')).to.include.members(['a', 'b'])
  })

  it('let the one that waits be interrupted; the other is not disturbed', async () => {
    const first = startProbe(workspace, pair(42))
    await first.waitFor((event) => event.type === 'stage-progress')
    const second = startProbe(workspace, pair(42))
    await second.waitFor((event) => event.type === 'stage-waiting')
    second.signalGroup('SIGINT')
    expect((await second.done).code).to.equal(130)
    expect(countsOf(await first.done)).to.deep.equal({ ran: 3, cached: 0, failed: 0, skipped: 0 })
  })

  it('under two names in one run do the work once too', async () => {
    const same = { kind: 'steps', params: { steps: 5, ms: 20 } }
    const run = await runProbe(workspace, { left: same, right: same }, { jobs: 2 })
    expect(countsOf(run)).to.deep.equal({ ran: 1, cached: 1, failed: 0, skipped: 0 })
  })
})

describe('a lock', () => {
  const workspace = workspaceForAll()
  const stages: ProbeStages = { a: { kind: 'write', params: { text: 'a' } } }
  let fingerprint = ''

  /** Takes the artifact away and leaves a lock in the name of this holder. */
  const lockAs = (holder: string): void => {
    rmSync(workspace.file('store', 'actions'), { recursive: true, force: true })
    workspace.write(`store/locks/${fingerprint}.lock`, holder)
  }

  before(async () => {
    fingerprint = eventOf((await runProbe(workspace, stages)).events, 'stage-finished', 'a').fingerprint
  })

  for (const [what, holder] of [
    ['whose process id belongs to somebody else by now', { host: hostname(), pid: process.pid, started: '1' }],
    ['whose holder is dead', { host: hostname(), pid: 2 ** 22 - 1, started: '1' }],
    ['that names nobody', null],
  ] as const) {
    it(`${what} is broken`, async () => {
      lockAs(holder === null ? '{"host":' : JSON.stringify({ ...holder, token: 'x' }))
      const run = await runProbe(workspace, stages, {}, { timeoutMs: 15_000 })
      expect(countsOf(run)).to.deep.equal({ ran: 1, cached: 0, failed: 0, skipped: 0 })
    })
  }

  it('of another machine that still gives signs of life is respected', async () => {
    lockAs(JSON.stringify({ host: 'elsewhere', pid: 1, started: '1', token: 'x' }))
    const run = startProbe(workspace, stages)
    const waiting = await run.waitFor((event) => event.type === 'stage-waiting')
    expect(waiting).to.deep.include({ holder: 'process 1 on elsewhere' })
    await pause(300)
    run.signalGroup('SIGINT')
    expect(eventsOf((await run.done).events, 'stage-started')).to.deep.equal([])
  })

  it('of another machine that has given none for long is broken', async () => {
    lockAs(JSON.stringify({ host: 'elsewhere', pid: 1, started: '1', token: 'x' }))
    const longAgo = new Date(Date.now() - 60_000)
    utimesSync(workspace.file('store', 'locks', `${fingerprint}.lock`), longAgo, longAgo)
    expect((await runProbe(workspace, stages, {}, { timeoutMs: 15_000 })).code).to.equal(0)
  })
})
