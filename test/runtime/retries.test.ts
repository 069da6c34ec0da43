import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { expect } from 'chai'
import { retryDelay } from '../../src/runtime/execute/attempts.js'
import { runProbe, startProbe, type ProbeStages } from '../support/probe.js'
import { countsOf, eventOf, eventsOf } from '../support/read-events.js'
import { workspaceForEach } from '../support/workspace.js'

const quickly = { retryDelay: '10ms' }
/** Dies at step 6 of 8 so many times. */
const dying = (times: number, signal: NodeJS.Signals = 'SIGSEGV'): ProbeStages => ({
  walk: { kind: 'crashing', params: { steps: 8, at: 6, times, signal, visits: 'visits' } },
})

describe('a stage whose worker crashes', () => {
  const workspace = workspaceForEach()

  it('is tried again, goes on from its checkpoint and leaves nothing of the dead attempt in its artifact', async () => {
    const run = await runProbe(workspace, dying(1), { policy: quickly })
    expect(countsOf(run)).to.deep.equal({ ran: 1, cached: 0, failed: 0, skipped: 0 })
    const retry = eventOf(run.events, 'stage-retrying', 'walk')
    expect(retry).to.include({ attempt: 2, of: 3 })
    expect(retry.because).to.match(/signal SIGSEGV/)
    const { fingerprint } = eventOf(run.events, 'stage-finished', 'walk')
    // The second attempt began where the first had saved last.
    expect(readdirSync(workspace.file('store', 'artifacts', fingerprint)).sort()).to.deep.equal([
      'from-6.txt',
      'value.txt',
    ])
    expect(eventsOf(run.events, 'stage-started')).to.have.length(1)
  })

  it('fails after as many retries as were allowed, and says so', async () => {
    const run = await runProbe(workspace, dying(9), { policy: { ...quickly, retries: 1 } })
    expect(run.code).to.equal(1)
    expect(eventsOf(run.events, 'stage-retrying').map(({ attempt, of }) => [attempt, of])).to.deep.equal([[2, 2]])
    expect(eventOf(run.events, 'stage-failed', 'walk').message).to.match(/signal SIGSEGV\) \(attempt 2 of 2\)$/)
    expect(readFileSync(workspace.file('visits'), 'utf8')).to.equal('..')
  })

  it('is not tried again with no retries', async () => {
    const run = await runProbe(workspace, dying(1), { policy: { retries: 0 } })
    expect(eventsOf(run.events, 'stage-retrying')).to.deep.equal([])
    expect(eventOf(run.events, 'stage-failed', 'walk').message).to.match(/signal SIGSEGV\)$/)
  })

  it('by a kill from elsewhere is told apart from a want of memory, and tried again', async () => {
    const run = await runProbe(workspace, dying(1, 'SIGKILL'), { policy: quickly })
    expect(run.code).to.equal(0)
    expect(eventOf(run.events, 'stage-retrying', 'walk').because).to.match(/^the worker was killed by another process/)
  })

  it('by losing its message channel is ended and tried again', async () => {
    const run = await runProbe(workspace, { mute: { kind: 'mute' } }, { policy: { ...quickly, retries: 1 } })
    expect(eventsOf(run.events, 'stage-retrying')).to.have.length(1)
    expect(eventOf(run.events, 'stage-failed', 'mute').message).to.match(/message channel|without a result \(exit code/)
  })

  it('leaves the others of the run alone, and they it', async () => {
    const stages: ProbeStages = {
      ...dying(1),
      other: { kind: 'steps', params: { steps: 20, ms: 20 } },
      after: { kind: 'join', reads: { walk: 'walk', other: 'other' } },
    }
    expect(countsOf(await runProbe(workspace, stages, { policy: quickly }))).to.include({ ran: 3, failed: 0 })
  })

  it('can be interrupted while it waits for its next attempt', async () => {
    const run = startProbe(workspace, dying(1), { policy: { retryDelay: '1h' } })
    await run.waitFor(({ type }) => type === 'stage-retrying')
    const asked = performance.now()
    run.signalGroup('SIGINT')
    expect((await run.done).code).to.equal(130)
    expect(performance.now() - asked).to.be.below(1_000)
  })
})

describe('a stage that says itself what is wrong', () => {
  const workspace = workspaceForEach()

  it('is not tried again: it would say the same', async () => {
    const stages: ProbeStages = {
      bad: { kind: 'fail', params: { message: 'the data is bad' } },
      bug: { kind: 'bug' },
      empty: { kind: 'empty' },
      gone: { kind: 'exit' },
    }
    const run = await runProbe(workspace, stages, { policy: quickly })
    expect(countsOf(run)).to.include({ failed: 4 })
    expect(eventsOf(run.events, 'stage-retrying')).to.deep.equal([])
  })

  it('is not tried again for want of memory, which would be as scarce', async () => {
    const message = 'Failed to allocate memory for requested buffer of size 1073741824'
    const run = await runProbe(workspace, { big: { kind: 'fail', params: { message } } }, { policy: quickly })
    expect(eventsOf(run.events, 'stage-retrying')).to.deep.equal([])
    expect(eventOf(run.events, 'stage-failed', 'big').message).to.match(/^out of memory: .*1073741824/)
    expect(existsSync(workspace.file('store', 'checkpoints'))).to.be.true
  })
})

describe('the pause before a retry', () => {
  it('doubles up to a minute, is drawn from the stage, and is the same every time', () => {
    for (const key of ['a', 'b', 'c']) {
      for (let attempt = 1; attempt <= 40; attempt++) {
        const whole = Math.min(60_000, 1_000 * 2 ** (attempt - 1))
        const delay = retryDelay(1_000, attempt, key)
        expect(delay).to.be.within(whole / 2, whole)
        expect(retryDelay(1_000, attempt, key)).to.equal(delay)
      }
    }
    expect(new Set(['a', 'b', 'c'].map((key) => retryDelay(1_000, 1, key)))).to.have.property('size', 3)
  })
})
