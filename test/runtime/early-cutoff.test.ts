import { expect } from 'chai'
import { planProbe, runProbe, type ProbeStages } from '../support/probe.js'
import { countsOf, eventOf, stagesWith } from '../support/read-events.js'
import { workspaceForAll } from '../support/workspace.js'

const chain = (text: string): ProbeStages => ({
  text: { kind: 'write', params: { text } },
  length: { kind: 'measure', reads: { from: 'text' } },
  report: { kind: 'join', reads: { length: 'length' } },
  other: { kind: 'write', params: { text: 'untouched' } },
})

describe('early cutoff', () => {
  const workspace = workspaceForAll()

  it('a second run of the same definition runs nothing', async () => {
    expect(countsOf(await runProbe(workspace, chain('one')))).to.deep.equal({
      ran: 4,
      cached: 0,
      failed: 0,
      skipped: 0,
    })
    expect(countsOf(await runProbe(workspace, chain('one')))).to.deep.equal({
      ran: 0,
      cached: 4,
      failed: 0,
      skipped: 0,
    })
  })

  it('a changed stage that leads to the same bytes stops there, in the same run', async () => {
    const run = await runProbe(workspace, chain('two'))
    expect(stagesWith(run.events, 'stage-finished')).to.deep.equal(['length', 'text'])
    expect(stagesWith(run.events, 'stage-cached')).to.deep.equal(['other', 'report'])
    expect(eventOf(run.events, 'stage-finished', 'text').unchanged).to.be.false
    expect(eventOf(run.events, 'stage-finished', 'length').unchanged).to.be.true
  })

  it('a plan calls what may be cut off `maybe`', async () => {
    const plan = await planProbe(workspace, chain('six'))
    expect(plan['text']?.status).to.equal('run')
    expect(plan['length']).to.deep.include({
      status: 'maybe',
      reasons: [{ type: 'input-pending', input: 'from', stage: 'text' }],
    })
    expect(plan['report']?.status).to.equal('maybe')
    expect(plan['other']?.status).to.equal('cached')
  })

  it('an artifact serves every stage that would be the same, whatever its name and pipeline', async () => {
    const stages: ProbeStages = { renamed: { kind: 'write', params: { text: 'untouched' } } }
    const run = await runProbe(workspace, stages, { name: 'another pipeline / Ünïcode 🐟' })
    expect(countsOf(run)).to.deep.include({ ran: 0, cached: 1 })
  })
})
