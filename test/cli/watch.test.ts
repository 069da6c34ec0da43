import { expect } from 'chai'
import type { RunEvent } from '../../src/runtime/events.js'
import type { Running } from '../support/child.js'
import { startCli } from '../support/cli.js'
import { tinyPipeline } from '../support/tiny-pipeline.js'
import { workspaceForAll } from '../support/workspace.js'

type Finished = Extract<RunEvent, { type: 'run-finished' }>

/** The run-finished event after the ones that were seen before. */
const nextRun = async (watching: Running, seen: Set<string>): Promise<Finished> => {
  const event = await watching.waitFor((candidate) => candidate.type === 'run-finished' && !seen.has(candidate.run))
  seen.add((event as Finished).run)
  return event as Finished
}

/** Watching begins a moment after the run does. */
const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1_500))

describe('genepool watch', () => {
  const workspace = workspaceForAll()
  const seen = new Set<string>()
  let watching: Running

  before(() => {
    workspace.write('sizes.ts', 'export const take = 64\n')
    workspace.write(
      'pipelines/watched.ts',
      `import { take } from '../sizes.ts'\n${tinyPipeline()}`.replace('take: 64', 'take'),
    )
    watching = startCli(['watch', 'pipelines/watched.ts', '--only', 'data', '--json'], { cwd: workspace.path })
  })

  it('runs at once', async () => {
    expect(await nextRun(watching, seen)).to.include({ ran: 1, cached: 0 })
  })

  it('runs again when a file that the definition imports is saved', async () => {
    await settle()
    workspace.write('sizes.ts', 'export const take = 65\n')
    expect(await nextRun(watching, seen)).to.include({ ran: 1, cached: 0 })
  })

  it('finds nothing to do after a comment', async () => {
    await settle()
    workspace.write('sizes.ts', '// as many as fit\nexport const take = 65\n')
    expect(await nextRun(watching, seen)).to.include({ ran: 0, cached: 1 })
  })

  it('says what does not parse, and goes on once it does', async () => {
    await settle()
    workspace.write('sizes.ts', 'export const take =\n')
    await settle()
    workspace.write('sizes.ts', 'export const take = 64\n')
    expect(await nextRun(watching, seen)).to.include({ ran: 0, cached: 1 })
  })

  it('ends with Ctrl-C', async () => {
    watching.signalGroup('SIGINT')
    const { code, stderr } = await watching.done
    expect(code).to.equal(130)
    expect(stderr).to.match(/sizes\.ts:\d+:\d+/)
  })
})
