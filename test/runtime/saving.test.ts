import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { expect } from 'chai'
import { patience } from '../../src/runtime/execute/patience.js'
import { runProbe, startProbe, type ProbeStages } from '../support/probe.js'
import { pause } from '../support/child.js'
import { countsOf, eventOf, eventsOf } from '../support/read-events.js'
import { workspaceForEach } from '../support/workspace.js'

const MiB = 2 ** 20

describe('an interrupted stage that has a checkpoint to save', () => {
  const workspace = workspaceForEach()
  const saving = (bytes: number, ms: number): ProbeStages => ({ big: { kind: 'slowSave', params: { bytes, ms } } })
  const begun = async (stages: ProbeStages) => {
    const run = startProbe(workspace, stages)
    await run.waitFor(({ type }) => type === 'stage-progress')
    return run
  }
  const checkpoint = (): readonly string[] => {
    const folder = workspace.file('store', 'checkpoints')
    return readdirSync(folder).flatMap((name) => readdirSync(workspace.file('store', 'checkpoints', name)))
  }

  it('has the time that a large one takes, is named by the run, and the next run goes on from it', async () => {
    const stages = saving(100 * MiB, 3_000)
    const run = await begun(stages)
    run.signalGroup('SIGINT')
    const { code, events } = await run.done
    expect(code).to.equal(130)
    expect(eventOf(events, 'stage-saving', 'big').bytes).to.equal(100 * MiB)
    expect(checkpoint()).to.deep.equal(['state'])
    const again = await runProbe(workspace, stages)
    expect(countsOf(again)).to.include({ ran: 1 })
    expect(eventOf(again.events, 'stage-started', 'big').resumes).to.be.true
  })

  it('is ended at once by a second Ctrl-C, and leaves no half of it', async () => {
    const run = await begun(saving(2_000 * MiB, 60_000))
    run.signalGroup('SIGINT')
    await run.waitFor(({ type }) => type === 'stage-saving')
    expect(checkpoint()).to.have.length(1)
    const asked = performance.now()
    run.signalGroup('SIGINT')
    expect((await run.done).code).to.equal(130)
    expect(performance.now() - asked).to.be.below(1_000)
    expect(readdirSync(workspace.file('store', 'checkpoints'))).to.deep.equal([])
  })

  it('of a small one has no more than it needs, and what it leaves half written is swept', async () => {
    const run = await begun(saving(MiB, 60_000))
    const asked = performance.now()
    run.signalGroup('SIGINT')
    expect((await run.done).code).to.equal(130)
    // It looked as if it was being written for as long as its file was new.
    expect(performance.now() - asked).to.be.below(5_000)
    expect(readdirSync(workspace.file('store', 'checkpoints'))).to.deep.equal([])
  })

  it('saves it too where the run was killed, and it took a while', async () => {
    const stages = saving(100 * MiB, 2_500)
    const run = await begun(stages)
    run.signal('SIGKILL')
    await run.done
    for (let tries = 0; tries < 100 && !checkpoint().includes('state'); tries++) await pause(50)
    expect(checkpoint()).to.deep.equal(['state'])
  })

  it('finds no half of one that a killed worker has left', async () => {
    const stages: ProbeStages = { walk: { kind: 'steps', params: { steps: 100, ms: 20, pidFile: 'pid' } } }
    const run = startProbe(workspace, stages)
    const started = await run.waitFor(({ type }) => type === 'stage-started')
    await run.waitFor(({ type }) => type === 'stage-progress')
    run.signalGroup('SIGKILL')
    await run.done
    const { fingerprint } = started as { fingerprint: string } & typeof started
    const half = workspace.file('store', 'checkpoints', fingerprint, 'training.safetensors.1.tmp')
    writeFileSync(half, 'half')
    const again = startProbe(workspace, stages)
    expect(await again.waitFor(({ type }) => type === 'stage-started')).to.include({ resumes: false })
    expect(existsSync(half)).to.be.false
    again.signalGroup('SIGINT')
    expect(eventsOf((await again.done).events, 'stage-interrupted')).to.have.length(1)
    expect(readFileSync(workspace.file('pid'), 'utf8')).not.to.equal('')
  })
})

describe('the patience with a worker that was asked to stop', () => {
  it('is a moment, whatever its steps take, where it saves nothing', () => {
    expect(patience(undefined, 0)).to.equal(700)
    expect(patience(undefined, 30_000)).to.equal(700)
  })

  it('is a moment for a small model, and grows with what is saved and with its steps', () => {
    expect(patience(2 * MiB, 20)).to.equal(700)
    expect(patience(264 * MiB, 20)).to.be.within(30_000, 90_000)
    expect(patience(2 * MiB, 5_000)).to.equal(10_000)
    expect(patience(1e15, 1e9)).to.equal(600_000)
  })
})

describe('a stage on a full disk', () => {
  const workspace = workspaceForEach()

  it('says so in a sentence with what to do, and is not tried again', async () => {
    // The words of the system, as a write to a full disk throws them.
    const message = 'ENOSPC: no space left on device, write'
    const run = await runProbe(workspace, { full: { kind: 'fail', params: { message } } })
    const failed = eventOf(run.events, 'stage-failed', 'full')
    expect(failed.message).to.match(/^the disk of .* is full \(.* free\), so the stage cannot write its result: ENOSPC/)
    expect(failed.hint).to.match(/^make room there and run again/)
    expect(eventsOf(run.events, 'stage-retrying')).to.deep.equal([])
  })
})
