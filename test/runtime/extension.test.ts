import { chmodSync, existsSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import type { RunEvent } from '../../src/runtime/events.js'
import type { Manifest } from '../../src/runtime/store/store.js'
import { planProbe, probeSuite, runProbe, runProbeSuite, startProbe, type ProbeStages } from '../support/probe.js'
import { contentsOf, countsOf, eventOf, eventsOf } from '../support/read-events.js'
import { workspaceForEach } from '../support/workspace.js'

const flipBit = (path: string): void => {
  chmodSync(path, 0o644)
  const bytes = readFileSync(path)
  const at = bytes.length >> 1
  bytes[at] = (bytes[at] ?? 0) ^ 1
  writeFileSync(path, bytes)
}

describe('a stage that extends', () => {
  const workspace = workspaceForEach()

  const climb = (to: number, params: object = {}): ProbeStages => ({
    climb: { kind: 'climb', params: { to, ms: 5, log: workspace.file('log'), ...params } },
  })
  /** The numbers that were counted since this was last asked, by whomever. */
  const counted = (): readonly number[] => {
    const log = workspace.file('log')
    const numbers = existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n').map(Number) : []
    if (existsSync(log)) truncateSync(log)
    return numbers.filter((number) => number > 0)
  }
  /** What counting so far leaves in a store of its own. */
  const clean = async (to: number, params: object = {}): Promise<string> => {
    const { events } = await runProbe(workspace, climb(to, params), { store: `clean ${to}` })
    counted()
    return contentsOf(events)['climb']!
  }
  const from = (events: readonly RunEvent[]): number | undefined =>
    eventOf(events, 'stage-started', 'climb').goesOnFrom?.at
  const manifestOf = (fingerprint: string, store = 'store'): Manifest => {
    const file = workspace.file(store, 'actions', fingerprint.slice(0, 2), `${fingerprint}.json`)
    return JSON.parse(readFileSync(file, 'utf8').split('\n')[1]!) as Manifest
  }
  const blobOf = (fingerprint: string, name: string): string => {
    const { sha256 } = manifestOf(fingerprint).files[name]!
    return workspace.file('store', 'blobs', sha256.slice(0, 2), sha256)
  }

  it('goes on from the longest shorter one, to the content of one that was never cut', async () => {
    for (const to of [2, 4]) await runProbe(workspace, climb(to))
    counted()
    const { events } = await runProbe(workspace, climb(7))
    expect(counted()).to.deep.equal([5, 6, 7])
    expect(from(events)).to.equal(4)
    expect(contentsOf(events)['climb']).to.equal(await clean(7))
  })

  it('is there where a longer one has come by: nothing runs, and the content is its own', async () => {
    const long = await runProbe(workspace, climb(6))
    expect(eventsOf(long.events, 'stage-milestone').map(({ at }) => at)).to.deep.equal([1, 2, 3, 4, 5])
    counted()
    for (const to of [4, 1]) {
      const short = await runProbe(workspace, climb(to))
      expect(countsOf(short)).to.deep.include({ ran: 0, cached: 1 })
      const { fingerprint } = eventOf(short.events, 'stage-cached', 'climb')
      expect(manifestOf(fingerprint).content).to.equal(await clean(to))
      expect(manifestOf(fingerprint).made.milestoneOf).to.equal(
        eventOf(long.events, 'stage-finished', 'climb').fingerprint,
      )
    }
  })

  it('leaves nothing twice, and cuts off what follows where that comes out the same', async () => {
    const followed = (to: number): ProbeStages => ({
      ...climb(to),
      length: { kind: 'measure', reads: { from: 'climb' } },
      after: { kind: 'join', reads: { length: 'length' } },
    })
    await runProbe(workspace, followed(5))
    const longer = await runProbe(workspace, followed(7))
    expect(eventsOf(longer.events, 'stage-milestone').map(({ at }) => at)).to.deep.equal([6])
    expect(countsOf(longer)).to.deep.include({ ran: 3 })
    expect(countsOf(await runProbe(workspace, followed(6)))).to.deep.include({ cached: 1 })
  })

  it('goes on from nothing that differs in anything but its end', async () => {
    await runProbe(workspace, climb(3))
    counted()
    for (const other of [{ tag: 'other' }, { ms: 6 }]) {
      expect(from((await runProbe(workspace, climb(4, other))).events)).to.equal(undefined)
      expect(counted()).to.deep.equal([1, 2, 3, 4])
    }
    const reading = (text: string, to: number): ProbeStages => {
      const { kind, params } = climb(to)['climb']!
      return { text: { kind: 'write', params: { text } }, climb: { kind, params, reads: { text: 'text' } } }
    }
    await runProbe(workspace, reading('one', 3))
    counted()
    expect(from((await runProbe(workspace, reading('two', 4))).events)).to.equal(undefined)
    expect(from((await runProbe(workspace, reading('one', 4))).events)).to.equal(3)
    expect(counted()).to.deep.equal([1, 2, 3, 4, 4])
    const newer = await runProbe(workspace, climb(5), { version: '2' })
    expect(from(newer.events)).to.equal(undefined)
  })

  it('goes on from no other engine’s, also where any engine’s result will do', async () => {
    await runProbe(workspace, climb(3), { engine: 'cpu' })
    counted()
    const other = await runProbe(workspace, climb(5), { engine: 'onnxruntime', reuse: 'any-engine' })
    expect(from(other.events)).to.equal(undefined)
    expect(counted()).to.deep.equal([1, 2, 3, 4, 5])
    const hit = await runProbe(workspace, climb(5), { engine: 'cpu', reuse: 'any-engine' })
    expect(countsOf(hit)).to.deep.include({ cached: 1 })
  })

  it('keeps what is on its way every so many times, as it is told; that is no part of what it is', async () => {
    const sparse = await runProbe(workspace, climb(7, { every: 3 }))
    expect(eventsOf(sparse.events, 'stage-milestone').map(({ at }) => at)).to.deep.equal([3, 6])
    const none = await runProbe(workspace, climb(9, { every: 0 }))
    expect(eventsOf(none.events, 'stage-milestone')).to.have.length(0)
    expect(from(none.events)).to.equal(7)
    expect(countsOf(await runProbe(workspace, climb(7, { every: 1 })))).to.deep.include({ cached: 1 })
    expect(contentsOf(none.events)['climb']).to.equal(await clean(9))
  })

  it('goes on from the one before where the longest is damaged, which is told and mended', async () => {
    await runProbe(workspace, climb(2))
    const { events } = await runProbe(workspace, climb(4, { every: 0 }))
    flipBit(blobOf(eventOf(events, 'stage-finished', 'climb').fingerprint, 'reached'))
    counted()
    const longer = await runProbe(workspace, climb(6))
    expect(from(longer.events)).to.equal(2)
    expect(counted()).to.deep.equal([3, 4, 5, 6])
    expect(eventsOf(longer.events, 'warning').map(({ message }) => message)).to.deep.equal([
      'the stored artifact of climb is damaged (reached); it was moved to quarantine',
    ])
    expect(contentsOf(longer.events)['climb']).to.equal(await clean(6))
    expect(countsOf(await runProbe(workspace, climb(4)))).to.deep.include({ cached: 1 })
  })

  it('killed at any time leaves what is whole: the next run goes on, to the same content', async () => {
    const kill = async (to: number, step: number): Promise<void> => {
      const run = startProbe(workspace, climb(to))
      await run.waitFor((event) => event.type === 'stage-progress' && event.step >= step)
      run.signalGroup('SIGKILL')
      await run.done
    }
    await runProbe(workspace, climb(3))
    for (const step of [8, 20, 40]) await kill(60, step)
    const { events } = await runProbe(workspace, climb(60))
    expect(eventOf(events, 'stage-started', 'climb').resumes).to.be.true
    expect(contentsOf(events)['climb']).to.equal(await clean(60))
    expect(readdirSync(workspace.file('store', 'staging'))).to.deep.equal([])
    const manifests = readdirSync(workspace.file('store', 'actions'), { recursive: true, withFileTypes: true })
      // A kill half-way through a write leaves a file that is not called so yet.
      .filter((entry) => entry.isFile() && entry.name.endsWith('.json'))
      .map((entry) => JSON.parse(readFileSync(join(entry.parentPath, entry.name), 'utf8').split('\n')[1]!) as Manifest)
    // Those that the killed runs had not got round to are missing; what is there is what it says.
    expect(manifests.length).to.be.above(15)
    for (const { files, identity } of manifests) {
      const { sha256 } = files['reached']!
      const bytes = readFileSync(workspace.file('store', 'blobs', sha256.slice(0, 2), sha256), 'utf8')
      expect(Number(bytes)).to.equal((identity.params as { readonly to: number }).to)
    }
  })

  it('runs beside a shorter and a longer one; each comes to its own content', async () => {
    const runs = [12, 30, 20].map((to) => startProbe(workspace, climb(to)))
    const ended = await Promise.all(runs.map(({ done }) => done))
    expect(ended.map(({ code }) => code)).to.deep.equal([0, 0, 0])
    for (const [index, to] of [12, 30, 20].entries()) {
      const { events } = ended[index]!
      const [hit] = eventsOf(events, 'stage-cached')
      const content = hit === undefined ? contentsOf(events)['climb'] : manifestOf(hit.fingerprint).content
      expect(content, String(to)).to.equal(await clean(to))
    }
    expect(readdirSync(workspace.file('store', 'staging'))).to.deep.equal([])
    expect(readdirSync(workspace.file('store', 'locks'))).to.deep.equal([])
  })

  it('of a suite over its end does nothing twice, in whatever order', async () => {
    const ends = [2, 7, 4]
    const suite = probeSuite({ to: ends }, [1], ({ to }) => climb(Number(to)))
    const { code, events } = await runProbeSuite(workspace, suite, { jobs: 1 })
    expect(code).to.equal(0)
    expect(counted().toSorted((a, b) => a - b)).to.deep.equal([1, 2, 3, 4, 5, 6, 7])
    expect(eventsOf(events, 'stage-finished').length + eventsOf(events, 'stage-cached').length).to.equal(3)
  })

  it('does not keep what it leaves once a file that it reads has changed', async () => {
    const file = workspace.write('source.txt', 'before')
    const run = startProbe(workspace, climb(40, { file, ms: 50 }))
    await run.waitFor((event) => event.type === 'stage-milestone' && event.at >= 3)
    writeFileSync(file, 'after, and longer')
    const { code, events } = await run.done
    expect(code).to.equal(1)
    const kept = eventsOf(events, 'stage-milestone').map((event) => event.at)
    expect(kept).to.include(3)
    expect(Math.max(...kept)).to.be.below(35)
  })

  it('does not keep what it leaves once an artifact that it reads is damaged', async () => {
    const { kind, params } = climb(40, { ms: 50 })['climb']!
    const stages: ProbeStages = {
      text: { kind: 'write', params: { text: 'as it was' } },
      climb: { kind, params, reads: { text: 'text' } },
    }
    const run = startProbe(workspace, stages)
    await run.waitFor((event) => event.type === 'stage-milestone' && event.at >= 3)
    const shown = readdirSync(workspace.file('store', 'artifacts'), { recursive: true, withFileTypes: true }).find(
      (entry) => entry.isFile() && readFileSync(join(entry.parentPath, entry.name), 'utf8') === 'as it was',
    )!
    // A link to the very blob.
    flipBit(join(shown.parentPath, shown.name))
    const { events } = await run.done
    // Its result is thrown away; the stage is made again from what its input was.
    const again = events.findLastIndex((event) => event.type === 'stage-started' && event.stage === 'climb')
    const kept = eventsOf(events.slice(0, again), 'stage-milestone').map(({ at }) => at)
    expect(Math.max(...kept)).to.be.within(3, 34)
    expect(eventsOf(events, 'warning')[0]?.message).to.match(
      /^climb as it was after number \d+ was not stored: the stored/,
    )
    expect(eventsOf(events, 'stage-finished').map(({ stage }) => stage)).to.deep.equal(['text', 'text', 'climb'])
  })

  it('keeps nothing where nothing was left on its way, says so, and goes on', async () => {
    const run = await runProbe(workspace, climb(4, { emptyAt: 2 }))
    expect(eventsOf(run.events, 'stage-milestone').map(({ at }) => at)).to.deep.equal([1, 3])
    expect(eventsOf(run.events, 'warning').map(({ message }) => message)).to.deep.equal([
      'climb as it was after number 2 was not stored: it left no file',
    ])
    expect(countsOf(run)).to.deep.include({ ran: 1, failed: 0 })
  })

  it('says in the plan from where it goes on, and that it begins anew where it must', async () => {
    const reasons = async (stages: ProbeStages) => (await planProbe(workspace, stages))['climb']!.reasons
    expect(await reasons(climb(3))).to.deep.equal([{ type: 'never-ran' }])
    await runProbe(workspace, climb(3, { follows: 3 }))
    const moved = { type: 'parameter-changed', parameter: 'to', before: 3, now: 5 }
    expect(await reasons(climb(5, { follows: 3 }))).to.deep.equal([moved, { type: 'goes-on', at: 3, unit: 'number' }])
    await runProbe(workspace, climb(3, { follows: 3, closed: true }))
    const follows = { type: 'parameter-changed', parameter: 'follows', before: 3, now: 5 }
    const fromStart = { type: 'from-start', because: 'it is closed' }
    expect(await reasons(climb(5, { follows: 5, closed: true }))).to.deep.equal([moved, follows, fromStart])
    const other = (await reasons(climb(5, { follows: 3, closed: true, tag: 1 }))).map(({ type }) => type)
    expect(other).to.deep.equal(['parameter-changed', 'parameter-changed'])
  })
})
