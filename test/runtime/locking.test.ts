import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync, utimesSync } from 'node:fs'
import { hostname } from 'node:os'
import { expect } from 'chai'
import type { RunEvent } from '../../src/runtime/events.js'
import { endsWithin, pause, type Running } from '../support/child.js'
import { runProbe, startProbe, type ProbeStages } from '../support/probe.js'
import { countsOf, eventOf, eventsOf, stagesWith } from '../support/read-events.js'
import { workspaceForAll } from '../support/workspace.js'

/** Goes on when the test says so, by writing the file. */
const pair = (go: string): ProbeStages => ({
  a: { kind: 'until', params: { go } },
  b: { kind: 'join', reads: { a: 'a' } },
})
const isWaiting = (event: RunEvent): boolean => event.type === 'stage-waiting'
const hasStarted = (event: RunEvent): boolean => event.type === 'stage-started'

describe('two runs of one store', () => {
  const workspace = workspaceForAll()
  const startPair = (name: string): Running => startProbe(workspace, pair(workspace.file(name)))

  it('at the same time do the work once; both end well', async () => {
    const runs = [startPair('one'), startPair('one')]
    await Promise.race(runs.map((run) => run.waitFor(isWaiting)))
    workspace.write('one', '')
    const ended = await Promise.all(runs.map(({ done }) => done))
    expect(ended.map(({ code }) => code)).to.deep.equal([0, 0])
    expect(ended.flatMap(({ events }) => stagesWith(events, 'stage-finished')).sort()).to.deep.equal(['a', 'b'])
    expect(readdirSync(workspace.file('store', 'locks'))).to.deep.equal([])
  })

  it('pass the work on when the one that does it is killed', async () => {
    const first = startPair('two')
    await first.waitFor(hasStarted)
    const second = startPair('two')
    await second.waitFor(isWaiting)
    first.signalGroup('SIGKILL')
    await second.waitFor(hasStarted)
    workspace.write('two', '')
    const { code, events } = await second.done
    expect(code).to.equal(0)
    expect(stagesWith(events, 'stage-finished')).to.deep.equal(['a', 'b'])
  })

  it('let the one that waits be interrupted; the other is not disturbed', async () => {
    const first = startPair('three')
    await first.waitFor(hasStarted)
    const second = startPair('three')
    await second.waitFor(isWaiting)
    second.signalGroup('SIGINT')
    expect((await second.done).code).to.equal(130)
    workspace.write('three', '')
    expect(countsOf(await first.done)).to.deep.equal({ ran: 2, cached: 0, failed: 0, skipped: 0 })
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

  // Only there can a zombie be told from the living.
  if (existsSync('/proc/self/stat')) {
    it('whose holder was killed and never buried, as in containers without init, is broken', async () => {
      const undertaker = spawn('sh', ['-c', 'sleep 0 & echo $!; exec sleep 60'], {
        stdio: ['ignore', 'pipe', 'ignore'],
      })
      try {
        const pid = await new Promise<number>((resolve) =>
          undertaker.stdout.once('data', (line: Buffer) => resolve(Number(line.toString()))),
        )
        expect(await endsWithin(pid, 2_000)).to.be.true
        const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
        const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
        expect(state).to.equal('Z')
        lockAs(JSON.stringify({ host: hostname(), pid, started: fields[18], token: 'x' }))
        const run = await runProbe(workspace, stages, {}, { timeoutMs: 5_000 })
        expect(countsOf(run)).to.deep.include({ ran: 1, failed: 0 })
      } finally {
        undertaker.kill()
      }
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
