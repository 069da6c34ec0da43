import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { expect } from 'chai'
import type { ReportData } from '../../src/report/report-data.js'
import { runCli } from '../support/cli.js'
import type { Finished } from '../support/child.js'
import { smallSuite, timedPipeline } from '../support/experiments.js'
import { fillStore } from '../support/filled-store.js'
import { runRecorded } from '../support/loaded-packages.js'
import { workspaceForAll } from '../support/workspace.js'

const dataOf = (html: string): ReportData =>
  JSON.parse(/<script type="application\/json" id="data">([^]*?)<\/script>/.exec(html)![1]) as ReportData

describe('genepool report', () => {
  const workspace = workspaceForAll()
  const genepool = (call: string): Promise<Finished> => runCli(call.split(' '), { cwd: workspace.path })
  const lines = async (call: string): Promise<readonly unknown[]> =>
    (await genepool(call)).stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown)
  const read = (name: string): string => readFileSync(workspace.file(name), 'utf8')

  before(async () => {
    workspace.write('nine.ts', timedPipeline)
    workspace.write('starts.ts', smallSuite)
    await fillStore(workspace, 'nine.ts')
    await fillStore(workspace, 'starts.ts', { skip: 'evaluate.*random.*soft.*seed=2' })
    for (const call of ['report nine.ts --figures figures', 'report starts.ts --out deep/er/suite.html']) {
      const { code, stderr } = await genepool(call)
      expect([code, stderr], call).to.deep.equal([0, ''])
    }
  })

  it('holds the very rows of results --json', async () => {
    const nine = dataOf(read('nine-report.html'))
    expect(nine.results).to.deep.equal(await lines('results nine.ts --json'))
    const suite = dataOf(read('deep/er/suite.html'))
    expect(suite.results).to.deep.equal(await lines('results starts.ts --json'))
    expect(suite.models).to.deep.equal(await lines('results starts.ts --models --json'))
    expect(suite.by['init']).to.deep.equal(await lines('results starts.ts --by init --json'))
  })

  it('is one file that asks nothing of a network', () => {
    for (const name of ['nine-report.html', 'deep/er/suite.html']) {
      const html = read(name).replace(/<script type="application\/json"[^]*?<\/script>/, '')
      expect(html).not.to.match(/<(?:link|img|iframe)\b|\bsrc=|@import|url\(/)
      expect(html.replaceAll('http://www.w3.org/2000/svg', '')).not.to.match(/https?:/)
    }
  })

  it('names question, seed, engine, every model and every fingerprint', async () => {
    const html = read('nine-report.html')
    expect(html).to.include('What do nine models cost?').and.include('onnxruntime-node')
    for (const { name } of dataOf(html).models) expect(html).to.include(`<td class="l">${name}</td>`)
    const { stages } = dataOf(html)
    expect(stages).to.have.length(8)
    for (const { fingerprint } of stages) expect(html).to.include(`<dd>${fingerprint!}</dd>`)
  })

  it('has a titled point for every model in both of its widths', () => {
    const points = [...read('nine-report.html').matchAll(/<title>([^<\n]+)\n/g)].map(([, name]) => name)
    for (const { name } of dataOf(read('nine-report.html')).models) {
      // Against parameters, MACs and time at two batches.
      expect(
        points.filter((point) => point === name),
        name,
      ).to.have.length(8)
    }
  })

  it('says of a suite what is missing', () => {
    const html = read('deep/er/suite.html')
    expect(html).to.match(/<strong>Not complete:<\/strong> of 1 cell something has not run/)
    expect(html).to.include('<td>2/3</td>')
  })

  it('writes figures as SVG and PNG and tables as CSV and Markdown', () => {
    const files = readdirSync(workspace.file('figures'))
    const figures = [
      'accuracy-latency-1',
      'accuracy-latency-8',
      'accuracy-macs',
      'accuracy-params',
      'loss',
      'stage-graph',
      'storage',
    ]
    const tables = ['models', 'stages-table', 'storage-table']
    expect(files).to.have.members([
      ...figures.flatMap((name) => [`${name}.svg`, `${name}.png`]),
      ...tables.flatMap((name) => [`${name}.csv`, `${name}.md`]),
    ])
    for (const name of figures) {
      const svg = read(`figures/${name}.svg`)
      expect(svg)
        .to.match(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg"/)
        .and.not.match(/var\(--|NaN|undefined/)
      const png = readFileSync(workspace.file('figures', `${name}.png`))
      expect(png.subarray(1, 4).toString()).to.equal('PNG')
      expect(png.readUInt32BE(16), 'pixels across').to.be.above(600)
    }
    expect(read('figures/models.csv').trim().split('\r\n')).to.have.length(10)
    expect(read('figures/models.md')).to.match(/^\| +id \| model /)
  })

  it('labels even distances evenly, also of times that differ by little', () => {
    for (const batch of [1, 8]) {
      const labels = [...read(`figures/accuracy-latency-${batch}.svg`).matchAll(/>(\d+\.?\d*) ms</g)].map(
        ([, text]) => text,
      )
      expect(labels.length).to.be.above(2)
      const [first, second] = labels.map(Number)
      const decimals = labels[0].split('.')[1]?.length ?? 0
      expect(labels).to.deep.equal(labels.map((_, index) => (first + index * (second - first)).toFixed(decimals)))
    }
  })

  it('gives panels a title and no names of axes, however few and wide they are', async () => {
    const axes = "{ init: ['learned', 'random'], loss: ['soft', 'none'] }"
    workspace.write('two.ts', smallSuite.replace(axes, "{ init: ['learned', 'random'], loss: ['soft'] }"))
    await fillStore(workspace, 'two.ts')
    expect((await genepool('report two.ts --figures two')).code).to.equal(0)
    const svg = read('two/cells.svg')
    expect(svg).to.include('>learned<').and.include('>random<')
    expect(svg).not.to.match(/top-1, %|>parameters</)
  })

  it('draws nothing that is not a number', () => {
    for (const name of ['nine-report.html', 'deep/er/suite.html']) {
      expect(read(name).replace(/<script[^]*?<\/script>/g, '')).not.to.match(/="[^"]*(?:NaN|Infinity|undefined)/)
    }
  })

  it('alone loads the plotting library', async () => {
    const plotting = ['linkedom', '@dagrejs/dagre', '@resvg/resvg-js']
    const results = await runRecorded(['results', 'nine.ts'], { cwd: workspace.path })
    expect(results.byRun.filter((name) => plotting.includes(name) || name.startsWith('d3'))).to.deep.equal([])
    const report = await runRecorded(['report', 'nine.ts', '--figures', 'again'], { cwd: workspace.path })
    expect(report.byRun).to.include('@resvg/resvg-js')
    expect([...results.byRun, ...report.byRun]).not.to.include('@tensorflow/tfjs-core')
  })

  it('of what never ran is a sentence, exit code 2 and no file', async () => {
    const { code, stdout, stderr } = await genepool('report nine.ts --store empty --out never.html')
    expect([code, stdout]).to.deep.equal([2, ''])
    expect(stderr).to.match(/^genepool: there are no results of nine\.ts as it stands: .*\n +genepool run nine\.ts\n$/)
    expect(existsSync(workspace.file('never.html'))).to.equal(false)
  })

  it('that cannot be written is a sentence too', async () => {
    const { code, stderr } = await genepool('report nine.ts --out nine.ts/report.html')
    expect(code).to.equal(2)
    expect(stderr)
      .to.match(/^genepool: the report cannot be written: /)
      .and.not.match(/^\s+at /m)
  })
})
