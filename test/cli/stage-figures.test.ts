import { existsSync, readFileSync } from 'node:fs'
import { expect } from 'chai'
import type { ReportData } from '../../src/report/report-data.js'
import type { NamedFigure } from '../../src/results/figures.js'
import type { GroupResult } from '../../src/results/group-results.js'
import type { Manifest } from '../../src/runtime/store/store.js'
import type { Finished } from '../support/child.js'
import { runCli } from '../support/cli.js'
import { smallSuite, timedPipeline } from '../support/experiments.js'
import { fillStore } from '../support/filled-store.js'
import { countsOf } from '../support/read-events.js'
import { workspaceForAll } from '../support/workspace.js'

const linesOf = <A>({ stdout }: Finished): readonly A[] =>
  stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as A)

const dataOf = (html: string): ReportData =>
  JSON.parse(/<script type="application\/json" id="data">([^]*?)<\/script>/.exec(html)![1]) as ReportData

/** `count` returns figures and leaves nothing; `twice` reads them. */
const own = `
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline, stage } from 'genepool'
const count = stage('count', {
  params: { words: 12 },
  run: ({ params }) => ({
    length: params.words,
    byClass: { cat: 3, dog: 9 },
    label: 'two\\nlines',
    top1: 0.25,
    order: [2, 1],
  }),
})
const twice = stage('twice', {
  inputs: { count },
  run: ({ inputs, outDir }) => {
    writeFileSync(join(outDir, 'n.txt'), String(inputs.count.summary.length))
    return { length: 2 * Number(inputs.count.summary.length) }
  },
})
export default pipeline('own').add(twice)
`

/** Four cells, two seeds each, of one stage that returns figures alone. */
const cells = `
import { pipeline, stage, suite } from 'genepool'
const measure = (factor: number, kind: string, seed: number) =>
  stage('measure', {
    params: { factor, kind, seed },
    run: ({ params }) => ({ score: params.factor + params.seed / 10, kind: params.kind }),
  })
export default suite('cells', { factor: [1, 2], kind: ['a', 'b'] }, ({ factor, kind, seed }) =>
  pipeline('cell', { seed }).add(measure(factor, kind, seed)), { seeds: 2 })
`

describe('figures that stages return', () => {
  const workspace = workspaceForAll()
  const genepool = (call: string): Promise<Finished> => runCli(call.split(' '), { cwd: workspace.path })
  const read = (name: string): string => readFileSync(workspace.file(name), 'utf8')

  before(() => {
    workspace.write('own.ts', own)
    workspace.write('cells.ts', cells)
  })

  it('are results of a pipeline that measures no models: what a run ends with, and what results prints', async () => {
    const run = await genepool('run own.ts')
    expect([run.code, run.stderr]).to.deep.equal([0, ''])
    const results = await genepool('results own.ts')
    expect([results.code, results.stderr]).to.deep.equal([0, ''])
    expect(run.stdout.endsWith(`\n\n${results.stdout}`), run.stdout).to.equal(true)
    expect(results.stdout.split('\n').map((line) => line.trim().replace(/ +/g, ' '))).to.deep.equal([
      'figure value',
      'count.length 12',
      'count.byClass.cat 3',
      'count.byClass.dog 9',
      'count.label two lines',
      'count.top1 25.00 %',
      'count.order [2,1]',
      'twice.length 24',
      '',
    ])
  })

  it('make a stage complete that leaves no file: it is cached, planned, shown and certified like any other', async () => {
    expect(countsOf(await genepool('run own.ts --json'))).to.deep.equal({ ran: 0, cached: 2, failed: 0, skipped: 0 })
    expect((await genepool('plan own.ts')).stdout).to.match(/^2 cached, 0 to run, 0 maybe$/m)
    const shown = JSON.parse((await genepool('show own.ts count --json')).stdout) as Manifest & { folder: string }
    expect([shown.files, shown.summary['length'], existsSync(shown.folder)]).to.deep.equal([{}, 12, true])
    expect((await genepool('lineage own.ts twice')).stdout).to.match(/\bcount \(stage\)/)
    const certified = await genepool('certify own.ts')
    expect(certified.code, certified.stdout).to.equal(0)
    expect(certified.stdout)
      .to.match(/^count +.*identical/m)
      .and.match(/^twice +.*identical/m)
  })

  it('are kept by gc, found whole by verify, and carried to another store', async () => {
    expect((await genepool('gc --keep-days 0')).code).to.equal(0)
    const verified = await genepool('store verify')
    expect([verified.code, verified.stdout.trim().split(': ').at(-1)]).to.deep.equal([0, 'all as published'])
    expect((await genepool('store export own.ts own.tar')).code).to.equal(0)
    expect((await genepool('store import own.tar --store other')).stdout).to.match(/^own\.ts: 2 artifacts, /)
    expect(countsOf(await genepool('run own.ts --json --store other'))).to.deep.include({ ran: 0, cached: 2 })
  })

  it('are chosen by their name, by their stage, or by their last word, and given to programs as they are', async () => {
    const named = async (metric: string): Promise<readonly string[]> =>
      linesOf<NamedFigure>(await genepool(`results own.ts --json --metric ${metric}`)).map(({ figure }) => figure)
    expect(await named('twice.length,count.top1')).to.deep.equal(['twice.length', 'count.top1'])
    expect(await named('twice')).to.deep.equal(['twice.length'])
    expect(await named('length')).to.deep.equal(['count.length', 'twice.length'])
    expect(linesOf(await genepool('results own.ts --json --metric cat,order'))).to.deep.equal([
      { figure: 'count.byClass.cat', value: 3, images: null },
      { figure: 'count.order', value: [2, 1], images: null },
    ])
    expect((await genepool('results own.ts --csv --metric length')).stdout).to.equal(
      'figure,value\r\ncount.length,12\r\ntwice.length,24\r\n',
    )
    const { code, stderr } = await genepool('results own.ts --metric width')
    expect([code, stderr]).to.deep.equal([
      2,
      "genepool: there is no figure 'width' in these results\n  --metric takes count.length, count.byClass.cat, " +
        'count.byClass.dog, count.label, count.top1, count.order, twice.length\n',
    ])
  })

  it('have a section in the report', async () => {
    const { code, stdout } = await genepool('report own.ts')
    expect([code, stdout.split('  ')[1]?.split(', ')[1]]).to.deep.equal([0, '1 figure'])
    const html = read('own-report.html')
    expect(html)
      .to.include('<h2>Figures of stages</h2>')
      .and.include('<td class="l">count.byClass.dog</td><td>9</td>')
      .and.not.match(/Accuracy and cost|="[^"]*(?:NaN|Infinity|undefined)/)
    expect(dataOf(html).results).to.deep.equal(linesOf(await genepool('results own.ts --json')))
  })

  it('are no models: pick, pareto and --models say so, and where the figures are', async () => {
    for (const call of ['pick own.ts', 'pareto own.ts', 'results own.ts --models']) {
      const { code, stdout, stderr } = await genepool(call)
      expect([code, stdout], call).to.deep.equal([2, ''])
      expect(stderr, call).to.equal(
        'genepool: own.ts measures no models: it has no evaluate() stage\n' +
          '  genepool results own.ts prints the figures of its stages\n',
      )
    }
  })

  it('have mean and spread over the cells of a suite, by any axis', async () => {
    const run = await genepool('run cells.ts')
    expect(run.stdout).to.match(/^1 +a +done +2 +1\.050 ± 0\.07071$/m)
    const { stdout } = await genepool('results cells.ts')
    expect(stdout)
      .to.match(/^factor +kind +n +measure\.score$/m)
      .and.match(/^2 +b +2 +2\.050 ± 0\.07071$/m)
      .and.match(/^mean ± sample standard deviation over n seeds$/m)
    const [one, two] = linesOf<GroupResult>(await genepool('results cells.ts --by factor --metric score --json'))
    expect([one, two].map(({ at, n, figures }) => [at, n, figures['measure.score'].mean])).to.deep.equal([
      [{ factor: 1 }, 4, 1.05],
      [{ factor: 2 }, 4, 2.05],
    ])
    const { code, stderr } = await genepool('results cells.ts --by factor --metric width')
    expect(code).to.equal(2)
    expect(stderr).to.match(/there is no figure 'width'.*\n +--metric takes measure\.score\n/)
    expect((await genepool('report cells.ts')).code).to.equal(0)
    expect(read('cells-report.html'))
      .to.include('<td>2.050 ± 0.07071</td>')
      .and.match(/id="figure-ablation"/)
      .and.not.match(/="[^"]*(?:NaN|Infinity|undefined)/)
  })

  it('stand below the measured models of a pipeline, and beside those of a suite where they are asked for', async () => {
    const withOwn = (text: string): string =>
      text
        .replace('import { mnist, pipeline,', 'import { mnist, pipeline, stage,')
        .replace(
          '.evaluate()',
          ".add(stage('extra', { inputs: { from: 'teacher' }, run: () => ({ score: 1 }) })).evaluate()",
        )
    workspace.write('nine.ts', withOwn(timedPipeline))
    workspace.write('starts.ts', withOwn(smallSuite))
    await fillStore(workspace, 'nine.ts')
    await fillStore(workspace, 'starts.ts')
    const nine = (await genepool('results nine.ts')).stdout
    expect(nine).to.match(/^id +model [^]*\n\nfigure +value\nextra\.score +0\.\d+\nextra\.images +50\n$/)
    expect(linesOf<object>(await genepool('results nine.ts --json'))).to.have.length(9)
    expect((await genepool('results nine.ts --metric bestTop1,teacher.finalLoss,extra')).stdout)
      .to.match(/^bestTop1 +\d+\.\d+ % +test$/m)
      .and.match(/^teacher\.finalLoss +[\d.]+ +train$/m)
      .and.match(/^extra\.images +50$/m)
    const suite = (await genepool('results starts.ts')).stdout
    expect(suite).to.match(/^init +loss +n +stitched mean +best /m)
    expect(suite).not.to.include('extra')
    expect((await genepool('results starts.ts --metric extra')).stdout).to.match(
      /^init +loss +n +extra\.score +extra\.images$/m,
    )
    for (const name of ['nine', 'starts']) {
      expect((await genepool(`report ${name}.ts`)).code).to.equal(0)
      expect(read(`${name}-report.html`), name)
        .to.match(/<h2>Figures of stages<\/h2>[^]*extra\.score/)
        .and.match(/<h2>Accuracy and cost<\/h2>/)
    }
  })

  it('of a stage that is computed every time are said to be so', async () => {
    workspace.write(
      'drawn.ts',
      `import { pipeline, stage } from 'genepool'
export default pipeline('drawn').add(stage('drawn', { run: () => ({ share: Math.random() }) }))
`,
    )
    await genepool('run drawn.ts --store drawn')
    const { code, stderr } = await genepool('results drawn.ts --store drawn')
    expect(code).to.equal(2)
    expect(stderr).to.match(
      /^genepool: drawn uses randomness that is not its own \(drawn\.ts:2\), so it is computed every time; .*trusts/,
    )
  })

  it('of a stage that has not run are said to be missing', async () => {
    const { code, stderr } = await genepool('results own.ts --store none')
    expect(code).to.equal(2)
    expect(stderr).to.equal(
      `genepool: there are no results of own.ts as it stands: count, twice left no result with these parameters; ` +
        `there is no store ${workspace.file('none')}\n  genepool run own.ts\n`,
    )
    await genepool('run own.ts --only count --store half')
    const half = await genepool('results own.ts --store half')
    expect(half.stdout)
      .to.match(/^count\.length +12$/m)
      .and.match(/^missing: twice$/m)
  })
})
