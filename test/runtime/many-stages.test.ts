import { expect } from 'chai'
import { planProbe, runProbe, type ProbeStages } from '../support/probe.js'
import { countsOf, eventsOf } from '../support/read-events.js'
import { workspaceForAll } from '../support/workspace.js'

/** `count` stages that all come to the same thing in the end: one text, then its length, over and over. */
const many = (count: number): ProbeStages => {
  const stages: Record<string, ProbeStages[string]> = { first: { kind: 'write', params: { text: 'x' } } }
  for (let i = 1; i < count; i++) {
    stages[`stage ${i}/ünïcode 🐟`] = {
      kind: 'measure',
      reads: { from: i === 1 ? 'first' : `stage ${i - 1}/ünïcode 🐟` },
    }
  }
  return stages
}

describe('a pipeline of 300 stages', () => {
  const workspace = workspaceForAll()

  it('runs once what is the same, and finds the other 297 cached in the same run', async () => {
    const run = await runProbe(workspace, many(300), { name: '../../ a / name' })
    expect(run.code).to.equal(0)
    expect(countsOf(run)).to.deep.equal({ ran: 3, cached: 297, failed: 0, skipped: 0 })
  })

  it('takes a moment when there is nothing to do', async () => {
    const { events } = await runProbe(workspace, many(300), { name: '../../ a / name' })
    const [finished] = eventsOf(events, 'run-finished')
    expect(finished).to.deep.include({ ran: 0, cached: 300 })
    expect(finished?.ms).to.be.below(2_000)
    expect(Object.values(await planProbe(workspace, many(300))).every(({ status }) => status === 'cached')).to.be.true
  })
})
