import { cpSync, existsSync, rmSync } from 'node:fs'
import { expect } from 'chai'
import { planProbe, runProbe, type ProbeStages } from '../support/probe.js'
import { countsOf, eventOf } from '../support/read-events.js'
import { workspaceForAll } from '../support/workspace.js'

const stages: ProbeStages = {
  a: { kind: 'write', params: { text: 'a' } },
  b: { kind: 'join', reads: { a: 'a' } },
}

describe('a store that cannot be written', () => {
  const workspace = workspaceForAll()

  /** A new store that knows the code already, which saves each test its parsing. */
  const newStore = (name: string): { readonly store: string } => {
    cpSync(workspace.file('store', 'index'), workspace.file(name, 'index'), { recursive: true })
    return { store: name }
  }

  before(async () => {
    expect((await runProbe(workspace, stages)).code).to.equal(0)
  })

  for (const folder of ['blobs', 'actions', 'staging', 'locks', 'checkpoints']) {
    it(`because '${folder}' is a file fails the stage loudly, with exit code 1`, async () => {
      const { store } = newStore(`no-${folder}`)
      workspace.write(`${store}/${folder}`, 'in the way')
      const run = await runProbe(workspace, stages, { store })
      expect(run.code).to.equal(1)
      expect(countsOf(run)).to.deep.equal({ ran: 0, cached: 0, failed: 1, skipped: 1 })
      expect(eventOf(run.events, 'stage-failed', 'a').message).to.match(new RegExp(`^cannot [^\\n]*${store}/${folder}`))
    })
  }

  it('because it cannot be made fails the run before anything starts', async () => {
    workspace.write('in-the-way', '')
    const run = await runProbe(workspace, stages, { store: 'in-the-way/store' })
    expect(run.code).not.to.equal(0)
    expect(run.events).to.deep.equal([])
  })

  it('is not made by a plan', async () => {
    await planProbe(workspace, stages, { store: 'only-planned' })
    expect(existsSync(workspace.file('only-planned'))).to.equal(false)
  })

  it('has cached nothing of what failed', async () => {
    rmSync(workspace.file('no-actions', 'actions'))
    const run = await runProbe(workspace, stages, { store: 'no-actions' })
    expect(countsOf(run)).to.deep.equal({ ran: 2, cached: 0, failed: 0, skipped: 0 })
  })

  it('in what only explains and records still runs, and is complete afterwards', async () => {
    for (const folder of ['runs', 'last', 'index']) workspace.write(`plain/${folder}`, 'in the way')
    const options = { store: 'plain' }
    expect(countsOf(await runProbe(workspace, stages, options))).to.deep.include({ ran: 2, failed: 0 })
    expect(countsOf(await runProbe(workspace, stages, options))).to.deep.include({ ran: 0, cached: 2 })
  })

  it('anywhere but where its artifacts lie still serves all that it holds', async () => {
    for (const folder of ['runs', 'last', 'index', 'locks', 'staging', 'checkpoints', 'artifacts']) {
      rmSync(workspace.file('store', folder), { recursive: true })
      workspace.write(`store/${folder}`, 'in the way')
    }
    // Without its index nobody knows that its bytes are whole: a run reads them.
    const { status, reasons } = (await planProbe(workspace, stages))['b']!
    expect([status, reasons.map(({ type }) => type)]).to.deep.equal([
      'maybe',
      ['artifact-unverified', 'input-unverified'],
    ])
    const run = await runProbe(workspace, stages)
    expect(countsOf(run)).to.deep.equal({ ran: 0, cached: 2, failed: 0, skipped: 0 })
    expect([run.code, run.stderr]).to.deep.equal([0, ''])
  })

  it('because it is a file is refused before anything runs', async () => {
    workspace.write('file', 'a file')
    const run = await runProbe(workspace, stages, { store: 'file' })
    expect(run.code).to.equal(2)
    expect(run.stderr).to.match(/^genepool: the store .*file is a file, not a folder\n$/)
    expect(run.events).to.deep.equal([])
  })
})
