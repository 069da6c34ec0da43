import { writeFileSync } from 'node:fs'
import { expect } from 'chai'
import { probeSuite, runProbeSuite, planProbe, type ProbeStages, type ProbeSuite } from '../support/probe.js'
import { countsOf, eventsOf, stagesWith } from '../support/read-events.js'
import { workspaceForAll, workspaceForEach } from '../support/workspace.js'

/** Data for all cells, a teacher a seed, a student a position, a stitch a start. */
const method = (positions: readonly string[], starts: readonly string[], seeds = [0, 1]): ProbeSuite =>
  probeSuite({ init: starts, positions }, seeds, ({ init, positions: at }, seed) => ({
    data: { kind: 'write', params: { text: 'images' } },
    teacher: { kind: 'write', params: { text: `teacher ${seed}` } },
    'distill/tiny': { kind: 'note', params: { at: at! }, reads: { data: 'data', teacher: 'teacher' } },
    stitch: { kind: 'note', params: { init: init! }, reads: { student: 'distill/tiny' } },
  }))

describe('a run of a suite', () => {
  const workspace = workspaceForAll()
  const two = method(['end', 'mid'], ['learned', 'random'])

  it('runs each distinct stage once, and says how many were asked for', async () => {
    const run = await runProbeSuite(workspace, two)
    expect(run.code, run.stderr).to.equal(0)
    expect(countsOf(run)).to.deep.equal({ ran: 15, cached: 0, failed: 0, skipped: 0 })
    const sharing = { cells: 8, asked: 32, distinct: 15 }
    expect(eventsOf(run.events, 'run-started')[0]).to.deep.include({ stages: 15, suite: sharing })
    const { suite } = eventsOf(run.events, 'run-finished')[0]!
    expect(suite).to.deep.include(sharing)
    expect(suite?.outcomes).to.have.length(8)
    expect(suite?.outcomes[0]).to.deep.equal({
      name: 'init=learned,positions=end,seed=0',
      at: { init: 'learned', positions: 'end' },
      seed: 0,
      state: 'done',
    })
    expect(stagesWith(run.events, 'stage-finished')).to.include.members([
      'data',
      'teacher[seed=1]',
      'distill/tiny[positions=end,seed=0]',
      'stitch[init=random,positions=mid,seed=1]',
    ])
  })

  it('runs only what is new when an axis gets one value more', async () => {
    const run = await runProbeSuite(workspace, method(['end', 'mid'], ['learned', 'random', 'composed']))
    expect(countsOf(run)).to.deep.include({ ran: 4, cached: 15, failed: 0 })
    expect(stagesWith(run.events, 'stage-started')).to.deep.equal(
      ['end', 'mid'].flatMap((at) => [0, 1].map((seed) => `stitch[init=composed,positions=${at},seed=${seed}]`)),
    )
  })

  it('has the same stages whatever the order of its cells', async () => {
    const run = await runProbeSuite(workspace, { ...two, cells: [...two.cells].reverse() })
    expect(countsOf(run)).to.deep.equal({ ran: 0, cached: 15, failed: 0, skipped: 0 })
  })

  it('says for each of its stages why it would run', async () => {
    const changed = probeSuite({ init: ['learned', 'random'], positions: ['end', 'mid'] }, [0, 1], (at, seed) => {
      const cell = two.cells.find(
        (each) => each.seed === seed && each.at['init'] === at['init'] && each.at['positions'] === at['positions'],
      )!
      return { ...cell.stages, stitch: { ...cell.stages['stitch']!, params: { init: at['init']!, more: true } } }
    })
    const plan = await planProbe(workspace, changed)
    expect(plan['teacher[seed=0]']).to.deep.include({ status: 'cached', reasons: [] })
    expect(plan['stitch[init=learned,positions=end,seed=0]']).to.deep.include({
      status: 'run',
      reasons: [{ type: 'parameter-changed', parameter: 'more', before: null, now: true }],
    })
  })

  it('with only takes every stage called so, and what it needs', async () => {
    const small = method(['end', 'mid'], ['learned', 'random'], [0])
    const run = await runProbeSuite(workspace, small, { only: 'distill/tiny', store: 'other' })
    expect(countsOf(run)).to.deep.include({ ran: 4 })
    expect(eventsOf(run.events, 'run-started')[0]?.suite).to.deep.equal({ cells: 4, asked: 12, distinct: 4 })
    const one = await runProbeSuite(workspace, small, { only: 'stitch[seed=0,init=random]', store: 'other' })
    expect(stagesWith(one.events, 'stage-started')).to.deep.equal([
      'stitch[init=random,positions=end]',
      'stitch[init=random,positions=mid]',
    ])
  })

  it('with only has no cell done of which stages were left out', async () => {
    const starts = probeSuite({ init: ['learned', 'random', 'none'] }, [0], ({ init }): ProbeStages => {
      const teacher: ProbeStages = { teacher: { kind: 'write', params: { text: 'teacher' } } }
      return init === 'none' ? teacher : { ...teacher, stitch: { kind: 'note', params: { init: init! } } }
    })
    const { events } = await runProbeSuite(workspace, starts, { only: 'teacher', store: 'other' })
    const { outcomes = [] } = eventsOf(events, 'run-finished')[0]?.suite ?? {}
    expect(outcomes.map(({ state }) => state)).to.deep.equal(['skipped', 'skipped', 'done'])
  })

  it('names its stages where there is none called so', async () => {
    const run = await runProbeSuite(workspace, two, { only: 'teacher[seed=7]' })
    expect(run.code).to.equal(2)
    expect(run.stderr).to.match(
      /there is no stage 'teacher\[seed=7\]' in suite 'probe'[^]*its stages are data, .*teacher\[seed=0\]/,
    )
  })
})

describe('a cell of a suite', () => {
  const workspace = workspaceForEach()

  it('fails alone: the others finish, and the end says which failed and why', async () => {
    const suite = probeSuite({ init: ['good', 'bad', 'worse'] }, [0, 1], ({ init }, seed): ProbeStages => {
      const fails = init === 'worse' || (init === 'bad' && seed === 1)
      return {
        data: { kind: 'write', params: { text: 'images' } },
        stitch: fails
          ? { kind: 'fail', params: { message: `no ${init} stitch` }, reads: { data: 'data' } }
          : { kind: 'join', params: { init: init!, seed }, reads: { data: 'data' } },
        evaluate: { kind: 'join', reads: { stitch: 'stitch' } },
      }
    })
    const run = await runProbeSuite(workspace, suite)
    expect(run.code).to.equal(1)
    // Both seeds of `worse` fail as one stage.
    expect(countsOf(run)).to.deep.include({ failed: 2, skipped: 2 })
    const { outcomes = [] } = eventsOf(run.events, 'run-finished')[0]?.suite ?? {}
    expect(Object.fromEntries(outcomes.map(({ name, state }) => [name, state]))).to.deep.equal({
      'init=good,seed=0': 'done',
      'init=good,seed=1': 'done',
      'init=bad,seed=0': 'done',
      'init=bad,seed=1': 'failed',
      'init=worse,seed=0': 'failed',
      'init=worse,seed=1': 'failed',
    })
    expect(outcomes.flatMap(({ failure }) => failure ?? [])).to.deep.equal([
      { stage: 'stitch[init=bad,seed=1]', message: 'no bad stitch' },
      { stage: 'stitch[init=worse]', message: 'no worse stitch' },
      { stage: 'stitch[init=worse]', message: 'no worse stitch' },
    ])
  })

  it('is skipped, not failed, where the run stops at the first failure of another', async () => {
    const suite = probeSuite({ init: ['bad', 'good'] }, [0], ({ init }) => ({
      stitch: { kind: init === 'bad' ? 'fail' : 'write', params: { message: 'no', text: 'x' } },
    }))
    const run = await runProbeSuite(workspace, suite, { jobs: 1, failFast: true })
    const { outcomes = [] } = eventsOf(run.events, 'run-finished')[0]?.suite ?? {}
    expect(outcomes.map(({ state }) => state)).to.deep.equal(['failed', 'skipped'])
  })

  it('runs beside others, up to the number of jobs', async () => {
    const go = workspace.file('go')
    const suite = probeSuite({ n: [1, 2, 3] }, [0], ({ n }) => ({ wait: { kind: 'until', params: { go, n: n! } } }))
    const running = runProbeSuite(workspace, suite, { jobs: 3 })
    // Were they run one after another, the first would wait for ever.
    const started = setInterval(() => writeFileSync(go, ''), 1_500)
    const run = await running
    clearInterval(started)
    expect(countsOf(run)).to.deep.include({ ran: 3 })
    const order = run.events.filter(({ type }) => type === 'stage-started' || type === 'stage-finished')
    expect(order.slice(0, 3).map(({ type }) => type)).to.deep.equal(Array(3).fill('stage-started'))
  })

  it('is finished before the next is begun, where there is one job', async () => {
    const suite = probeSuite({ n: [1, 2] }, [0], ({ n }) => ({
      teacher: { kind: 'note', params: { n: n! } },
      stitch: { kind: 'note', params: { n: n! }, reads: { teacher: 'teacher' } },
      evaluate: { kind: 'note', reads: { stitch: 'stitch' } },
    }))
    const { events } = await runProbeSuite(workspace, suite, { jobs: 1 })
    expect(eventsOf(events, 'stage-started').map(({ stage }) => stage)).to.deep.equal(
      [1, 2].flatMap((n) => ['teacher', 'stitch', 'evaluate'].map((stage) => `${stage}[n=${n}]`)),
    )
  })

  it('that comes to the same inputs as another computes nothing of its own', async () => {
    // Texts of one length are different stages; what is measured of them is not.
    const suite = probeSuite({ text: ['aa', 'bb', 'cc'] }, [0], ({ text }) => ({
      data: { kind: 'write', params: { text: text! } },
      length: { kind: 'measure', reads: { from: 'data' } },
      slow: { kind: 'join', reads: { length: 'length' } },
    }))
    const run = await runProbeSuite(workspace, suite, { jobs: 3 })
    expect(run.code, run.stderr).to.equal(0)
    expect(eventsOf(run.events, 'run-finished')[0]?.suite).to.deep.include({ asked: 9, distinct: 9 })
    const slow = eventsOf(run.events, 'stage-started').filter(({ stage }) => stage.startsWith('slow'))
    expect(slow).to.have.length(1)
    expect(countsOf(run)).to.deep.equal({ ran: 7, cached: 2, failed: 0, skipped: 0 })
  })
})
