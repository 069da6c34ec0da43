import { readdirSync } from 'node:fs'
import { expect } from 'chai'
import type { Finished } from '../support/child.js'
import { runProbe, type ProbeStages } from '../support/probe.js'
import { countsOf, eventOf, stagesWith } from '../support/read-events.js'
import { workspaceForAll } from '../support/workspace.js'

/** What a message must not have: a frame of a stack, or more than a sentence or two. */
const expectSentence = (message: string): void => {
  expect(message).not.to.match(/\n|\bat .*:\d+:\d+|\d+: 0x/)
  expect(message.length).to.be.within(10, 400)
}

describe('a failing stage', () => {
  const workspace = workspaceForAll()

  it('leaves independent stages to finish, skips what reads it and makes the exit code 1', async () => {
    const stages: ProbeStages = {
      slow: { kind: 'steps', params: { steps: 4, ms: 100 } },
      good: { kind: 'write', params: { text: 'good' } },
      broken: { kind: 'fail', params: { message: 'the data is bad' } },
      child: { kind: 'join', reads: { broken: 'broken' } },
      grandchild: { kind: 'join', reads: { child: 'child' } },
      after: { kind: 'join', reads: { slow: 'slow', good: 'good' } },
    }
    const run = await runProbe(workspace, stages)
    expect(run.code).to.equal(1)
    expect(countsOf(run)).to.deep.equal({ ran: 3, cached: 0, failed: 1, skipped: 2 })
    expect(eventOf(run.events, 'stage-failed', 'broken').message).to.equal('the data is bad')
    expect(eventOf(run.events, 'stage-skipped', 'grandchild')).to.include({
      because: 'it reads child, which is not there',
      failed: 'broken',
    })
    expect(stagesWith(run.events, 'stage-finished')).to.deep.equal(['after', 'good', 'slow'])
    const again = await runProbe(workspace, stages)
    expect(countsOf(again)).to.deep.equal({ ran: 0, cached: 3, failed: 1, skipped: 2 })
  })

  it('is timed from its start, not from when it began to wait for a slot', async () => {
    const stages: ProbeStages = {
      slow: { kind: 'steps', params: { steps: 4, ms: 500 } },
      broken: { kind: 'fail', params: { message: 'after a while' } },
    }
    const { events } = await runProbe(workspace, stages, { jobs: 1 })
    const { ms } = eventOf(events, 'stage-failed', 'broken')
    expect(ms).to.be.within(1, eventOf(events, 'stage-finished', 'slow').ms)
  })

  it('with failFast lets nothing new start, not even what was waiting for its turn', async () => {
    const stages: ProbeStages = {
      broken: { kind: 'fail', params: { message: 'no' } },
      one: { kind: 'write', params: { text: '1' } },
      two: { kind: 'write', params: { text: '2' } },
      three: { kind: 'join', reads: { one: 'one' } },
    }
    const run = await runProbe(workspace, stages, { jobs: 1, failFast: true })
    expect(run.code).to.equal(1)
    expect(stagesWith(run.events, 'stage-started')).to.deep.equal(['broken'])
    expect(countsOf(run)).to.deep.equal({ ran: 0, cached: 0, failed: 1, skipped: 3 })
    expect(eventOf(run.events, 'stage-skipped', 'three')).to.deep.equal({
      type: 'stage-skipped',
      stage: 'three',
      because: 'a stage failed and the run stops at the first failure',
    })
  })

  it('with failFast lets what is running finish', async () => {
    const stages: ProbeStages = {
      slow: { kind: 'steps', params: { steps: 10, ms: 101 } },
      broken: { kind: 'fail', params: { message: 'no' } },
    }
    const run = await runProbe(workspace, stages, { jobs: 2, failFast: true })
    expect(countsOf(run)).to.deep.equal({ ran: 1, cached: 0, failed: 1, skipped: 0 })
  })

  it('is no error of the definition, but an unknown stage is: exit code 2, nothing runs', async () => {
    const run = await runProbe(workspace, { stage: { kind: 'empty' } }, { only: 'nowhere' })
    expect(run.code).to.equal(2)
    expect(run.stderr).to.match(/there is no stage 'nowhere'[^]*its stages are stage/)
    expect(run.events).to.deep.equal([])
  })
})

const crashes: Readonly<Record<string, RegExp>> = {
  abort: /the worker ended without a result \(signal SIGABRT\)/,
  killed: /the worker was killed by another process \(SIGKILL\)/,
  exit: /the worker ended without a result \(exit code 0\)/,
  cutShort: /the worker ended without a result \(exit code 1\)/,
  lateBug: /the worker ended without a result \(exit code 1\): TypeError: thrown where nobody catches/,
  bug: /Cannot read properties of undefined/,
  empty: /without leaving a file/,
  link: /'value\.txt' in its outDir is a link, which cannot be stored/,
  nothingOfThisName: /exports no stage function 'nothingOfThisName'/,
  greedy: /the worker ran out of memory \(signal SIGABRT\): V8's heap is full/,
}

/** As a training's parameters have it. */
const train = { batchSize: 64, accumulate: 2 }

describe('a stage that goes wrong', () => {
  const workspace = workspaceForAll()
  let run: Finished

  before(async () => {
    const stages = Object.fromEntries(Object.keys(crashes).map((kind) => [kind, { kind, params: { train } }]))
    const env = { NODE_OPTIONS: '--max-old-space-size=60' }
    run = await runProbe(workspace, { ...stages, good: { kind: 'write', params: { text: 'x' } } }, {}, { env })
  })

  for (const [kind, says] of Object.entries(crashes)) {
    it(`by '${kind}' is reported in a sentence without a stack`, () => {
      const { message } = eventOf(run.events, 'stage-failed', kind)
      expect(message).to.match(says)
      expectSentence(message)
    })
  }

  it('costs no other stage, and the run itself says nothing on stderr', () => {
    expect(run.code).to.equal(1)
    expect(countsOf(run)).to.deep.equal({ ran: 1, cached: 0, failed: Object.keys(crashes).length, skipped: 0 })
    expect(run.stderr).to.equal('')
  })

  it('stores nothing and leaves nothing behind', () => {
    expect(readdirSync(workspace.file('store', 'actions'))).to.have.length(1)
    for (const folder of ['staging', 'locks', 'checkpoints']) {
      expect(readdirSync(workspace.file('store', folder)), folder).to.deep.equal([])
    }
  })

  it('has the stack of its worker in the event, for those who ask', () => {
    expect(eventOf(run.events, 'stage-failed', 'bug').stack).to.match(/TypeError[^]*probe-stages\.js:\d+/)
    expect(eventOf(run.events, 'stage-failed', 'greedy').stack).to.match(/heap out of memory/)
  })

  it('for want of memory says what to do', () => {
    expect(eventOf(run.events, 'stage-failed', 'greedy').hint).to.match(
      /--max-old-space-size.*batchSize: 32, accumulate: 4 \(an update is then still of 128 images\)/,
    )
  })
})
