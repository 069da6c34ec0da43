import { expect } from 'chai'
import type { GroupResult } from '../../src/results/group-results.js'
import type { ModelResult } from '../../src/results/model-results.js'
import { runCli } from '../support/cli.js'
import type { Finished } from '../support/child.js'
import { smallSuite, timedPipeline } from '../support/experiments.js'
import { fillStore } from '../support/filled-store.js'
import { workspaceForAll } from '../support/workspace.js'

const jsonLines = <A>({ stdout }: Finished): readonly A[] =>
  stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as A)

describe('genepool results', () => {
  const workspace = workspaceForAll()
  const genepool = (call: string): Promise<Finished> => runCli(call.split(' '), { cwd: workspace.path })

  before(async () => {
    workspace.write('nine.ts', timedPipeline)
    workspace.write('starts.ts', smallSuite)
    workspace.write('partly.ts', smallSuite.replace("'starts'", "'partly'").replace('take: 64', 'take: 65'))
    await fillStore(workspace, 'nine.ts')
    await fillStore(workspace, 'starts.ts')
    await fillStore(workspace, 'partly.ts', { skip: '^stitch.*random.*(seed=2|loss=none)' })
  })

  it('prints the models of a pipeline with their times and marks what another beats', async () => {
    const { stdout, code } = await genepool('results nine.ts')
    expect(code).to.equal(0)
    expect(stdout).to.match(/^id +model +blocks +params +MACs +batch 1 +batch 8 +top-1 +top-5 +loss$/m)
    expect(stdout.match(/^ *\d+ .* ms .* %  .*$/gm)).to.have.length(9)
    expect(stdout)
      .to.match(/ ·$/m)
      .and.match(/^· dominated: /m)
    expect(stdout).to.include('batch 1, batch 8: median time of a pass')
    expect(stdout).to.match(/^top-1, top-5 and loss: on the test images$/m)
  })

  it('prints one model a line as JSON, times joined', async () => {
    const rows = jsonLines<ModelResult>(await genepool('results nine.ts --json'))
    expect(rows).to.have.length(9)
    expect(rows[2]).to.include.keys('id', 'name', 'models', 'positions', 'params', 'macs', 'top1', 'dominated')
    expect(rows[2]).not.to.have.any.keys('at', 'values')
    expect(rows[2].latency.map(({ batch }) => batch)).to.deep.equal([1, 8])
  })

  it('prints of a suite one line a cell without its seed, no wider than 120 characters', async () => {
    const { stdout } = await genepool('results starts.ts')
    expect(stdout).to.match(/^init +loss +n +stitched mean +best /m)
    expect(stdout.match(/^(learned|random) +(soft|none) +3 +\d+\.\d+ ± \d+\.\d+ %/gm)).to.have.length(4)
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).to.be.at.most(120)
    expect(stdout).to.match(/^stitched mean, best, .* and teacher: on the test images$/m)
  })

  it('prints of a suite every value of every seed as JSON', async () => {
    const groups = jsonLines<GroupResult>(await genepool('results starts.ts --json'))
    expect(groups.map(({ at }) => at)).to.deep.equal([
      { init: 'learned', loss: 'soft' },
      { init: 'learned', loss: 'none' },
      { init: 'random', loss: 'soft' },
      { init: 'random', loss: 'none' },
    ])
    for (const { figures } of groups) {
      const { mean, std, n, values } = figures['stitchedMeanTop1']
      expect(n).to.equal(3)
      expect(values.map(({ seed }) => seed)).to.deep.equal([1, 2, 3])
      expect(values.reduce((sum, { value }) => sum + value, 0) / 3).to.be.closeTo(mean, 1e-12)
      expect(std).to.be.a('number')
      expect(figures).to.include.keys('teacher.top1', 'distill/tiny.top1', 'stitch.storedParams')
    }
  })

  it('groups by any axes, the seed too', async () => {
    const byInit = jsonLines<GroupResult>(await genepool('results starts.ts --by init --json'))
    expect(byInit.map(({ at, n }) => [at, n])).to.deep.equal([
      [{ init: 'learned' }, 6],
      [{ init: 'random' }, 6],
    ])
    const { stdout } = await genepool('results starts.ts --by loss,seed --metric bestTop1,teacher.top1')
    expect(stdout).to.match(/^loss +seed +n +best +teacher$/m)
    expect(stdout.match(/^(soft|none) +[123] +2 /gm)).to.have.length(6)
  })

  it('averages every model over seeds with --models', async () => {
    const models = jsonLines<ModelResult>(await genepool('results starts.ts --models --json'))
    expect(models).to.have.length(4 * 9)
    expect(models[0].values.top1).to.have.length(3)
    const { stdout } = await genepool('results starts.ts --models --csv')
    expect(stdout.split('\r\n')[0]).to.equal(
      'init,at.loss,id,model,depth,params,paramsStored,macs,n,top1,top1Std,top5,top5Std,loss,lossStd,dominated',
    )
    expect(stdout.trim().split('\r\n')).to.have.length(37)
  })

  it('shows what has not run as missing, with the number of cells that have', async () => {
    const { stdout, code } = await genepool('results partly.ts')
    expect(code).to.equal(0)
    expect(stdout)
      .to.match(/^random +soft +2\/3 /m)
      .and.match(/^random +none +0\/3 +– +– /m)
    expect(stdout).to.match(/^missing: init=random,loss=soft,seed=2 \(stitch, evaluate\)$/m)
    const groups = jsonLines<GroupResult>(await genepool('results partly.ts --json'))
    expect(groups.map(({ n, cells }) => [n, cells])).to.deep.equal([
      [3, 3],
      [3, 3],
      [2, 3],
      [0, 3],
    ])
  })

  it('is refused with a sentence for an unknown axis or figure, and for a pipeline by axis', async () => {
    const calls: readonly (readonly [call: string, says: RegExp])[] = [
      ['results starts.ts --by width', /the suite starts has no axis 'width'\n +--by takes init, loss, seed/],
      ['results starts.ts --metric accuracy', /there is no figure 'accuracy' in these results\n/],
      ['results nine.ts --by init', /nine is a single pipeline/],
      ['results nine.ts --csv --json', /--json and --csv exclude each other/],
      ['results starts.ts --store elsewhere', /there are no results of starts\.ts as it stands: /],
    ]
    const answers = await Promise.all(calls.map(([call]) => genepool(call)))
    for (const [index, [call, says]] of calls.entries()) {
      const { code, stdout, stderr } = answers[index]
      expect([code, stdout], call).to.deep.equal([2, ''])
      expect(stderr).to.match(says)
    }
  })
})
