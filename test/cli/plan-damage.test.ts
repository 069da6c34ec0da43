import { chmodSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { expect } from 'chai'
import type { PlannedStage } from '../../src/runtime/events.js'
import { runCli } from '../support/cli.js'
import { copyStage, joinStage, smallPipeline } from '../support/small-pipeline.js'
import { countsOf, stagesWith } from '../support/read-events.js'
import { blobOf, manifestsOf } from '../support/stored-artifacts.js'
import { workspaceForAll } from '../support/workspace.js'

describe('a plan over artifacts that something was done to', () => {
  const workspace = workspaceForAll()
  const genepool = (call: string) => runCli(call.split(' '), { cwd: workspace.path })
  const run = () => genepool('run small.mjs --json')
  const plan = async (): Promise<readonly (readonly [stage: string, status: string, reasons: string])[]> => {
    const { stdout } = await genepool('plan small.mjs --json')
    return stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as PlannedStage)
      .filter(({ stage }) => stage !== undefined)
      .map(({ stage, status, reasons }) => [stage, status, reasons.map(({ type }) => type).join()])
  }
  const blob = (stage: string): string => {
    const { files } = manifestsOf(workspace.file('.genepool')).find((manifest) => manifest.stage === stage)!
    return blobOf(workspace.file('.genepool'), files['value.txt'].sha256)
  }
  const allCached = ['first', 'copy', 'top'].map((stage) => [stage, 'cached', ''])

  before(async () => {
    workspace.write('in.txt', 'hello')
    const stages = [copyStage('first'), joinStage('copy', ['first']), joinStage('top', ['copy'])].join('\n')
    workspace.write('small.mjs', smallPipeline(stages, 'top'))
    expect((await run()).code).to.equal(0)
  })

  it('calls all cached right after the run that made them', async () => {
    expect(await plan()).to.deep.equal(allCached)
  })

  it('calls a damaged one, and what reads it, no more than maybe; a run mends it, and then all are cached', async () => {
    chmodSync(blob('copy'), 0o644)
    writeFileSync(blob('copy'), readFileSync(blob('copy'), 'utf8').replace('hello', 'jello'))
    const index = readFileSync(workspace.file('.genepool', 'index', 'verified.txt'), 'utf8')
    expect(await plan()).to.deep.equal([
      ['first', 'cached', ''],
      ['copy', 'maybe', 'artifact-unverified'],
      ['top', 'maybe', 'input-unverified'],
    ])
    expect((await genepool('plan small.mjs')).stdout)
      .to.match(/^copy +maybe .*files of its artifact were touched, or are not verified yet: a run reads them$/m)
      .and.match(/^1 cached, 0 to run, 2 maybe$/m)
    expect(readFileSync(workspace.file('.genepool', 'index', 'verified.txt'), 'utf8'), 'hashed').to.equal(index)
    expect(stagesWith((await run()).events, 'stage-finished')).to.deep.equal(['copy'])
    expect(await plan()).to.deep.equal(allCached)
  })

  it('calls one that was only touched maybe until a run has read it, and results still have it', async () => {
    chmodSync(blob('first'), 0o400)
    expect((await plan())[0]).to.deep.equal(['first', 'maybe', 'artifact-unverified'])
    expect((await genepool('show small.mjs top')).code).to.equal(0)
    expect((await genepool('store export small.mjs all.tar')).code).to.equal(0)
    expect(countsOf(await run())).to.deep.include({ ran: 0, cached: 3 })
    expect(await plan()).to.deep.equal(allCached)
  })

  it('says of one that is cut short or gone that it runs', async () => {
    chmodSync(blob('copy'), 0o644)
    truncateSync(blob('copy'), 3)
    expect((await plan()).slice(1)).to.deep.equal([
      ['copy', 'run', 'artifact-corrupt'],
      ['top', 'maybe', 'input-pending'],
    ])
    expect((await run()).code).to.equal(0)
    rmSync(blob('top'))
    expect((await plan())[2]).to.deep.equal(['top', 'run', 'artifact-missing'])
    expect((await run()).code).to.equal(0)
  })
})
