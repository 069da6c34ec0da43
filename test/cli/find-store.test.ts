import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { expect } from 'chai'
import type { Finished } from '../support/child.js'
import { runCli } from '../support/cli.js'
import { copyStage, smallPipeline } from '../support/small-pipeline.js'
import { countsOf } from '../support/read-events.js'
import { workspaceForAll } from '../support/workspace.js'

describe('the store where none is named', () => {
  const workspace = workspaceForAll()
  const inFolder =
    (...folder: readonly string[]) =>
    (call: string): Promise<Finished> =>
      runCli(call.split(' '), { cwd: workspace.file(...folder) })
  const here = inFolder()
  const deep = inFolder('work', 'deep')

  before(() => {
    workspace.write('in.txt', 'hello')
    workspace.write('small.mjs', smallPipeline(copyStage('one'), 'one'))
    mkdirSync(workspace.file('work', 'deep'), { recursive: true })
  })

  it('is looked for in vain up to the root of the package, and every command says where', async () => {
    const nowhere = `there is no store ${workspace.file('work', 'deep', '.genepool')}, nor one of your own above it up to ${workspace.path}`
    for (const call of ['plan ../../small.mjs', 'runs', 'store verify']) {
      const { code, stderr } = await deep(call)
      expect([code, stderr], call).to.deep.equal([0, `genepool: ${nowhere}; genepool run makes it\n`])
    }
    const results = await deep('results ../../small.mjs')
    expect([results.code, results.stderr.split('\n')[0].endsWith(`; ${nowhere}`)]).to.deep.equal([2, true])
    const named = await deep('plan ../../small.mjs --store elsewhere')
    expect(named.stderr).to.equal(
      `genepool: there is no store ${workspace.file('work', 'deep', 'elsewhere')}; genepool run makes it\n`,
    )
  })

  it('is made in the working directory by a run, which says nothing of that', async () => {
    const { code, stderr } = await here('run small.mjs')
    expect([code, stderr, existsSync(workspace.file('.genepool'))]).to.deep.equal([0, '', true])
    expect((await here('plan small.mjs')).stderr).to.equal('')
  })

  it('is found from the folders below it, and said to be the one', async () => {
    const run = await deep('run ../../small.mjs --json')
    expect(countsOf(run)).to.deep.include({ ran: 0, cached: 1 })
    expect(run.stderr).to.equal(`genepool: the store is ${workspace.file('.genepool')}\n`)
    expect(existsSync(workspace.file('work', 'deep', '.genepool'))).to.equal(false)
    expect((await deep('runs')).stdout.trim().split('\n')).to.have.length(3)
  })

  it('is not looked for beyond the repository, or outside one beyond the package', async () => {
    workspace.write('work/package.json', '{}')
    expect((await deep('runs')).stdout).to.match(/^no runs in \.genepool\n/)
    mkdirSync(workspace.file('.git'))
    expect((await deep('runs')).stdout.trim().split('\n')).to.have.length(3)
    mkdirSync(workspace.file('work', '.git'))
    expect((await deep('runs')).stdout).to.match(/^no runs in \.genepool\n/)
    rmSync(workspace.file('work', '.git'), { recursive: true })
  })

  it('is the nearest of several', async () => {
    expect((await inFolder('work')('run ../small.mjs --store .genepool')).code).to.equal(0)
    expect((await deep('runs')).stdout.trim().split('\n')).to.have.length(2)
  })
})
