import { existsSync, readdirSync, readFileSync } from 'node:fs'
import * as os from 'node:os'
import { expect } from 'chai'
import { leaseFolder } from '../../src/runtime/execute/leases.js'
import { type Running, pause } from '../support/child.js'
import { runProbe, startProbe, type ProbeOptions, type ProbeStages } from '../support/probe.js'
import { countsOf, eventOf, eventsOf } from '../support/read-events.js'
import { workspaceForEach } from '../support/workspace.js'

const cores = os.availableParallelism()

describe('runs of different stores on one machine', () => {
  const workspace = workspaceForEach()

  interface Span {
    readonly name: string
    readonly begin: number
    readonly end: number
    readonly threads: number
  }
  /** When the stages computed, by their own clock. */
  const spans = (): readonly Span[] => {
    const lines = readFileSync(workspace.file('log'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => line.split(' '))
    return lines
      .filter(([, what]) => what === 'begin')
      .map(([begin, , name, threads]) => {
        const end = lines.find(([, what, who]) => what === 'end' && who === name)
        return { name: name!, begin: Number(begin), end: Number(end?.[0]), threads: Number(threads) }
      })
  }
  const overlap = (a: Span, b: Span): boolean => a.begin < b.end && b.begin < a.end
  const mostAtOnce = (all: readonly Span[]): number =>
    Math.max(...all.map((span) => all.filter(({ begin, end }) => begin <= span.begin && span.begin < end).length))

  const stage = (name: string, kind = 'timed', more: object = {}, ms = 200): ProbeStages => ({
    [name]: { kind, params: { name, ms, log: 'log', ...more } },
  })
  const startIn = (store: string, stages: ProbeStages, options: ProbeOptions = {}): Running =>
    startProbe(workspace, stages, { store, name: store, ...options })
  const hasStarted = ({ type }: { type: string }): boolean => type === 'stage-started'
  const isWaiting = ({ type }: { type: string }): boolean => type === 'stage-waiting'
  /** Waits until so many stages have begun; rejects when a run ends before. */
  const untilBegun = async (count: number, runs: readonly Running[]): Promise<void> => {
    const ended = Promise.race(runs.map(({ done }) => done)).then(({ stderr }) => {
      throw new Error(`a run ended: ${stderr}`)
    })
    // Afterwards they may.
    ended.catch(() => {})
    const begun = () => (existsSync(workspace.file('log')) ? spans().length : 0)
    while (begun() < count) await Promise.race([ended, pause(20)])
  }
  const onGpu: ProbeOptions = { engine: 'onnxruntime', device: 'cuda' }

  it('share the cores: never more CPU stages than there are, and all are computed', async () => {
    const many = (run: string) =>
      Object.assign({}, ...Array.from({ length: cores + 1 }, (_, index) => stage(`${run}${index}`))) as ProbeStages
    const runs = ['a', 'b'].map((run) => startIn(run, many(run), { jobs: cores }))
    const ended = await Promise.all(runs.map(({ done }) => done))
    for (const run of ended) expect(countsOf(run)).to.include({ ran: cores + 1, failed: 0 })
    expect(spans()).to.have.length(2 * (cores + 1))
    expect(mostAtOnce(spans())).to.be.at.most(cores)
  })

  it('take turns on one GPU, and the one that waits says who has it', async () => {
    const first = startIn('a', stage('one', 'timedOnEngine', { go: 'go' }), onGpu)
    await first.waitFor(hasStarted)
    const second = startIn('b', stage('two', 'timedOnEngine'), onGpu)
    const waiting = await second.waitFor(isWaiting)
    expect(waiting).to.include({ resource: 'cuda:0', holder: `process ${first.pid} (one of a)` })
    workspace.write('go', '')
    await Promise.all([first.done, second.done])
    const [one, two] = spans()
    expect(overlap(one!, two!)).to.be.false
  })

  it('use two GPUs side by side, whatever number each run calls its own', async () => {
    const runs = ['cuda:0', 'cuda:1'].map((id, index) =>
      startIn(id, stage(`on${index}`, 'timedOnEngine', { go: 'go' }), { ...onGpu, gpu: { id } }),
    )
    // Neither ends before both have begun.
    await untilBegun(2, runs)
    workspace.write('go', '')
    for (const { done } of runs) expect(countsOf(await done)).to.include({ ran: 1 })
  })

  describe('share one GPU', () => {
    const GiB = 2 ** 30
    const gpu = { id: 'cuda:0', bytes: 10 * GiB }
    const stageOf = (name: string, gpuBytes: number): ProbeStages =>
      stage(name, 'timedOnEngine', { gpuBytes, go: 'go' })
    const startWith = (name: string, gpuBytes: number): Running =>
      startIn(name, stageOf(name, gpuBytes), { ...onGpu, gpu })

    it('where its memory holds both by their estimates', async () => {
      const runs = [startWith('one', 3 * GiB), startWith('two', 3 * GiB)]
      await untilBegun(2, runs)
      workspace.write('go', '')
      for (const { done } of runs) expect(countsOf(await done)).to.include({ ran: 1 })
    })

    it('with stages of the same run too', async () => {
      const run = startIn('a', { ...stageOf('one', 3 * GiB), ...stageOf('two', 3 * GiB) }, { ...onGpu, gpu, jobs: 2 })
      await untilBegun(2, [run])
      workspace.write('go', '')
      expect(countsOf(await run.done)).to.include({ ran: 2 })
    })

    it('not where it does not', async () => {
      const first = startWith('one', 5 * GiB)
      await untilBegun(1, [first])
      const second = startWith('two', 5 * GiB)
      await second.waitFor(isWaiting)
      workspace.write('go', '')
      await Promise.all([first.done, second.done])
      const [one, two] = spans()
      expect(overlap(one!, two!)).to.be.false
    })
  })

  it('leave the machine to a stage that measures time, and it waits for what computes', async () => {
    const first = startIn('a', { ...stage('one', 'timed', { go: 'go' }), ...stage('later') }, { jobs: 1 })
    await first.waitFor(hasStarted)
    const second = startIn('b', stage('alone', 'timedAlone'))
    expect(await second.waitFor(isWaiting)).to.include({ resource: 'machine' })
    workspace.write('go', '')
    await Promise.all([first.done, second.done])
    const all = spans()
    const alone = all.find(({ name }) => name === 'alone')!
    for (const each of all) if (each !== alone) expect(overlap(each, alone), each.name).to.be.false
    // First come, first served: it does not wait for what was only queued when it came.
    expect(all.map(({ name }) => name)).to.deep.equal(['one', 'alone', 'later'])
  })

  it('are not held up by one that was killed, nor by its queue', async () => {
    const first = startIn('a', stage('one', 'timedOnEngine', { go: 'never' }), onGpu)
    await first.waitFor(hasStarted)
    const queued = startIn('q', stage('queued', 'timedOnEngine'), onGpu)
    await queued.waitFor(isWaiting)
    for (const run of [first, queued]) {
      run.signalGroup('SIGKILL')
      await run.done
    }
    const second = await runProbe(
      workspace,
      stage('two', 'timedOnEngine'),
      { ...onGpu, store: 'b' },
      { timeoutMs: 40_000 },
    )
    expect(countsOf(second)).to.include({ ran: 1 })
    expect(readdirSync(workspace.file('node_modules', '.leases'))).to.deep.equal([])
  })

  it('leave a GPU to the worker of a killed run until that is gone', async () => {
    const slow = { slow: { kind: 'engineSlowSave', params: { bytes: 2 ** 30, ms: 2_000 } } }
    const first = startIn('a', slow, onGpu)
    await first.waitFor(({ type }) => type === 'stage-progress')
    first.signal('SIGKILL')
    await first.done
    const killed = Date.now()
    await runProbe(workspace, stage('two', 'timedOnEngine'), { ...onGpu, store: 'b' })
    expect(spans()[0]!.begin - killed).to.be.above(1_800)
  })

  it('go on without a registry that cannot be used, and say so once', async () => {
    workspace.write('occupied', '')
    const stages = { ...stage('one', 'timedOnEngine', {}, 50), ...stage('two', 'timedOnEngine', {}, 51) }
    const env = { GENEPOOL_LEASES: workspace.file('occupied') }
    const run = await runProbe(workspace, stages, { ...onGpu, jobs: 2 }, { env })
    expect(countsOf(run)).to.include({ ran: 2, failed: 0 })
    expect(eventsOf(run.events, 'warning').map(({ message }) => message)).to.have.length(1)
    expect(eventsOf(run.events, 'warning')[0]!.message).to.match(/other runs on this machine cannot be told/)
    const [one, two] = spans()
    expect(overlap(one!, two!)).to.be.false
  })

  it('touch no registry with nothing to do', async () => {
    const stages: ProbeStages = { text: { kind: 'write', params: { text: 'x' } } }
    await runProbe(workspace, stages)
    const run = await runProbe(workspace, stages, {}, { env: { GENEPOOL_LEASES: workspace.file('untouched') } })
    expect(countsOf(run)).to.include({ cached: 1 })
    expect(readdirSync(workspace.path)).not.to.include('untouched')
  })
})

describe('a second run of the same stages', () => {
  const workspace = workspaceForEach()

  it('does not wait for those that are only queued in the first', async () => {
    const stages: ProbeStages = {
      long: { kind: 'until', params: { go: 'go' } },
      short: { kind: 'write', params: { text: 'short' } },
    }
    // One job: the first run computes `long` and has `short` in its queue.
    const first = startProbe(workspace, stages, { jobs: 1 })
    await first.waitFor((event) => event.type === 'stage-started' && event.stage === 'long')
    await pause(200)
    const second = startProbe(workspace, stages, { jobs: 2 })
    await second.waitFor((event) => event.type === 'stage-finished' && event.stage === 'short')
    workspace.write('go', '')
    const [one, two] = await Promise.all([first.done, second.done])
    expect(eventOf(one.events, 'stage-cached', 'short')).to.include({ kind: 'write' })
    expect(countsOf(two)).to.deep.equal({ ran: 1, cached: 1, failed: 0, skipped: 0 })
  })
})

describe('the folder of the registry', () => {
  it("is the user's own for this time of the machine, unless it is placed elsewhere", () => {
    expect(leaseFolder({ GENEPOOL_LEASES: '/a/b', XDG_RUNTIME_DIR: '/run/user/7' })).to.equal('/a/b')
    expect(leaseFolder({ XDG_RUNTIME_DIR: '/run/user/7' })).to.equal('/run/user/7/genepool')
    expect(leaseFolder({})).to.match(/genepool-\w+$/)
  })
})
