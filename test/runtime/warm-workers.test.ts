import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { endsWithin, isAlive } from '../support/child.js'
import { runProbe, startProbe, type ProbeStage, type ProbeStages } from '../support/probe.js'
import { countsOf, eventOf, eventsOf } from '../support/read-events.js'
import { workspaceForEach } from '../support/workspace.js'

describe('a warm worker', () => {
  const workspace = workspaceForEach()
  const signed = (text: string): ProbeStage => ({ kind: 'signed', params: { text, log: 'log' } })
  const many = (count: number): ProbeStages =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`s${index}`, signed(`text ${index}`)]))
  /** Process ids of the workers, by the text that they left. */
  const signatures = (): ReadonlyMap<string, number> =>
    new Map(
      readFileSync(workspace.file('log'), 'utf8')
        .trim()
        .split('\n')
        .map((line) => [line.slice(line.indexOf(' ') + 1), Number.parseInt(line, 10)]),
    )
  const warm = { warm: true, jobs: 1, policy: { retryDelay: '10ms' } }

  it('computes stage after stage, each with its own parameters and artifact, and ends with the run', async () => {
    const run = await runProbe(workspace, many(20), warm)
    expect(countsOf(run)).to.deep.equal({ ran: 20, cached: 0, failed: 0, skipped: 0 })
    const pids = new Set(signatures().values())
    expect(pids).to.have.property('size', 1)
    for (const [name, { params }] of Object.entries(many(20))) {
      const { fingerprint } = eventOf(run.events, 'stage-finished', name)
      const left = readFileSync(workspace.file('store', 'artifacts', fingerprint, 'value.txt'), 'utf8')
      expect(left).to.equal((params as { text: string }).text)
    }
    for (const pid of pids) expect(await endsWithin(pid, 1_000)).to.be.true
  })

  it('is for kinds that say so: by default every stage has a process of its own', async () => {
    await runProbe(workspace, many(4), { jobs: 1 })
    expect(new Set(signatures().values())).to.have.property('size', 4)
  })

  it('that crashes costs that one stage, which is tried again in a fresh process', async () => {
    const stages: ProbeStages = {
      before: signed('before'),
      dies: { kind: 'signedOrDead', params: { text: 'dies', log: 'log', visits: 'visits' } },
      after: { ...signed('after'), reads: { dies: 'dies' } },
    }
    const run = await runProbe(workspace, stages, warm)
    expect(countsOf(run)).to.include({ ran: 3, failed: 0 })
    expect(eventsOf(run.events, 'stage-retrying').map(({ stage }) => stage)).to.deep.equal(['dies'])
  })

  it('whose stage fails is not used again', async () => {
    const stages: ProbeStages = {
      good: signed('good'),
      bad: { kind: 'fail', params: { message: 'no' } },
      exits: { kind: 'exit' },
      last: { ...signed('last'), reads: { good: 'good' } },
    }
    const run = await runProbe(workspace, stages, warm)
    expect(countsOf(run)).to.include({ ran: 2, failed: 2 })
    expect(eventOf(run.events, 'stage-failed', 'bad').message).to.equal('no')
    expect(eventOf(run.events, 'stage-failed', 'exits').message).to.match(/without a result \(exit code 0\)/)
  })

  it('at its time limit is ended, and the next stage has another', async () => {
    const stages: ProbeStages = {
      slow: { kind: 'steps', params: { steps: 1_000, ms: 20, pidFile: 'pid' } },
      other: signed('other'),
    }
    const run = await runProbe(workspace, stages, { ...warm, timeouts: { slow: 1_500 } })
    expect(countsOf(run)).to.include({ ran: 1, failed: 1 })
    expect(eventOf(run.events, 'stage-failed', 'slow').message).to.match(/next run goes on from its checkpoint/)
    expect(isAlive(Number(readFileSync(workspace.file('pid'), 'utf8')))).to.be.false
  })

  it('is interrupted like any other, with its checkpoint, within a second', async () => {
    const stages: ProbeStages = { walk: { kind: 'steps', params: { steps: 1_000, ms: 20, pidFile: 'pid' } } }
    const run = startProbe(workspace, { first: signed('first'), ...stages }, warm)
    await run.waitFor(({ type }) => type === 'stage-progress')
    const asked = performance.now()
    run.signalGroup('SIGINT')
    expect((await run.done).code).to.equal(130)
    expect(performance.now() - asked).to.be.below(1_000)
    expect(isAlive(Number(readFileSync(workspace.file('pid'), 'utf8')))).to.be.false
    const again = startProbe(workspace, stages, warm)
    expect(await again.waitFor(({ type }) => type === 'stage-started')).to.include({ resumes: true })
    again.signal('SIGKILL')
    await again.done
    expect(await endsWithin(Number(readFileSync(workspace.file('pid'), 'utf8')), 2_000)).to.be.true
  })

  it('goes with a run that is killed while it is idle', async () => {
    const stages: ProbeStages = { first: signed('first'), wait: { kind: 'until', params: { go: 'never' } } }
    const run = startProbe(workspace, stages, { ...warm, jobs: 2 })
    await run.waitFor(({ type }) => type === 'stage-finished')
    const pid = signatures().get('first')!
    expect(isAlive(pid)).to.be.true
    run.signal('SIGKILL')
    await run.done
    expect(await endsWithin(pid, 2_000)).to.be.true
  })

  it('makes a thousand cheap stages affordable', async () => {
    const run = await runProbe(workspace, many(300), { warm: true, jobs: 2 }, { timeoutMs: 110_000 })
    expect(countsOf(run)).to.include({ ran: 300, failed: 0 })
    expect(new Set(signatures().values()).size).to.be.at.most(2)
  })
})
