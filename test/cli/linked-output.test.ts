import { lstatSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { expect } from 'chai'
import { runCli } from '../support/cli.js'
import { countsOf, eventOf, eventsOf } from '../support/read-events.js'
import { workspaceForEach } from '../support/workspace.js'

describe('a stage whose output leads to files of the user', () => {
  const workspace = workspaceForEach()
  const run = (compute: string) => {
    workspace.write(
      'own.mjs',
      `import * as fs from 'node:fs'
import * as path from 'node:path'
import { pipeline, stage } from 'genepool'
const mine = ${JSON.stringify(workspace.file('mine'))}
export default pipeline('own').add(stage('own', { run: ({ outDir }) => { ${compute} } }))
`,
    )
    workspace.write('mine/precious.txt', 'precious')
    return runCli(['run', 'own.mjs', '--json'], { cwd: workspace.path })
  }

  for (const [what, put] of Object.entries({
    'a link': 'fs.symlinkSync(mine, outDir)',
    'a file': `fs.writeFileSync(outDir, 'text')`,
    nothing: '',
  })) {
    it(`fails with ${what} in the place of its folder, and takes nothing`, async () => {
      const ran = await run(`fs.rmSync(outDir, { recursive: true }); ${put}`)
      expect(countsOf(ran)).to.include({ failed: 1 })
      expect(ran.stdout).to.match(/its outDir .* is no folder any more/)
      expect(readdirSync(workspace.file('mine'))).to.deep.equal(['precious.txt'])
    })
  }

  it('has a file that is linked copied: it stays theirs, to be written to', async () => {
    const ran = await run(`fs.linkSync(path.join(mine, 'precious.txt'), path.join(outDir, 'out.txt'))`)
    expect(countsOf(ran)).to.include({ ran: 1 })
    const file = workspace.file('mine', 'precious.txt')
    expect(statSync(file).mode & 0o200).to.equal(0o200)
    expect(lstatSync(file).nlink).to.equal(1)
    writeFileSync(file, 'edited')
    const [folder] = readdirSync(workspace.file('.genepool', 'artifacts'))
    expect(readFileSync(workspace.file('.genepool', 'artifacts', folder!, 'out.txt'), 'utf8')).to.equal('precious')
    const again = await runCli(['run', 'own.mjs', '--json'], { cwd: workspace.path })
    expect(again.stdout).not.to.match(/damaged/)
  })

  it('is told of a link among its files, and what to do', async () => {
    const ran = await run(`fs.mkdirSync(path.join(outDir, 'a')); fs.symlinkSync(mine, path.join(outDir, 'a', 'b'))`)
    const failed = eventOf(ran.events, 'stage-failed', 'own')
    expect(failed.message).to.equal(`'a/b' in its outDir is a link, which cannot be stored`)
    expect(failed.hint).to.match(/copy what it leads to/)
  })

  it('is told what of it the store does not keep', async () => {
    const ran = await run(`fs.mkdirSync(path.join(outDir, 'empty'))
      fs.writeFileSync(path.join(outDir, 'run.sh'), '', { mode: 0o755 })
      fs.writeFileSync(path.join(outDir, 'plain.txt'), '')`)
    expect(countsOf(ran)).to.include({ ran: 1 })
    expect(eventsOf(ran.events, 'warning').map(({ message }) => message)).to.deep.equal([
      `own: not stored with its files: empty folders ('empty') and the permission to execute 'run.sh'`,
    ])
  })
})
