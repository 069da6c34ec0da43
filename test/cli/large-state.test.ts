import { statSync } from 'node:fs'
import { expect } from 'chai'
import { runCli } from '../support/cli.js'
import { eventsOf } from '../support/read-events.js'
import { workspaceForAll } from '../support/workspace.js'

/** GENEPOOL_LONG=1: 151 million parameters, a state of 2.4 GB, of which some 15 GB are written in all. */
const long = process.env['GENEPOOL_LONG'] === '1'
const model = long
  ? { embedDim: 1_024, depth: 12, numHeads: 16, patchSize: 14 }
  : { embedDim: 8, depth: 1, numHeads: 1, patchSize: 14 }

const definition = (epochs: number): string => `import { mnist, pipeline, vit } from 'genepool'

const train = { epochs: ${epochs}, batchSize: 8, schedule: 'constant', emaDecay: 0.5 }
export default pipeline('large', { seed: 1 })
  .data(mnist({ take: 48, takeTest: 16 }))
  .teacher(vit(${JSON.stringify(model)}), train)
`

describe('the state of a training with a running mean, of any size', () => {
  const workspace = workspaceForAll()

  it('is saved as a checkpoint and with the result, and a longer training goes on from it', async function () {
    this.timeout(long ? 3_600_000 : 110_000)
    const run = async (epochs: number) => {
      workspace.write('large.ts', definition(epochs))
      const options = { cwd: workspace.path, timeoutMs: long ? 1_800_000 : 60_000 }
      const { code, events, stdout, stderr } = await runCli(['run', 'large.ts', '--json'], options)
      expect(code, stdout + stderr).to.equal(0)
      expect(eventsOf(events, 'warning')).to.deep.equal([])
      return events
    }
    const { fingerprint, summary } = eventsOf(await run(1), 'stage-finished').find(({ stage }) => stage === 'teacher')!
    const { size } = statSync(workspace.file('.genepool', 'artifacts', fingerprint, 'training.safetensors'))
    // Weights, both moments and the mean.
    const values = 4 * 4 * Number(summary['params'])
    expect(size).to.be.within(values, values + 1_000)
    if (long) expect(size).to.be.above(2 ** 31)
    const longer = await run(2)
    const started = eventsOf(longer, 'stage-started').find(({ stage }) => stage === 'teacher')
    expect(started?.goesOnFrom).to.include({ at: 1, unit: 'epoch' })
    // It has found the state: the first step is one of the second epoch.
    expect(eventsOf(longer, 'stage-progress').find(({ phase }) => phase === 'train')).to.include({ step: 7, epoch: 2 })
  })
  it('leaves a process that may take longer to end than to say that it is done', async () => {
    // As one that gives gigabytes back.
    workspace.write(
      'slow-end.mjs',
      `import { writeFileSync } from 'node:fs'
import { pipeline, stage } from 'genepool'
const run = ({ outDir }) => {
  writeFileSync(outDir + '/left', '')
  process.on('exit', () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2_500))
}
export default pipeline('slow-end').add(stage('slow', { run }))
`,
    )
    const { code, events } = await runCli(['run', 'slow-end.mjs', '--json'], { cwd: workspace.path })
    expect(code).to.equal(0)
    expect(eventsOf(events, 'stage-retrying')).to.deep.equal([])
    expect(eventsOf(events, 'stage-finished')).to.have.length(1)
  })
})
