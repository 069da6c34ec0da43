import { existsSync, readdirSync } from 'node:fs'
import { expect } from 'chai'
import { runCli } from '../support/cli.js'
import { countsOf, eventOf } from '../support/read-events.js'
import { smallPipeline } from '../support/small-pipeline.js'
import { workspaceForEach } from '../support/workspace.js'

/** Ways to end well and leave nothing. */
const bodies: Readonly<Record<string, string>> = {
  'returns without a file': `() => {}`,
  'returns no file and figures that are none': `() => ({ accuracy: undefined })`,
  'leaves empty folders alone': `({ outDir }) => { mkdirSync(join(outDir, 'a', 'b'), { recursive: true }) }`,
  'ends its process with exit code 0': `() => process.exit(0)`,
  'leaves its file and ends its process with exit code 0': `({ outDir }) => { leave(outDir, 'half'); process.exit(0) }`,
  'removes the folder that it was given': `({ outDir }) => { rmSync(outDir, { recursive: true }) }`,
  'leaves a link to nowhere': `({ outDir }) => { symlinkSync('/nowhere', join(outDir, 'value.txt')) }`,
}

describe('Exit 0 with a missing output is a failure and is not cached', () => {
  const workspace = workspaceForEach()
  const run = () => runCli(['run', 'small.mjs', '--engine', 'cpu', '--json'], { cwd: workspace.path })
  const cached = (): number => {
    const actions = workspace.file('.genepool', 'actions')
    return existsSync(actions) ? readdirSync(actions).length : 0
  }

  for (const [what, body] of Object.entries(bodies)) {
    it(`a stage that ${what} fails in a sentence, today and tomorrow`, async () => {
      const head = `import { mkdirSync, rmSync, symlinkSync } from 'node:fs'\n`
      workspace.write('small.mjs', head + smallPipeline(`const empty = stage('empty', { run: ${body} })`, 'empty'))
      for (const day of ['today', 'tomorrow']) {
        const failed = await run()
        expect(failed.code, day).to.equal(1)
        expect(countsOf(failed), day).to.deep.equal({ ran: 0, cached: 0, failed: 1, skipped: 0 })
        const { message } = eventOf(failed.events, 'stage-failed', 'empty')
        expect(message).not.to.match(/\n|undefined/)
        expect(message.length, message).to.be.within(10, 300)
        expect(cached(), day).to.equal(0)
      }
    })
  }
})
