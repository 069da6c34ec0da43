import { expect } from 'chai'
import type { Finished } from '../support/child.js'
import { runCli } from '../support/cli.js'
import { workspaceForAll } from '../support/workspace.js'

const head =
  "import { mnist, pipeline, suite } from 'genepool'\nconst data = () => pipeline('cell').data(mnist({ take: 10 }))\n"
const files: Readonly<Record<string, string>> = {
  'good.ts': `${head}export default suite('good', { a: [1, 2], b: ['x', 'y'] }, data, { exclude: [{ a: 1, b: 'y' }] })`,
  'alone.ts': `${head}export default data()`,
  'noValues.ts': `${head}export default suite('s', { a: [] } as never, data)`,
  'noAxes.ts': `${head}export default suite('s', {} as never, data)`,
  'seedAxis.ts': `${head}export default suite('s', { seed: [1] } as never, data)`,
  'nothingLeft.ts': `${head}export default suite('s', { a: [1] }, data, { exclude: () => true })`,
  'notBuilt.ts': `${head}export default suite('s', { a: [1] }, ({ a }) => data(a + nothing))`,
  'badStep.ts':
    `${head}export default suite('s', { take: [10, -1] }, ({ take }) =>\n` +
    `  pipeline('cell').data(mnist({ take })))`,
  'noPipeline.ts': `${head}export default suite('s', { a: [1] }, () => undefined as never)`,
}

/** Call → what its first line on stderr says. */
const wrong: readonly (readonly [call: string, says: RegExp])[] = [
  ['run noValues.ts', /suite\.axes\.a has no values: .*\(noValues\.ts:3:16\)/],
  ['plan noAxes.ts', /suite\.axes is empty/],
  ['run seedAxis.ts', /suite\.axes\.seed is no axis: write seeds in the options/],
  ['run nothingLeft.ts', /suite\.exclude leaves no cell/],
  ['run notBuilt.ts', /cell a=1,seed=0: build throws: nothing is not defined \(notBuilt\.ts:3:16\)/],
  ['run badStep.ts', /cell take=-1,seed=0: mnist\.take is -1: .*\(badStep\.ts:4:\d+\)/],
  ['run noPipeline.ts', /cell a=1,seed=0: build returns undefined, which is no pipeline/],
  ['run good.ts#a=3', /the axis a of suite 'good' has no value '3'/],
  ['plan good.ts#c=1', /suite 'good' has no axis 'c'/],
  ['plan good.ts#', /'' names no cell of suite 'good'/],
  ['plan good.ts#a=2', /2 cells of suite 'good' are called a=2/],
  ['plan good.ts#a=1,b=y', /suite 'good' has no cell a=1,b=y: it was left out/],
  ['plan good.ts#a=1,a=2', /the cell 'a=1,a=2' has a twice/],
  ['plan alone.ts#a=1', /alone\.ts is a pipeline, which has no cell 'a=1'/],
  ['plan missing.ts#a=1', /there is no pipeline file missing\.ts/],
  ['watch missing.ts#a=1', /there is no pipeline file missing\.ts/],
  ['show good.ts data[a=7]', /there is no stage 'data\[a=7\]' in suite 'good'/],
  ['show good.ts data', /stage 'data' has no artifact/],
  ['run good.ts --only teacher', /there is no stage 'teacher' in suite 'good'/],
]

describe('a wrong call of a suite', () => {
  const workspace = workspaceForAll()
  const answers = new Map<string, Finished>()

  before(async () => {
    for (const [name, text] of Object.entries(files)) workspace.write(name, text)
    const pending = wrong.map(([call]) => call)
    const work = async (): Promise<void> => {
      for (let call = pending.pop(); call !== undefined; call = pending.pop()) {
        answers.set(call, await runCli(call.split(' '), { cwd: workspace.path }))
      }
    }
    await Promise.all([work(), work(), work()])
  })

  for (const [call, says] of wrong) {
    it(`genepool ${call} → exit code 2 and a sentence`, () => {
      const { code, stdout, stderr } = answers.get(call)!
      expect(stderr.split('\n')[0]).to.match(says)
      expect(stderr).to.match(/^genepool: /)
      expect(stderr, 'no stack trace').not.to.match(/^\s+at /m)
      expect(stderr.trim().split('\n').length, stderr).to.be.at.most(2)
      expect(stdout).to.equal('')
      expect(code).to.equal(2)
    })
  }
})
