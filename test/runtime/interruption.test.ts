import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { expect } from 'chai'
import { endsWithin, isAlive, pause } from '../support/child.js'
import { runProbe, startProbe, type ProbeStages } from '../support/probe.js'
import { countsOf, eventOf, eventsOf } from '../support/read-events.js'
import { workspaceForAll } from '../support/workspace.js'

const walk = (steps: number): ProbeStages => ({
  walk: { kind: 'steps', params: { steps, ms: 40, pidFile: `${steps}.pid` } },
})
const stubborn = (ms: number): ProbeStages => ({ stubborn: { kind: 'stubborn', params: { ms, pidFile: `${ms}.pid` } } })

const emptyFolders = ['staging', 'locks'] as const

describe('an interrupted run', () => {
  const workspace = workspaceForAll()
  /** The id that a worker has written, as soon as it has. */
  const workerPid = async (name: number): Promise<number> => {
    const file = workspace.file(`${name}.pid`)
    while (!existsSync(file) || readFileSync(file, 'utf8') === '') await pause(20)
    return Number(readFileSync(file, 'utf8'))
  }
  const atStep = (step: number) => (event: { type: string; step?: number }) =>
    event.type === 'stage-progress' && (event.step ?? 0) >= step

  it('by Ctrl-C ends within a second with exit code 130, leaves a checkpoint and nothing else', async () => {
    const run = startProbe(workspace, walk(30))
    await run.waitFor(atStep(10))
    const asked = performance.now()
    run.signalGroup('SIGINT')
    const { code, events, stderr } = await run.done
    expect(performance.now() - asked).to.be.below(1_000)
    expect(code).to.equal(130)
    expect(stderr).to.equal('')
    expect(eventsOf(events, 'stage-interrupted').map(({ resumable }) => resumable)).to.deep.equal([true])
    expect(events.at(-1)).to.deep.include({ type: 'run-finished', interrupted: true, ran: 0, failed: 0 })
    for (const folder of emptyFolders) expect(readdirSync(workspace.file('store', folder)), folder).to.deep.equal([])
    expect(readdirSync(workspace.file('store', 'checkpoints'))).to.have.length(1)
    expect(isAlive(await workerPid(30))).to.be.false
  })

  it('is gone on with where it stopped; the checkpoint goes once the artifact is there', async () => {
    const { code, events } = await runProbe(workspace, walk(30))
    expect(code).to.equal(0)
    expect(eventOf(events, 'stage-started', 'walk').resumes).to.be.true
    expect(eventsOf(events, 'stage-progress')[0]?.step).to.be.above(10)
    expect(readdirSync(workspace.file('store', 'checkpoints'))).to.deep.equal([])
  })

  it('by SIGKILL of the run alone takes its worker with it, which saves its checkpoint first', async () => {
    const run = startProbe(workspace, walk(31))
    await run.waitFor(atStep(3))
    const pid = await workerPid(31)
    expect(isAlive(pid)).to.be.true
    run.signal('SIGKILL')
    expect((await run.done).signal).to.equal('SIGKILL')
    expect(await endsWithin(pid, 2_000)).to.be.true
    const { events } = await runProbe(workspace, walk(31))
    expect(eventOf(events, 'stage-started', 'walk').resumes).to.be.true
  })

  it('by SIGKILL takes even a worker that does not let itself be interrupted', async () => {
    const run = startProbe(workspace, stubborn(20_000))
    const pid = await workerPid(20_000)
    run.signal('SIGKILL')
    await run.done
    expect(await endsWithin(pid, 2_000)).to.be.true
  })

  it('by Ctrl-C ends within a second even when a stage does not let itself be interrupted', async () => {
    const run = startProbe(workspace, stubborn(20_001))
    const pid = await workerPid(20_001)
    const asked = performance.now()
    run.signalGroup('SIGINT')
    expect((await run.done).code).to.equal(130)
    expect(performance.now() - asked).to.be.below(1_000)
    expect(isAlive(pid)).to.be.false
  })

  it('whose whole group was killed blocks nothing: its lock is broken and its folders are swept', async () => {
    const run = startProbe(workspace, walk(32))
    await run.waitFor(atStep(3))
    run.signalGroup('SIGKILL')
    await run.done
    for (const folder of emptyFolders) expect(readdirSync(workspace.file('store', folder)), folder).not.to.be.empty
    const other: ProbeStages = { other: { kind: 'write', params: { text: 'other' } } }
    expect((await runProbe(workspace, other)).code).to.equal(0)
    for (const folder of emptyFolders) expect(readdirSync(workspace.file('store', folder)), folder).to.deep.equal([])
    const again = await runProbe(workspace, walk(32), {}, { timeoutMs: 15_000 })
    expect(countsOf(again)).to.deep.equal({ ran: 1, cached: 0, failed: 0, skipped: 0 })
    for (const folder of emptyFolders) expect(readdirSync(workspace.file('store', folder)), folder).to.deep.equal([])
  })

  it('names as interrupted only what had started, timed from there', async () => {
    const stages: ProbeStages = {
      long: { kind: 'steps', params: { steps: 40, ms: 50 } },
      interrupted: { kind: 'steps', params: { steps: 100, ms: 40 } },
      waiting: { kind: 'steps', params: { steps: 100, ms: 41 } },
    }
    const run = startProbe(workspace, stages, { jobs: 1 })
    await run.waitFor((event) => event.type === 'stage-progress' && event.stage === 'interrupted')
    run.signalGroup('SIGINT')
    const { events } = await run.done
    // While the first ran, for longer than that, the others waited for its slot.
    expect(eventOf(events, 'stage-interrupted', 'interrupted').ms).to.be.below(
      eventOf(events, 'stage-finished', 'long').ms,
    )
    expect(eventsOf(events, 'stage-interrupted')).to.have.length(1)
  })

  it('by Ctrl-C before anything began ends as an interruption too', async () => {
    const run = startProbe(workspace, walk(33))
    await pause(350)
    run.signalGroup('SIGINT')
    const { code, signal, stderr } = await run.done
    expect(signal === 'SIGINT' || code === 130, `${code} ${signal}`).to.be.true
    expect(stderr).to.equal('')
  })
})
