import { existsSync, renameSync, rmSync } from 'node:fs'
import { expect } from 'chai'
import { pause } from '../support/child.js'
import { startCli } from '../support/cli.js'
import { countsOf, eventOf } from '../support/read-events.js'
import { workspaceForAll } from '../support/workspace.js'

/** Three stages that wait for the file `go`: one has reported before, one reports afterwards, one never does. */
const definition = `
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { pipeline, stage } from 'genepool'

const waiting = async (name: string): Promise<void> => {
  writeFileSync(name + '.waits', '')
  while (!existsSync('go')) await setTimeout(10)
}
const early = stage('early', {
  run: async ({ outDir, progress }) => {
    progress({ phase: 'wait', step: 1, steps: 2 })
    await waiting('early')
    writeFileSync(join(outDir, 'early'), '')
  },
})
const late = stage('late', {
  run: async ({ outDir, progress }) => {
    await waiting('late')
    progress({ phase: 'wait', step: 1, steps: 2 })
    writeFileSync(join(outDir, 'late'), '')
  },
})
const silent = stage('silent', {
  run: async ({ outDir }) => {
    await waiting('silent')
    writeFileSync(join(outDir, 'silent'), '')
  },
})
const after = stage('after', { inputs: { early }, run: ({ outDir }) => writeFileSync(join(outDir, 'after'), '') })
export default pipeline('own').add(late).add(silent).add(after)
`

describe('a definition file that is moved while its stages run', () => {
  const workspace = workspaceForAll()
  const options = () => ({ cwd: workspace.path })

  it('costs the stages that had not reported before, each with a sentence; the others and the run go on', async () => {
    workspace.write('own.ts', definition)
    const run = startCli(['run', 'own.ts', '--json', '--jobs', '3'], options())
    await run.waitFor((event) => event.type === 'stage-progress')
    while (!['early', 'late', 'silent'].every((name) => existsSync(workspace.file(`${name}.waits`)))) await pause(10)
    renameSync(workspace.file('own.ts'), workspace.file('moved.ts'))
    workspace.write('go', '')
    const ended = await run.done
    expect(ended.code).to.equal(1)
    expect(countsOf(ended)).to.deep.equal({ ran: 1, cached: 0, failed: 3, skipped: 0 })
    for (const name of ['late', 'silent', 'after']) {
      const { message, hint } = eventOf(ended.events, 'stage-failed', name)
      expect(message, name).to.match(/own\.ts was moved or deleted while the stage ran/)
      expect(hint).to.match(/put the file back/)
    }
  })

  it('is as if it had never been away once it is back', async () => {
    renameSync(workspace.file('moved.ts'), workspace.file('own.ts'))
    // Each stage has looked for this file and found none.
    for (const name of ['go', 'late.waits', 'silent.waits']) rmSync(workspace.file(name))
    const again = startCli(['run', 'own.ts', '--json', '--jobs', '3'], options())
    while (!['late', 'silent'].every((name) => existsSync(workspace.file(`${name}.waits`)))) await pause(10)
    workspace.write('go', '')
    expect(countsOf(await again.done)).to.deep.equal({ ran: 3, cached: 1, failed: 0, skipped: 0 })
  })
})
