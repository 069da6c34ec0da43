import { rmSync } from 'node:fs'
import { expect } from 'chai'
import { runCli } from '../support/cli.js'
import { countsOf, eventOf } from '../support/read-events.js'
import { joinStage, smallPipeline, writeStage } from '../support/small-pipeline.js'
import { hitsOf } from '../support/stored-artifacts.js'
import { workspaceForEach } from '../support/workspace.js'

const faults = new URL('../support/store-faults.js', import.meta.url).href

// Every single write that may fail is in 02-killed-at-every-write.test.ts; here, what a user sees.
describe('A failed cache write fails the run loudly', () => {
  const workspace = workspaceForEach()
  const run = (env: Readonly<Record<string, string>> = {}, ...flags: readonly string[]) =>
    runCli(['run', 'small.mjs', '--engine', 'cpu', ...flags], { cwd: workspace.path, env })

  beforeEach(() => {
    workspace.write('small.mjs', smallPipeline(`${writeStage('one', 'text')}\n${joinStage('two', ['one'])}`, 'two'))
  })

  for (const folder of ['blobs', 'actions']) {
    it(`because ${folder}/ cannot be written: exit code 1, stage and readers named, nothing cached`, async () => {
      workspace.write(`.genepool/${folder}`, 'in the way')
      const failed = await run({}, '--json')
      expect(failed.code).to.equal(1)
      expect(eventOf(failed.events, 'stage-failed', 'one').message).to.match(/^cannot write to the store /)
      expect(countsOf(failed)).to.deep.equal({ ran: 0, cached: 0, failed: 1, skipped: 1 })
      rmSync(workspace.file('.genepool', folder))
      expect(countsOf(await run({}, '--json'))).to.deep.equal({ ran: 2, cached: 0, failed: 0, skipped: 0 })
    })
  }

  it('because the disk is full: the terminal says so, and after that the store is whole', async () => {
    const place = workspace.file('.genepool')
    // Room for what a run writes before its first stage, but not for an artifact.
    for (const at of [20, 24, 28]) {
      rmSync(place, { recursive: true, force: true })
      const log = workspace.write(`log-${at}`, '')
      const fault = JSON.stringify({ store: place, log, at, mode: 'ENOSPC' })
      const { code, stdout } = await run({ FAULT: fault, NODE_OPTIONS: `--import ${faults}` })
      expect(code, stdout).to.equal(1)
      expect(stdout).to.match(/✗ (one|two) {2}\S.*ENOSPC: no space left on device/)
      hitsOf(place)
    }
    expect((await run()).code).to.equal(0)
    expect([...hitsOf(place).values()].sort()).to.deep.equal(['text', 'two(text)'])
  })
})
