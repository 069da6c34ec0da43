import { writeFileSync } from 'node:fs'
import { expect } from 'chai'
import type { PlannedStage } from '../../src/runtime/events.js'
import { wrongData } from '../stages/idx-bytes.js'
import { runCli, startCli } from '../support/cli.js'
import { countsOf, eventsOf, stagesWith } from '../support/read-events.js'
import { workspaceForAll } from '../support/workspace.js'

/** Cells that share their data: one teacher each. */
const cheap = (rates: string): string => `import { mnist, pipeline, suite, vit } from 'genepool'
export default suite(
  'cheap',
  { lr: [${rates}], model: { narrow: 6, wide: 12 } },
  ({ lr, model, seed }) =>
    pipeline('cell', { seed })
      .data(mnist({ take: 32, takeTest: 10 }))
      .teacher(vit({ embedDim: model, depth: 3, numHeads: 3, patchSize: 14 }), { epochs: 1, batchSize: 32, lr }),
  { exclude: [{ model: 'wide', lr: 0.002 }] },
)
`

describe('a suite on the command line', () => {
  const workspace = workspaceForAll()
  const call = (...args: readonly string[]) => runCli(args, { cwd: workspace.path })
  const planOf = async (...args: readonly string[]): Promise<readonly PlannedStage[]> => {
    const { stdout } = await call('plan', ...args, '--json')
    return (
      stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as PlannedStage)
        // The last line is of the whole run.
        .filter(({ stage }) => stage !== undefined)
    )
  }

  before(() => workspace.write('cheap.ts', cheap('0.001, 0.002')))

  it('is planned as one graph', async () => {
    const { code, stdout } = await call('plan', 'cheap.ts')
    expect(code).to.equal(0)
    expect(stdout).to.match(/^cheap: 3 cells, 6 stages of which 4 are distinct\n/)
    expect(stdout).to.match(/^teacher\[lr=0\.001,model=wide\] +run +has no result yet; data is made first$/m)
  })

  it('runs, and ends with the count and one line a cell', async () => {
    const { code, stdout, stderr } = await call('run', 'cheap.ts')
    expect(code, stderr).to.equal(0)
    expect(stdout).to.match(/^cheap: 3 cells, 6 stages of which 4 are distinct, engine /)
    expect(stdout).to.match(/^stages asked for 6, distinct 4, run 4$/m)
    const share = '\\d+\\.\\d\\d %'
    expect(stdout).to.match(
      new RegExp(
        [
          'lr     model   state +n +teacher +teacher\\.top5 +teacher\\.loss +teacher\\.finalLoss',
          `0\\.001  narrow  done +1 +${share} .*`,
          `0\\.001  wide    done +1 +${share} .*`,
          `0\\.002  narrow  done +1 +${share} .*`,
          '',
          'teacher, teacher\\.top5 and teacher\\.loss: on the test images',
          'teacher\\.finalLoss: on the training images\n$',
        ].join('\n'),
      ),
    )
  })

  it('runs only what is new when an axis gets one value more', async () => {
    workspace.write('cheap.ts', cheap('0.001, 0.002, 0.003'))
    const run = await call('run', 'cheap.ts', '--json')
    expect(countsOf(run)).to.deep.equal({ ran: 2, cached: 4, failed: 0, skipped: 0 })
    expect(stagesWith(run.events, 'stage-started')).to.deep.equal([
      'teacher[lr=0.003,model=narrow]',
      'teacher[lr=0.003,model=wide]',
    ])
    expect(eventsOf(run.events, 'run-finished')[0]?.suite).to.deep.include({ cells: 5, asked: 10, distinct: 6 })
  })

  it('gives one cell as a pipeline alone: the parts in any order, as many as it takes', async () => {
    for (const cell of ['lr=0.003,model=wide,seed=0', 'model=wide,lr=0.003', 'seed=0,lr=0.003,model=wide']) {
      const stages = await planOf(`cheap.ts#${cell}`)
      expect(stages.map(({ stage, status }) => [stage, status])).to.deep.equal([
        ['data', 'cached'],
        ['teacher', 'cached'],
      ])
    }
    expect(countsOf(await call('run', 'cheap.ts#lr=0.002', '--json'))).to.deep.include({ ran: 0, cached: 2 })
  })

  it('explains what a cell alone would run against what the suite has run', async () => {
    workspace.write('cheap.ts', cheap('0.001, 0.002, 0.003').replace('epochs: 1', 'epochs: 1, minLr: 1e-6'))
    const [, teacher] = await planOf('cheap.ts#lr=0.002')
    expect(teacher?.reasons).to.deep.equal([
      { type: 'parameter-changed', parameter: 'train.minLr', before: 1e-5, now: 1e-6 },
    ])
    workspace.write('cheap.ts', cheap('0.001, 0.002, 0.003'))
  })

  it('shows the artifact of a stage, by its name or by as much of it as tells it', async () => {
    for (const stage of ['teacher[lr=0.003,model=wide]', 'teacher[model=wide,lr=0.003]', 'teacher[lr=0.002]']) {
      const { code, stdout } = await call('show', 'cheap.ts', stage, '--json')
      expect(code, stage).to.equal(0)
      expect(JSON.parse(stdout)).to.have.nested.property('identity.kind', 'teacher')
    }
    const { stdout } = await call('show', 'cheap.ts#lr=0.002', 'teacher')
    expect(stdout).to.match(/inputs\n +data ← data /)
  })

  it('is listed with the runs of its cells', async () => {
    const { stdout } = await call('runs', 'cheap.ts')
    expect(stdout)
      .to.match(/ cheap +done/)
      .and.to.match(/ cheap#lr=0\.002,model=narrow,seed=0 +done/)
    const cell = await call('runs', 'cheap.ts#lr=0.002', '--json')
    expect(cell.stdout.trim().split('\n')).to.have.length(1)
  })

  it('can be watched, whole or one cell of it', async () => {
    const watching = startCli(['watch', 'cheap.ts#lr=0.002', '--json'], { cwd: workspace.path })
    expect(await watching.waitFor(({ type }) => type === 'run-finished')).to.include({ ran: 0, cached: 2 })
    watching.signalGroup('SIGINT')
    expect((await watching.done).code).to.equal(130)
  })
})

describe('a cell that fails', () => {
  const workspace = workspaceForAll()

  it('fails alone: exit code 1, and the end says which failed and why', async () => {
    const { images, labels } = wrongData()
    writeFileSync(workspace.file('images'), images)
    writeFileSync(workspace.file('rubbish'), labels)
    workspace.write(
      'failing.ts',
      `import { idx, mnist, pipeline, suite } from 'genepool'
const sets = {
  good: mnist({ take: 10, takeTest: 10 }),
  bad: idx({ trainImages: 'images', trainLabels: 'rubbish', testImages: 'images', testLabels: 'rubbish' }),
}
export default suite('failing', { set: sets, n: [1, 2] }, ({ set }) => pipeline('cell').data(set))
`,
    )
    const { code, stdout, stderr } = await runCli(['run', 'failing.ts'], { cwd: workspace.path })
    expect(code).to.equal(1)
    expect(stderr).to.equal('')
    expect(stdout).to.match(/^stages asked for 4, distinct 2, run 1$/m)
    expect(stdout).to.match(/^2 of 4 cells failed\n {2}.*rubbish.*\n {4}set=bad,n=1,seed=0 {2}in data\[set=bad\]\n/m)
    expect(stdout.trim().split('\n').slice(-4)).to.deep.equal([
      'good  1  done',
      'good  2  done',
      'bad   1  failed',
      'bad   2  failed',
    ])
  })
})
