import { readdirSync } from 'node:fs'
import { expect } from 'chai'
import type { PlannedStage, RunEvent } from '../../src/runtime/events.js'
import { runCli, startCli } from '../support/cli.js'
import type { Finished } from '../support/child.js'
import { contentsOf, countsOf, eventOf, eventsOf, stagesWith } from '../support/read-events.js'
import { workspaceForAll } from '../support/workspace.js'

interface Epochs {
  readonly teacher?: number
  readonly distill?: number
  readonly stitch?: number
}

/** Of every stage that trains its own number of epochs, of two batches each. */
const pipelineOf = (schedule: string, { teacher = 2, distill = 2, stitch = 2 }: Epochs): string => `
import { mnist, pipeline, vit } from 'genepool'

const train = { batchSize: 32, ${schedule} }

export default pipeline('extend', { seed: 1 })
  .data(mnist({ take: 64, takeTest: 50 }))
  .teacher(vit({ embedDim: 12, depth: 2, numHeads: 3, patchSize: 14 }), { ...train, epochs: ${teacher} })
  .distill(
    { small: { embedDim: 6, depth: 2, numHeads: 3 }, wide: { embedDim: 12, depth: 2, numHeads: 3 } },
    { ...train, positions: 'end', emaDecay: 0.9, dropPath: 0.1, epochs: ${distill} },
  )
  .pool()
  .stitch({ from: 'small', to: 'wide', init: 'leastSquares' }, { ...train, epochs: ${stitch} })
  .evaluate()
`

describe('a training with more epochs', () => {
  const workspace = workspaceForAll()

  const run = (schedule: string, epochs: Epochs, args: string): Promise<Finished> => {
    workspace.write('extend.ts', pipelineOf(schedule, epochs))
    return runCli(`run extend.ts --json ${args}`.split(' '), { cwd: workspace.path, timeoutMs: 100_000 })
  }
  const plan = async (schedule: string, epochs: Epochs, args: string): Promise<readonly PlannedStage[]> => {
    workspace.write('extend.ts', pipelineOf(schedule, epochs))
    const { stdout } = await runCli(`plan extend.ts --json ${args}`.split(' '), { cwd: workspace.path })
    return stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as PlannedStage)
  }
  /** Training steps that a stage did in this run, from its last report, which counts images from where it resumed. */
  const trained = (events: readonly RunEvent[], stage: string): number => {
    const reports = eventsOf(events, 'stage-progress').filter(
      (event) => event.stage === stage && event.epoch !== undefined,
    )
    return (reports.at(-1)?.images ?? 0) / 32
  }
  const constant = "schedule: 'constant'"

  it('does the missing ones alone, and comes to the content of one in a store of its own', async () => {
    await run(constant, {}, '--store grown')
    const extended = await run(constant, { distill: 4 }, '--store grown')
    expect(stagesWith(extended.events, 'stage-cached')).to.deep.equal(['data', 'teacher'])
    for (const stage of ['distill/small', 'distill/wide']) {
      expect(eventOf(extended.events, 'stage-started', stage).goesOnFrom, stage).to.include({ at: 2, unit: 'epoch' })
      expect(trained(extended.events, stage), stage).to.equal(4)
    }
    expect(trained(extended.events, 'stitch')).to.equal(4)
    const stitched = await run(constant, { distill: 4, stitch: 5 }, '--store grown')
    expect(trained(stitched.events, 'stitch')).to.equal(6)
    expect(countsOf(stitched)).to.deep.include({ ran: 2, cached: 5 })

    const whole = await run(constant, { distill: 4, stitch: 5 }, '--store whole')
    const found = { ...contentsOf(extended.events), ...contentsOf(stitched.events) }
    expect(Object.keys(found)).to.have.length(5)
    expect(contentsOf(whole.events)).to.deep.include(found)
  })

  it('has left every shorter one: with fewer epochs nothing trains', async () => {
    const stitches = await run(constant, { distill: 4, stitch: 3 }, '--store grown')
    expect(stagesWith(stitches.events, 'stage-started')).to.deep.equal(['evaluate'])
    const students = await run(constant, { distill: 3 }, '--store whole')
    expect(stagesWith(students.events, 'stage-started')).to.deep.equal(['evaluate', 'pool', 'stitch'])
    const alone = await run(constant, { distill: 3 }, '--store alone')
    expect(contentsOf(alone.events)).to.deep.include(contentsOf(students.events))
  })

  it('says in the plan and in the run from where it goes on', async () => {
    const planned = await plan(constant, { distill: 4, stitch: 7 }, '--store grown')
    expect(planned.find(({ stage }) => stage === 'stitch')).to.deep.include({
      status: 'run',
      reasons: [
        { type: 'parameter-changed', parameter: 'train.epochs', before: 3, now: 7 },
        { type: 'goes-on', at: 5, unit: 'epoch' },
      ],
    })
    const { stdout } = await runCli('run extend.ts --only stitch --store grown'.split(' '), { cwd: workspace.path })
    expect(stdout).to.include('▶ stitch  started: train.epochs 3 → 7; goes on from epoch 5\n')
  })

  it('of the default cosine trains from the start, and says why', async () => {
    await run('lr: 1e-3', {}, '--store cosine --only teacher')
    workspace.write('extend.ts', pipelineOf('lr: 1e-3', { teacher: 4 }))
    const sentence =
      'train.epochs 2 → 4; train.warmupEpochs 0.1 → 0.2; trains from the start: ' +
      "the cosine's rate depends on the number of epochs (scheduleEpochs or schedule: 'constant' lets it go on)"
    const planned = await runCli('plan extend.ts --store cosine'.split(' '), { cwd: workspace.path })
    expect(planned.stdout).to.match(/^teacher +run +.*train\.epochs 2 → 4; /m)
    expect(planned.stdout).to.include(sentence)
    const { stdout } = await runCli('run extend.ts --only teacher --store cosine'.split(' '), { cwd: workspace.path })
    expect(stdout).to.include(`▶ teacher  started: ${sentence}\n`)
    const back = await run('lr: 1e-3', { teacher: 3 }, '--store cosine --only teacher')
    expect(trained(back.events, 'teacher')).to.equal(6)
    expect(eventsOf(back.events, 'stage-milestone')).to.have.length(0)
  })

  it('of a cosine over more epochs goes on up to its end, which is the default’s', async () => {
    await run('scheduleEpochs: 4', {}, '--store horizon --only teacher')
    const end = await run('scheduleEpochs: 4', { teacher: 4 }, '--store horizon --only teacher')
    expect(trained(end.events, 'teacher')).to.equal(4)
    const plain = await run('lr: 5e-4', { teacher: 4 }, '--store plain --only teacher')
    expect(contentsOf(end.events)['teacher']).to.equal(contentsOf(plain.events)['teacher'])
  })

  it('that is interrupted, and killed, goes on from there, to the same content', async () => {
    const epochs = 30
    const inEpoch = (epoch: number) => (event: RunEvent) =>
      event.type === 'stage-progress' && event.stage === 'teacher' && (event.epoch ?? 0) >= epoch
    const args = 'run extend.ts --json --only teacher --store cut'.split(' ')
    await run(constant, { teacher: 4 }, '--only teacher --store cut')
    workspace.write('extend.ts', pipelineOf(constant, { teacher: epochs }))
    for (const [signal, epoch] of [
      ['SIGINT', 6],
      ['SIGKILL', 12],
    ] as const) {
      const cut = startCli(args, { cwd: workspace.path })
      await cut.waitFor(inEpoch(epoch))
      cut.signalGroup(signal)
      const { events } = await cut.done
      expect(eventsOf(events, 'stage-finished')).to.have.length(0)
    }
    const resumed = await run(constant, { teacher: epochs }, '--only teacher --store cut')
    expect(eventOf(resumed.events, 'stage-started', 'teacher').resumes).to.be.true
    expect(trained(resumed.events, 'teacher')).to.be.below(2 * (epochs - 10))
    const whole = await run(constant, { teacher: epochs }, '--only teacher --store uncut')
    expect(contentsOf(resumed.events)['teacher']).to.equal(contentsOf(whole.events)['teacher'])
    expect(readdirSync(workspace.file('cut', 'checkpoints'))).to.deep.equal([])
  })
})
