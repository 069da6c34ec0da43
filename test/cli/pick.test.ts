import { expect } from 'chai'
import type { ModelResult } from '../../src/results/model-results.js'
import { runCli } from '../support/cli.js'
import type { Finished } from '../support/child.js'
import { smallSuite, timedPipeline } from '../support/experiments.js'
import { fillStore } from '../support/filled-store.js'
import { workspaceForAll } from '../support/workspace.js'

interface PickJson {
  readonly best: ModelResult
  readonly binding: readonly string[]
  readonly eligible: number
  readonly next: ModelResult | null
}

describe('genepool pick and pareto', () => {
  const workspace = workspaceForAll()
  const genepool = (call: string): Promise<Finished> => runCli(call.split(' '), { cwd: workspace.path })
  let models: readonly ModelResult[]

  const lines = <A>({ stdout }: Finished): readonly A[] =>
    stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as A)

  before(async () => {
    workspace.write('nine.ts', timedPipeline)
    workspace.write('untimed.ts', timedPipeline.replace('  .latency({ batch: 8 })\n', ''))
    workspace.write('starts.ts', smallSuite)
    for (const file of ['nine.ts', 'untimed.ts', 'starts.ts']) await fillStore(workspace, file)
    models = lines<ModelResult>(await genepool('results nine.ts --json'))
  })

  it('names the best model under budgets, its cell, what binds and what the next better one would cost', async () => {
    const limit = 20_000
    const [picked] = lines<PickJson>(await genepool(`pick nine.ts --max-params ${limit / 1e3}k --max-macs 1G --json`))
    const eligible = models.filter(({ params }) => params <= limit)
    expect(picked.best.top1).to.equal(Math.max(...eligible.map(({ top1 }) => top1)))
    expect(picked.eligible).to.equal(eligible.length)
    expect(picked.binding).to.deep.equal(['params'])
    expect(picked.next!.params).to.be.above(limit)
    const { stdout, code } = await genepool('pick nine.ts --max-params 20k --max-macs 1G')
    expect(code).to.equal(0)
    expect(stdout)
      .to.match(/^id +model /)
      .and.match(/\d of 9 models meet --max-params 20\.0 k and --max-macs 1\.00 G\n/)
      .and.match(/--max-params binds: /)
      .and.match(/the next better one is \S+: top-1 .* params \(\d.* % over\)/)
  })

  it('picks by measured time, in any unit', async () => {
    const fastest = models.reduce((a, b) => (b.latency[0].medianMs < a.latency[0].medianMs ? b : a))
    const ms = fastest.latency[0].medianMs
    for (const time of [`${ms}ms`, `${ms / 1000}s`, String(ms)]) {
      const [picked] = lines<PickJson>(await genepool(`pick nine.ts --max-latency ${time} --json`))
      expect(picked.best.id, time).to.equal(fastest.id)
    }
  })

  it('picks from a suite over all cells, by means over seeds', async () => {
    const all = lines<ModelResult>(await genepool('results starts.ts --models --json'))
    const [picked] = lines<PickJson>(await genepool('pick starts.ts --json'))
    expect(picked.best.top1).to.equal(Math.max(...all.map(({ top1 }) => top1)))
    expect((await genepool('pick starts.ts')).stdout).to.match(/^cell: init=\w+, loss=\w+, mean over 3 seeds$/m)
  })

  it('prints the front, cheapest first, each better than the one before', async () => {
    for (const cost of ['params', 'macs', 'latency']) {
      const front = lines<ModelResult>(await genepool(`pareto nine.ts --cost ${cost} --json`))
      const scores = front.map(({ top1 }) => top1)
      expect(scores).to.deep.equal([...scores].sort((a, b) => a - b))
      expect(scores.at(-1)).to.equal(Math.max(...models.map(({ top1 }) => top1)))
    }
    const { stdout } = await genepool('pareto starts.ts --cost macs')
    expect(stdout)
      .to.match(/^init +loss +id +model /)
      .and.match(/\d of 36 models are on the front of MACs and top1$/m)
  })

  it('answers what cannot be met, read or found with a sentence and exit code 2', async () => {
    const calls: readonly (readonly [call: string, says: RegExp])[] = [
      [
        'pick nine.ts --max-params 1k',
        /no model of nine\.ts meets --max-params 1\.00 k: the least there is has \d.* k params/,
      ],
      ['pick nine.ts --max-latency 1us', /meets --max-latency 0\.00 ms: the least there is has .* ms a pass/],
      ['pick nine.ts --max-params much', /--max-params is 'much', which is no amount\n +write a number/],
      ['pick nine.ts --max-latency 5M', /--max-latency is '5M'/],
      ['pick untimed.ts --max-latency 5ms', /no latency of untimed\.ts has been measured\n +write \.latency\(\)/],
      ['pareto untimed.ts --cost latency', /no latency of untimed\.ts has been measured/],
      ['pick nine.ts --max-latency 5ms --batch 4', /not measured at batch 4, but at 1 and 8/],
      ['pick nine.ts --metric speed', /--metric.*top1/],
      ['pick nine.ts --store elsewhere', /there are no results of nine\.ts/],
      ['pareto nine.ts --store elsewhere', /there are no results of nine\.ts/],
    ]
    const answers = await Promise.all(calls.map(([call]) => genepool(call)))
    for (const [index, [call, says]] of calls.entries()) {
      const { code, stdout, stderr } = answers[index]
      expect([code, stdout], call).to.deep.equal([2, ''])
      expect(stderr, call)
        .to.match(says)
        .and.not.match(/^\s+at /m)
    }
  })
})
