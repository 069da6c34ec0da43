import { rmSync } from 'node:fs'
import { expect } from 'chai'
import type { PlannedStage, RunEstimate } from '../../src/runtime/events.js'
import { runCli } from '../support/cli.js'
import { eventsOf } from '../support/read-events.js'
import { wordPipeline } from '../support/word-stages.js'
import { workspaceForAll } from '../support/workspace.js'

type Planned = PlannedStage & { readonly expectedMs?: number | null }

describe('the time that a run is expected to take', () => {
  const workspace = workspaceForAll()
  const genepool = (call: string) => runCli(call.split(' '), { cwd: workspace.path })
  const plan = async (): Promise<{
    readonly stages: readonly Planned[]
    readonly estimate: RunEstimate | undefined
  }> => {
    const { stdout } = await genepool('plan words.ts --json --jobs 1')
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Planned & { readonly type?: string })
    return {
      stages: lines.filter(({ type }) => type === undefined),
      estimate: lines.find(({ type }) => type === 'estimate') as unknown as RunEstimate | undefined,
    }
  }
  let took: Readonly<Record<string, number>>

  before(() => {
    workspace.write('more.txt', 'one')
    workspace.write('words.ts', wordPipeline({ ms: 300, source: 'more.txt' }))
  })

  it('is not known before anything like it has run, and the plan says so', async () => {
    const { stages, estimate } = await plan()
    expect(stages.map(({ expectedMs }) => expectedMs)).to.deep.equal([null, null, null, null])
    expect(estimate).to.deep.include({ jobs: 1, leastMs: 0, mostMs: 0, unknown: 4 })
    const { stdout } = await genepool('plan words.ts')
    expect(stdout).to.match(/\n0 cached, 4 to run, 0 maybe\nexpected time: not known, nothing like it has run yet\n$/)
    expect(stdout).not.to.match(/^stage +state +expected/)
  })

  it('is what its stages took: a range where some may be cut off', async () => {
    const { events } = await genepool('run words.ts --json')
    expect(eventsOf(events, 'run-started')[0].expected).to.deep.include({ mostMs: 0, unknown: 4 })
    took = Object.fromEntries(eventsOf(events, 'stage-finished').map(({ stage, ms }) => [stage, ms]))
    const all = Object.values(took).reduce((sum, ms) => sum + ms, 0)
    workspace.write('more.txt', 'two')
    const { stages, estimate } = await plan()
    for (const { stage, expectedMs } of stages) expect(expectedMs, stage).to.equal(took[stage])
    expect(stages.map(({ status }) => status)).to.deep.equal(['run', 'maybe', 'maybe', 'maybe'])
    expect(estimate).to.deep.include({ jobs: 1, leastMs: took['words'], mostMs: all, unknown: 0 })
    const { stdout } = await genepool('plan words.ts --jobs 1')
    expect(stdout).to.match(/^stage +state +expected +because$/m)
    const time = '[\\d.:]+(?: m?s)?'
    expect(stdout).to.match(new RegExp(`\nexpected time: ${time} to ${time}, with 1 stage side by side\n$`))
  })

  it('is announced by the run, for as many stages side by side as it has', async () => {
    const { events } = await genepool('run words.ts --json --jobs 2')
    const { expected } = eventsOf(events, 'run-started')[0]
    const longest = took['words'] + Math.max(took['upper'], took['lower']) + took['all']
    expect(expected).to.deep.equal({ jobs: 2, leastMs: took['words'], mostMs: longest, unknown: 0 })
    expect(eventsOf(events, 'run-finished')[0]).to.include({ ran: 1, cached: 3 })
  })

  it('is nothing where nothing is to run', async () => {
    const { stages, estimate } = await plan()
    expect(estimate).to.equal(undefined)
    expect(stages.every((stage) => !('expectedMs' in stage))).to.be.true
    const { events } = await genepool('run words.ts --json')
    expect(eventsOf(events, 'run-started')[0]).not.to.have.property('expected')
  })

  it('is gathered from the artifacts of a store whose history is gone', async () => {
    workspace.write('more.txt', 'three')
    rmSync(workspace.file('.genepool', 'index', 'times.ndjson'))
    const { stages } = await plan()
    for (const stage of ['upper', 'lower', 'all']) {
      expect(stages.find((each) => each.stage === stage)?.expectedMs, stage).to.equal(took[stage])
    }
  })
})

describe('the time that a run of other sizes is expected to take', () => {
  const workspace = workspaceForAll()
  const definition = (take: number, epochs: number, embedDim: number): string => `
import { mnist, pipeline, vit } from 'genepool'
const train = { batchSize: 32, epochs: ${epochs} }
export default pipeline('sizes', { seed: 1 })
  .data(mnist({ take: ${take}, takeTest: ${take / 10} }))
  .teacher(vit({ embedDim: ${embedDim}, depth: 3, numHeads: 3, patchSize: 14 }), train)
  .distill({ student: { embedDim: ${embedDim / 2}, depth: 3, numHeads: 3 } }, train)
`

  it('is within a factor of two of what it takes: most of a short run is no training', async () => {
    const ratios: number[] = []
    // What else the machine does may hold up either run of a pair, but not each of three pairs.
    for (let pair = 0; pair < 3; pair++) {
      const run = async () => {
        const { events } = await runCli(['run', 'sizes.ts', '--json', '--store', `store-${pair}`], {
          cwd: workspace.path,
        })
        return { started: eventsOf(events, 'run-started')[0], finished: eventsOf(events, 'run-finished')[0] }
      }
      workspace.write('sizes.ts', definition(320, 1, 12))
      expect((await run()).started.expected).to.include({ mostMs: 0, unknown: 3 })
      // Sixty-four times as much to compute.
      workspace.write('sizes.ts', definition(3_200, 2, 24))
      const { started, finished } = await run()
      expect(started.expected).to.include({ unknown: 0 })
      ratios.push(started.expected!.mostMs / finished.ms)
      if (ratios.some((ratio) => ratio > 0.5 && ratio < 2)) return
    }
    expect.fail(`expected over taken: ${ratios.join(', ')}`)
  })
})
