import { expect } from 'chai'
import { defineCheap, executedIn, runCheap } from '../support/cheap-pipeline.js'
import { countsOf, eventOf, stagesWith } from '../support/read-events.js'
import { workspaceForEach } from '../support/workspace.js'

describe('Identical upstream bytes: nothing downstream runs, in the same run', () => {
  const workspace = workspaceForEach()

  it('a parameter that changes nothing', async () => {
    defineCheap(workspace)
    await runCheap(workspace)
    const before = executedIn(workspace).length
    defineCheap(workspace, { pause: 1 })
    const { events } = await runCheap(workspace)
    expect(eventOf(events, 'stage-finished', 'read').unchanged).to.equal(true)
    expect(stagesWith(events, 'stage-cached')).to.deep.equal(['aside', 'count', 'shout'])
    expect(executedIn(workspace).slice(before)).to.deep.equal(['read'])
  })

  it('another text with as many words: cut off one stage further', async () => {
    defineCheap(workspace)
    await runCheap(workspace)
    workspace.write('text.txt', 'four five six')
    const run = await runCheap(workspace)
    expect(stagesWith(run.events, 'stage-finished')).to.deep.equal(['count', 'read'])
    expect(countsOf(run)).to.deep.equal({ ran: 2, cached: 2, failed: 0, skipped: 0 })
  })
})
