import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { pipeline } from '../../src/dsl/pipeline.js'
import { mnist } from '../../src/dsl/data.js'
import { vit } from '../../src/dsl/vit.js'
import { DefinitionError } from '../../src/dsl/definition-error.js'
import { stageGraph } from '../../src/runtime/definition/stage-graph.js'
import { stageTimeouts } from '../../src/runtime/execute/failure-policy.js'
import * as Effect from 'effect/Effect'
import { endsWithin } from '../support/child.js'
import { runCli } from '../support/cli.js'
import { runProbe, type ProbeStages } from '../support/probe.js'
import { countsOf, eventOf, eventsOf } from '../support/read-events.js'
import { workspaceForAll, workspaceForEach } from '../support/workspace.js'

const walk = (steps: number): ProbeStages => ({ walk: { kind: 'steps', params: { steps, ms: 50 } } })

describe('a stage at its time limit', () => {
  const workspace = workspaceForEach()

  it('is interrupted, says so, and goes on from its checkpoint in the next run', async () => {
    const run = await runProbe(workspace, walk(200), { policy: { stageTimeout: '6s' } })
    expect(run.code).to.equal(1)
    const { message, ms } = eventOf(run.events, 'stage-failed', 'walk')
    expect(message).to.match(/interrupted at its limit of 6 s; the next run goes on from its checkpoint/)
    expect(ms).to.be.within(6_000, 9_000)
    expect(eventsOf(run.events, 'stage-retrying')).to.deep.equal([])
    const again = await runProbe(workspace, walk(200))
    expect(countsOf(again)).to.include({ ran: 1 })
    expect(eventOf(again.events, 'stage-started', 'walk').resumes).to.be.true
  })

  it('says where there is nothing to go on from, and ends even what does not let itself be interrupted', async () => {
    const stages: ProbeStages = { stubborn: { kind: 'stubborn', params: { ms: 60_000, pidFile: 'pid' } } }
    const run = await runProbe(workspace, stages, { policy: { stageTimeout: '6s' } })
    expect(eventOf(run.events, 'stage-failed', 'stubborn').message).to.match(/left no checkpoint/)
    expect(await endsWithin(Number(readFileSync(workspace.file('pid'), 'utf8')), 1_000)).to.be.true
  })

  it('costs itself and what reads it; the rest finishes', async () => {
    const stages: ProbeStages = {
      ...walk(61),
      after: { kind: 'join', reads: { walk: 'walk' } },
      other: { kind: 'write', params: { text: 'other' } },
    }
    const run = await runProbe(workspace, stages, { timeouts: { walk: 500 } })
    expect(countsOf(run)).to.deep.equal({ ran: 1, cached: 0, failed: 1, skipped: 1 })
  })

  it('has one limit for all its attempts', async () => {
    const params = { steps: 2_000, at: 3, times: 99, signal: 'SIGSEGV', visits: 'visits' }
    const policy = { stageTimeout: '3s', retries: 99, retryDelay: '10ms' }
    const run = await runProbe(workspace, { walk: { kind: 'crashing', params } }, { policy })
    expect(eventOf(run.events, 'stage-failed', 'walk').message).to.match(/at its limit of 3 s/)
  })

  it('has the limit of the definition, which is no part of its identity', async () => {
    const stages = walk(8)
    const limits = { timeouts: { walk: 100 } }
    const run = await runProbe(workspace, { ...stages, free: { kind: 'steps', params: { steps: 9, ms: 50 } } }, limits)
    expect(eventOf(run.events, 'stage-failed', 'walk').message).to.match(/limit of 100 ms/)
    expect(countsOf(run)).to.include({ ran: 1, failed: 1 })
    const { fingerprint } = eventOf(run.events, 'stage-started', 'walk')
    const free = await runProbe(workspace, stages)
    expect(eventOf(free.events, 'stage-finished', 'walk').fingerprint).to.equal(fingerprint)
  })
})

describe('the option timeout of a pipeline', () => {
  const begin = (timeout: unknown) =>
    pipeline('p', { timeout: timeout as '2h' })
      .data(mnist())
      .teacher(vit({ embedDim: 24, depth: 3, numHeads: 3, patchSize: 7 }), { epochs: 1 })
      .toNode()
  const limitsOf = async (timeout: unknown, run?: number) => {
    const graph = await Effect.runPromise(stageGraph(begin(timeout)))
    const limit = stageTimeouts(graph, run)
    return Object.fromEntries([...graph.cells[0]!.stages].map(([name, node]) => [name, limit(node)]))
  }

  it('is of every stage, or of those that it names, and goes before that of the run', async () => {
    expect(await limitsOf('2h')).to.deep.equal({ data: 7_200_000, teacher: 7_200_000 })
    expect(await limitsOf({ teacher: '90min' }, 5)).to.deep.equal({ data: 5, teacher: 5_400_000 })
    expect(await limitsOf(undefined)).to.deep.equal({ data: undefined, teacher: undefined })
  })

  it('changes no stage', () => {
    expect(begin('2h').stages.map(({ params }) => params)).to.deep.equal(
      begin(undefined).stages.map(({ params }) => params),
    )
  })

  for (const [what, timeout, says] of [
    ['a unit that it does not know', '2 hours', /pipeline\.timeout is "2 hours": write a time such as 30s/],
    ['a number', 7_200, /pipeline\.timeout is 7200: write a time/],
    ['nothing at all', '0s', /pipeline\.timeout is "0s"/],
    ['a stage that is not there', { techer: '2h' }, /there is no stage 'techer': did you mean teacher\?/],
    ['a stage with no time', { teacher: 'soon' }, /of "teacher" is "soon"/],
  ] as const) {
    it(`refuses ${what}`, () => {
      expect(() => begin(timeout)).to.throw(DefinitionError, says)
    })
  }
})

describe('the flags of a failure policy', () => {
  const workspace = workspaceForAll()

  for (const [flags, says] of [
    [['--stage-timeout', 'soon'], /--stage-timeout is "soon"; it must be a time such as 30s, 90min, 2h or 1d/],
    [['--memory', '8'], /--memory is "8"; it must be a size such as 512MiB or 8GiB/],
    [['--silence', '-1s'], /--silence/],
    [['--retries', '-1'], /--retries/],
    [['--retry-delay', '1year'], /--retry-delay is "1year"/],
  ] as const) {
    it(`refuse ${flags.join(' ')} before anything runs, with exit code 2`, async () => {
      const { code, stderr, stdout } = await runCli(['run', 'none.js', ...flags], { cwd: workspace.path })
      expect(code).to.equal(2)
      expect(stderr + stdout).to.match(says)
    })
  }

  it('are in the help of genepool run, with their defaults', async () => {
    const { stdout } = await runCli(['run', '--help'], { cwd: workspace.path })
    const text = stdout.replace(/\s+/g, ' ')
    expect(text).to.match(/--retries.*default: 2/)
    expect(text).to.match(/--retry-delay.*default: 1s/)
    expect(text).to.match(/--stage-timeout.*default: no limit/)
    expect(text).to.match(/--memory.*default: no limit/)
    expect(text).to.match(/--silence.*default: 10min/)
  })
})
