import { expect } from 'chai'
import { defineCheap, executedIn, runCheap } from '../support/cheap-pipeline.js'
import { countsOf } from '../support/read-events.js'
import { workspaceForEach } from '../support/workspace.js'

describe('Revert the code: an instant hit', () => {
  const workspace = workspaceForEach()

  it('of a helper, a constant, a parameter and a file, one after the other', async () => {
    defineCheap(workspace)
    await runCheap(workspace)
    defineCheap(workspace, { words: 'text.length' })
    await runCheap(workspace)
    defineCheap(workspace, { words: 'text.length', times: '5' })
    await runCheap(workspace)
    defineCheap(workspace, { mark: '?' })
    await runCheap(workspace)
    workspace.write('text.txt', 'other')
    await runCheap(workspace)
    const executed = executedIn(workspace).length
    expect(executed).to.be.above(8)

    defineCheap(workspace)
    workspace.write('text.txt', 'one two three')
    expect(countsOf(await runCheap(workspace))).to.deep.equal({ ran: 0, cached: 4, failed: 0, skipped: 0 })
    defineCheap(workspace, { words: 'text.length', times: '5' })
    expect(countsOf(await runCheap(workspace))).to.deep.equal({ ran: 0, cached: 4, failed: 0, skipped: 0 })
    expect(executedIn(workspace)).to.have.length(executed)
  })
})
