import { writeFileSync } from 'node:fs'
import { expect } from 'chai'
import { plainRenderer } from '../../src/cli/output/renderers.js'
import { wrongData } from '../stages/idx-bytes.js'
import type { Finished } from '../support/child.js'
import { runCli, startCli } from '../support/cli.js'
import { workspaceForAll } from '../support/workspace.js'

describe('a stage that fails on the command line', () => {
  const workspace = workspaceForAll()
  let plain: Finished
  let verbose: Finished

  before(async () => {
    const { images, labels } = wrongData()
    writeFileSync(workspace.file('images'), images)
    writeFileSync(workspace.file('rubbish'), labels)
    const roles = ['train', 'test'].map((split) => `${split}Images: 'images', ${split}Labels: 'rubbish'`)
    workspace.write(
      'broken.ts',
      `import { idx, pipeline, vit } from 'genepool'
export default pipeline('broken')
  .data(idx({ ${roles.join(', ')} }))
  .teacher(vit({ embedDim: 12, depth: 3, numHeads: 3 }), { epochs: 1 })
`,
    )
    plain = await runCli(['run', 'broken.ts'], { cwd: workspace.path })
    verbose = await runCli(['run', 'broken.ts', '--verbose'], { cwd: workspace.path })
  })

  it('is told in a sentence, with what was not run because of it, and exit code 1', () => {
    expect(plain.code).to.equal(1)
    expect(plain.stdout).to.match(/^✗ data {2}.*rubbish.*$/m)
    expect(plain.stdout).to.match(/^- teacher {2}not run: it reads data, which is not there$/m)
    expect(plain.stdout).to.match(/: 0 ran, 0 cached, 1 failed, 1 not run\n$/)
    expect(plain.stdout).not.to.match(/^\s+at /m)
    expect(plain.stderr).to.equal('')
  })

  it('has its stack with --verbose', () => {
    expect(verbose.code).to.equal(1)
    expect(verbose.stdout)
      .to.match(/^✗ data {2}.*rubbish/m)
      .and.match(/^\s+at .*stages/m)
  })

  it('is in the list of runs', async () => {
    const { stdout } = await runCli(['runs', 'broken.ts'], { cwd: workspace.path })
    expect(stdout.match(/ broken +failed +0 +0 +1 +1 /g)).to.have.length(2)
  })
})

describe("an interrupted stage of the user's own that saves nothing", () => {
  const workspace = workspaceForAll()

  it('is not said to go on from a checkpoint, nor does it', async () => {
    workspace.write(
      'own.mjs',
      `import { pipeline, stage } from 'genepool'
const run = ({ signal }) => new Promise((_, reject) => {
  setTimeout(() => {}, 60_000)
  signal.addEventListener('abort', () => reject(new Error('stopped')))
})
export default pipeline('own').add(stage('own', { run }))
`,
    )
    const running = startCli(['run', 'own.mjs', '--json'], { cwd: workspace.path })
    await running.waitFor(({ type }) => type === 'stage-started')
    running.signalGroup('SIGINT')
    const { events } = await running.done
    const interrupted = events.find(({ type }) => type === 'stage-interrupted')
    expect(interrupted).to.include({ resumable: false })
    let text = ''
    plainRenderer({ write: (more) => (text += more) }, false)(interrupted!)
    expect(text).to.match(/^! own {2}interrupted after .*; the next run begins it anew: it left no/)
  })
})
