import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { expect } from 'chai'
import type { ReportData } from '../../src/report/report-data.js'
import type { GroupResult } from '../../src/results/group-results.js'
import type { ModelResult } from '../../src/results/model-results.js'
import type { Manifest } from '../../src/runtime/store/store.js'
import { runCli } from '../support/cli.js'
import type { Finished } from '../support/child.js'
import { smallSuite, timedPipeline } from '../support/experiments.js'
import { fillStore } from '../support/filled-store.js'
import { workspaceForAll } from '../support/workspace.js'

/** Cells of `learned` have no loss `none`. */
const lopsided = smallSuite.replace(
  '{ seeds: [1, 2, 3] }',
  "{ seeds: [1, 2, 3], exclude: [{ init: 'learned', loss: 'none' }] }",
)

/** Four models, each trained alone, of two seeds. */
const alone = `import { mnist, pipeline, suite } from 'genepool'

export default suite(
  'alone',
  { heads: [1, 3] },
  ({ heads, seed }) =>
    pipeline('cell', { seed })
      .data(mnist({ take: 64, takeTest: 50 }))
      .singles(
        {
          tiny: { embedDim: 12, depth: 3, numHeads: heads, patchSize: 14 },
          base: { embedDim: 24, depth: 3, numHeads: heads, patchSize: 14 },
        },
        { epochs: 1, descendants: [0, 1, 2, 3] },
      ),
  { seeds: [1, 2] },
)
`

describe('results of what is not complete or not balanced', () => {
  const workspace = workspaceForAll()
  const genepool = (call: string): Promise<Finished> => runCli(call.split(' '), { cwd: workspace.path })
  const lines = <A>({ stdout }: Finished): readonly A[] =>
    stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as A)

  before(async () => {
    workspace.write('lopsided.ts', lopsided)
    workspace.write('starts.ts', smallSuite)
    const validated = timedPipeline.replace('.evaluate()', ".evaluate({ split: 'validation' })")
    workspace.write('nine.ts', validated.replace('takeTest: 50', 'takeTest: 50, validation: 0.25'))
    await fillStore(workspace, 'lopsided.ts')
    await fillStore(workspace, 'starts.ts', { store: 'partly', skip: '^stitch.*random.*(seed=2|loss=none)' })
    await fillStore(workspace, 'nine.ts', { skip: '^latency' })
    workspace.write('alone.ts', alone)
    await fillStore(workspace, 'alone.ts')
    await fillStore(workspace, 'alone.ts', { store: 'half', skip: '/2.*heads=3.*seed=1' })
  })

  it('compares the values of an axis over the cells that all have, and says how many are left out', async () => {
    const { stdout } = await genepool('results lopsided.ts --by init')
    expect(stdout)
      .to.match(/^learned +3 /m)
      .and.match(/^random +3\/6 /m)
      .and.match(/^means are over the combinations of loss, seed that every value has: 3 measured cells are left out$/m)
    const [, random] = lines<GroupResult>(await genepool('results lopsided.ts --by init --json'))
    const soft = lines<GroupResult>(await genepool('results lopsided.ts --json')).find(
      ({ at }) => at['init'] === 'random' && at['loss'] === 'soft',
    )
    expect(random).to.deep.include({ over: 'common', leftOut: 3, n: 3 })
    expect(random.figures['bestTop1']).to.deep.equal(soft!.figures['bestTop1'])
    const models = lines<ModelResult>(await genepool('results lopsided.ts --by init --models --json'))
    expect(models.every(({ n }) => n === 3)).to.equal(true)
  })

  it('says the same in a report, in its data, tables and figures', async () => {
    expect((await genepool('report lopsided.ts --out lopsided.html')).code).to.equal(0)
    const html = readFileSync(workspace.file('lopsided.html'), 'utf8')
    const json = /<script type="application\/json" id="data">([^]*?)<\/script>/.exec(html)![1]
    const { by } = JSON.parse(json) as ReportData
    expect(by['init'].map(({ over, leftOut }) => [over, leftOut])).to.deep.equal([
      ['common', 0],
      ['common', 3],
    ])
    // Of tables one, of figures the intervals and the curves, the caption twice: as text and as the drawing's name.
    expect(html.match(/Means are over the combinations of loss, seed that every value has: 3 /g)!.length).to.be.least(3)
  })

  it('prints with pick, pareto and models what has not run, and over how many seeds means are', async () => {
    for (const call of ['pick starts.ts', 'pareto starts.ts', 'results starts.ts --models']) {
      const { stdout } = await genepool(`${call} --store partly`)
      expect(stdout, call)
        .to.match(/^missing: init=random,loss=soft,seed=2 \(stitch, evaluate\)$/m)
        .and.match(/^models are means over 2 to 3 cells: the column n says over how many$/m)
    }
    const picked = JSON.parse((await genepool('pick starts.ts --store partly --json')).stdout) as {
      readonly missing: GroupResult['missing']
    }
    expect(picked.missing).to.have.length(4)
    const { stderr } = await genepool('pareto starts.ts --store partly --csv')
    expect(stderr).to.match(/^genepool: missing: init=random,loss=soft,seed=2 /m)
  })

  it('ends a run of single models with the figures that results has of them', async () => {
    const [run, results] = [await genepool('run alone.ts'), await genepool('results alone.ts')]
    expect(run.stdout).to.match(/: 0 ran, \d+ cached/)
    for (const heads of [1, 3]) {
      const row = (text: string, state: string): string =>
        new RegExp(`^ *${heads} +${state}(\\d +\\d.*%)$`, 'm').exec(text)?.[1] ?? `no row of ${heads}`
      expect(row(run.stdout, 'done +')).to.equal(row(results.stdout, '')).and.to.match(/ ± /)
    }
  })

  it('counts a cell only when all of its single models are there', async () => {
    const groups = lines<GroupResult>(await genepool('results alone.ts --store half --json'))
    expect(groups.map(({ n, asked, missing }) => [n, asked, missing.length])).to.deep.equal([
      [2, 2, 0],
      [1, 2, 1],
    ])
    expect(groups[1].figures['bestTop1'].n).to.equal(1)
    const models = lines<ModelResult>(await genepool('results alone.ts --store half --models --json'))
    expect(models.map(({ n }) => n)).to.deep.equal([2, 2, 2, 2, 2, 2, 1, 2])
  })

  it('reads all other cells where one is damaged, and says to run it again', async () => {
    const shown = await genepool('show lopsided.ts evaluate[init=learned,loss=soft,seed=1] --json')
    const { sha256 } = (JSON.parse(shown.stdout) as Manifest).files['descendants.jsonl']
    const blob = workspace.file('.genepool', 'blobs', sha256.slice(0, 2), sha256)
    chmodSync(blob, 0o644)
    writeFileSync(blob, readFileSync(blob, 'utf8').replace('"top1":0', '"top1":1'))
    const { code, stdout, stderr } = await genepool('results lopsided.ts')
    expect(code).to.equal(0)
    expect(stdout)
      .to.match(/^learned +soft +2\/3 /m)
      .and.match(/^random +soft +3 /m)
      .and.match(/^missing: init=learned,loss=soft,seed=1 \(evaluate\)$/m)
    expect(stderr).to.match(
      /^genepool: evaluate\[.*\] counts as missing: .* genepool run lopsided\.ts makes it again\n$/,
    )
  })

  it('says of times that a stage would measure here that it has to run', async () => {
    const { code, stderr } = await genepool('pick nine.ts --max-latency 5ms')
    expect(code).to.equal(2)
    expect(stderr).to.equal(
      'genepool: latency of nine.ts was not measured on this machine with this engine\n  genepool run nine.ts\n',
    )
  })

  it('says under a table which images the scores are of', async () => {
    for (const call of ['results nine.ts', 'pick nine.ts', 'pareto nine.ts']) {
      const { stdout } = await genepool(call)
      expect(stdout, call).to.match(/^top-1, top-5 and loss: on the validation images$/m)
    }
    const { stdout } = await genepool('results nine.ts --metric bestTop1,teacher.top1,teacher.params')
    expect(stdout)
      .to.match(/^bestTop1 .* validation$/m)
      .and.match(/^teacher\.top1 .* test$/m)
      .and.match(/^teacher\.params +[\d.]+ k$/m)
  })

  it('has no top-5 of data with few classes, and says of whoever compares by it that there is none', async () => {
    workspace.write('digits', 'never read: the store is filled')
    const files = ['trainImages', 'trainLabels', 'testImages', 'testLabels'].map((role) => `${role}: 'digits'`)
    const data = `idx({ ${files.join(', ')}, numClasses: 3 })`
    workspace.write('three.ts', timedPipeline.replace('mnist, ', 'idx, ').replace(/mnist\(\{.*?\}\)/, data))
    await fillStore(workspace, 'three.ts')
    const { stdout } = await genepool('results three.ts')
    expect(stdout)
      .to.match(/^id .* top-1 +loss$/m)
      .and.match(/^top-1 and loss: on the test images$/m)
    const picked = await genepool('pick three.ts --metric top5')
    expect([picked.code, picked.stderr.split('\n')[0]]).to.deep.equal([
      2,
      'genepool: no model of three.ts has a top5 that is a number',
    ])
    expect((await genepool('report three.ts --out three.html')).code).to.equal(0)
    expect(readFileSync(workspace.file('three.html'), 'utf8')).not.to.include('top-5')
  })

  it('calls the top-1 of a report by the split that was measured', async () => {
    expect((await genepool('report nine.ts --out nine.html')).code).to.equal(0)
    const html = readFileSync(workspace.file('nine.html'), 'utf8')
    expect(html)
      .to.include('Validation top-1 (test top-1 of what was trained alone) against parameters')
      .and.not.include('Test top-1')
  })

  it('refuses figures that would be ignored, and gives JSON of those that are asked for', async () => {
    const groups = lines<GroupResult>(await genepool('results lopsided.ts --metric bestTop1 --json'))
    for (const { figures } of groups) expect(Object.keys(figures)).to.deep.equal(['bestTop1'])
    for (const [flag, says] of [
      ['--models', /--metric chooses figures of groups of cells, and --models prints models/],
      ['--all', /--metric and --all exclude each other/],
    ] as const) {
      const { code, stdout, stderr } = await genepool(`results lopsided.ts --metric bestTop1 ${flag}`)
      expect([code, stdout], flag).to.deep.equal([2, ''])
      expect(stderr).to.match(says)
    }
  })
})
