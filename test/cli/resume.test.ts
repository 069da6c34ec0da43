import { readdirSync } from 'node:fs'
import { expect } from 'chai'
import type { RunEvent } from '../../src/runtime/events.js'
import { runCli, startCli } from '../support/cli.js'
import { contentsOf, eventOf, eventsOf } from '../support/read-events.js'
import { tinyPipeline } from '../support/tiny-pipeline.js'
import { workspaceForAll } from '../support/workspace.js'

/** Long enough to be killed in the middle of it, many epochs in. */
const epochs = 60

const inEpoch =
  (stage: string, epoch: number) =>
  (event: RunEvent): boolean =>
    event.type === 'stage-progress' && event.stage === stage && (event.epoch ?? 0) >= epoch

describe('training that was cut off', () => {
  const workspace = workspaceForAll()
  const args = (store: string, jobs: number): readonly string[] =>
    `run tiny.ts --json --only stitch --store ${store} --jobs ${jobs}`.split(' ')
  const contents: Record<string, string> = {}
  const checkpoints = (): number => readdirSync(workspace.file('cut', 'checkpoints')).length

  before(() => {
    workspace.write('tiny.ts', tinyPipeline({ epochs }))
  })

  it('by Ctrl-C stops within a second, with exit code 130 and a checkpoint', async () => {
    const run = startCli(args('cut', 2), { cwd: workspace.path })
    await run.waitFor(inEpoch('teacher', 2))
    const asked = performance.now()
    run.signalGroup('SIGINT')
    const { code, stderr, events } = await run.done
    expect(performance.now() - asked).to.be.below(1_000)
    expect([code, stderr]).to.deep.equal([130, ''])
    expect(events.at(-1)).to.deep.include({ type: 'run-finished', interrupted: true, ran: 1 })
    expect(checkpoints()).to.equal(1)
    Object.assign(contents, contentsOf(events))
    const { stdout } = await runCli(['runs', '--store', 'cut', '--json'], { cwd: workspace.path })
    expect(JSON.parse(stdout)).to.deep.include({ state: 'interrupted', ran: 1, cached: 0, failed: 0 })
  })

  it('by kill -9 of the whole group goes on from the last epoch', async () => {
    const run = startCli(args('cut', 2), { cwd: workspace.path })
    await run.waitFor(inEpoch('distill/small', 3))
    run.signalGroup('SIGKILL')
    const { signal, events } = await run.done
    expect(signal).to.equal('SIGKILL')
    expect(eventOf(events, 'stage-started', 'teacher').resumes).to.be.true
    Object.assign(contents, contentsOf(events))
    expect(contents).to.have.keys('data', 'teacher')
    expect(checkpoints()).to.be.within(1, 2)
  })

  it('ends with the bytes of a training that was left alone, whatever the number of jobs', async () => {
    const resumed = await runCli(args('cut', 2), { cwd: workspace.path })
    expect(eventOf(resumed.events, 'stage-started', 'distill/small').resumes).to.be.true
    const progress = eventsOf(resumed.events, 'stage-progress').find(
      ({ stage, epoch }) => stage === 'distill/small' && epoch !== undefined,
    )
    expect(progress?.epoch).to.be.above(1)
    Object.assign(contents, contentsOf(resumed.events))
    const whole = await runCli(args('whole', 1), { cwd: workspace.path })
    expect([resumed.code, whole.code]).to.deep.equal([0, 0])
    expect(contents).to.deep.equal(contentsOf(whole.events))
    expect(Object.keys(contents)).to.have.length(6)
    expect(checkpoints()).to.equal(0)
  })
})
