import { expect } from 'chai'
import { planProbe, probeSuite, runProbe, runProbeSuite, type ProbeStages } from '../support/probe.js'
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

/** Chains of every length up to 32 with one result, and pairs of them: ten a cell, no two the same stages. */
const pairs = (cells: number) =>
  probeSuite({ cell: Array.from({ length: cells }, (_, index) => index) }, [0], ({ cell }) => {
    const stages: Record<string, ProbeStages[string]> = { 'chain 0': { kind: 'write', params: { text: 'x' } } }
    for (let i = 1; i < 32; i++) stages[`chain ${i}`] = { kind: 'measure', reads: { from: `chain ${i - 1}` } }
    for (let i = 0; i < 10; i++) {
      const pair = 10 * Number(cell) + i
      const reads = { a: `chain ${pair % 32}`, b: `chain ${Math.floor(pair / 32)}` }
      stages[`pair ${i}`] = { kind: 'join', reads }
    }
    return stages
  })

describe('a suite of 100 cells and a thousand stages', () => {
  const workspace = workspaceForAll()
  const suite = pairs(100)

  it('runs once what comes to the same', async () => {
    const run = await runProbeSuite(workspace, suite)
    expect(run.code, run.stderr).to.equal(0)
    expect(eventsOf(run.events, 'run-finished')[0]?.suite).to.deep.include({
      cells: 100,
      asked: 4_200,
      distinct: 1_032,
    })
    // x, its length, the length of that; then (x x), (x 1), (1 x), (1 1).
    expect(countsOf(run)).to.deep.equal({ ran: 7, cached: 1_025, failed: 0, skipped: 0 })
  })

  it('takes a moment when there is nothing to do', async () => {
    const run = await runProbeSuite(workspace, suite)
    expect(eventsOf(run.events, 'run-finished')[0]?.ms).to.be.below(3_000)
    const before = performance.now()
    const plan = await planProbe(workspace, suite)
    expect(Object.values(plan).every(({ status }) => status === 'cached')).to.be.true
    expect(performance.now() - before).to.be.below(5_000)
  })
})
