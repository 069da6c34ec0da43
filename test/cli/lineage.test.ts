import { copyFileSync } from 'node:fs'
import { expect } from 'chai'
import type { Lineage } from '../../src/runtime/records/lineage.js'
import { runCli } from '../support/cli.js'
import { contentsOf, eventsOf } from '../support/read-events.js'
import { repositoryIn } from '../support/repository.js'
import { wordPipeline } from '../support/word-stages.js'
import { workspaceForAll } from '../support/workspace.js'

describe('genepool lineage', () => {
  const workspace = workspaceForAll()
  const genepool = (...args: readonly string[]) => runCli(args, { cwd: workspace.path })
  const fingerprints: Record<string, string> = {}
  let contents: Readonly<Record<string, string>>
  let [commit, run] = ['', '']

  const lineage = async (...args: readonly string[]): Promise<Lineage & { readonly also: readonly string[] }> => {
    const { code, stdout, stderr } = await genepool('lineage', ...args, '--json')
    expect(code, stderr).to.equal(0)
    return JSON.parse(stdout) as Lineage & { readonly also: readonly string[] }
  }

  before(async () => {
    workspace.write('.gitignore', 'node_modules\n')
    workspace.write('words.ts', wordPipeline())
    commit = repositoryIn(workspace).commit('one')
    const { events } = await genepool('run', 'words.ts', '--json')
    contents = contentsOf(events)
    run = eventsOf(events, 'run-started')[0].run
    for (const { stage, fingerprint } of eventsOf(events, 'stage-finished')) fingerprints[stage] = fingerprint
  })

  it('has all that an artifact came from, each once, with parameters, code, run, machine and commit', async () => {
    const { artifact, artifacts } = await lineage('words.ts', 'all')
    expect(artifact).to.equal(fingerprints['all'])
    expect(artifacts.map(({ stage }) => stage)).to.deep.equal(['all', 'upper', 'lower', 'words'])
    const [all, , , words] = artifacts
    expect(words.params).to.deep.equal({ text: 'Ab', ms: 0 })
    expect(all.code).to.match(/^[0-9a-f]{64}$/)
    expect(all.inputs['upper']).to.deep.equal({ content: contents['upper'], made: [fingerprints['upper']] })
    expect(all.run.run).to.equal(run)
    expect(all.run.environment?.git).to.deep.include({ state: 'known', commit, changes: null })
  })

  it('is drawn as a tree, where what was met before is named only, and as a graph', async () => {
    const tree = await genepool('lineage', 'words.ts', 'all')
    expect(tree.stdout).to.match(/^all \(stage\) [0-9a-f]{12}$/m)
    expect(tree.stdout).to.match(/^├─ upper ← upper \(stage\) [0-9a-f]{12}$/m)
    expect(tree.stdout).to.match(/^│ {2}└─ words ← words \(stage\) [0-9a-f]{12}$/m)
    expect(tree.stdout).to.match(/^ {3}└─ words ← words \(stage\) [0-9a-f]{12} {2}\(above\)$/m)
    expect(tree.stdout).to.match(new RegExp(`run ${run} by .*, git ${commit.slice(0, 10)}$`, 'm'))
    const { stdout } = await genepool('lineage', 'words.ts', 'all', '--dot')
    expect(stdout).to.include(`"${fingerprints['words']}" -> "${fingerprints['upper']}" [label="words"]`)
  })

  it('finds an artifact by a beginning of fingerprint or content, a file of its folder or a copy of one', async () => {
    const copy = workspace.file('copy.txt')
    const inStore = workspace.file('.genepool', 'artifacts', fingerprints['upper'], 'text.txt')
    copyFileSync(inStore, copy)
    for (const word of [fingerprints['upper'].slice(0, 10), contents['upper'].slice(0, 10), inStore, copy]) {
      expect((await lineage(word)).artifact, word).to.equal(fingerprints['upper'])
    }
  })

  it('says where several stage runs made the same bytes, and goes on from the newest before its reader', async () => {
    // Another way to the same letters: `all` is then cut off, and has two possible origins.
    workspace.write('words.ts', wordPipeline({ name: 'others', upper: 'text.toLocaleUpperCase()' }))
    const { events } = await genepool('run', 'words.ts', '--json')
    const other = eventsOf(events, 'stage-finished').find(({ stage }) => stage === 'upper')!
    expect(other.content).to.equal(contents['upper'])
    const { artifacts } = await lineage(fingerprints['all'])
    expect(artifacts[0].inputs['upper'].made).to.deep.equal([fingerprints['upper'], other.fingerprint])
    expect((await lineage(contents['upper'])).also).to.have.length(1)
    const { stdout } = await genepool('lineage', fingerprints['all'])
    expect(stdout).to.match(/upper ← upper .* \(one of 2 stage runs that made these bytes\)$/m)
  })

  it('goes through what a training went on from', async () => {
    const training = (epochs: number): string => `import { mnist, pipeline, vit } from 'genepool'
      export default pipeline('ext').data(mnist({ take: 32, takeTest: 10 })).teacher(
        vit({ embedDim: 6, depth: 3, numHeads: 3, patchSize: 14 }),
        { epochs: ${epochs}, batchSize: 32, schedule: 'constant' },
      )`
    const made: string[] = []
    for (const epochs of [1, 2]) {
      workspace.write('training.ts', training(epochs))
      const { events } = await genepool('run', 'training.ts', '--json')
      made.push(eventsOf(events, 'stage-finished').find(({ stage }) => stage === 'teacher')!.fingerprint)
    }
    const { artifact, artifacts } = await lineage('training.ts', 'teacher')
    expect(artifact).to.equal(made[1])
    expect(artifacts.map(({ fingerprint }) => fingerprint)).to.include(made[0])
    expect(artifacts[0].made.goesOnFrom).to.equal(made[0])
    const { stdout } = await genepool('lineage', 'training.ts', 'teacher')
    expect(stdout).to.match(/^└─ goes on from teacher \(teacher\) [0-9a-f]{12}$/m)
  })

  for (const [args, says] of [
    [['abcdef0123'], /no artifact in .* begins with 'abcdef0123'/],
    [['abc'], /'abc' is too short to name an artifact/],
    [['nothing.txt'], /'nothing\.txt' is no artifact, and no file either/],
    [['package.json'], /no artifact in .* holds package\.json/],
    [['words.ts'], /words\.ts is a file of code: name one of its stages too/],
    [['words.ts', 'none'], /there is no stage 'none' in pipeline 'others'/],
  ] as const) {
    it(`${args.join(' ')} → exit code 2, a sentence and a hint`, async () => {
      const { code, stdout, stderr } = await genepool('lineage', ...args)
      expect(stderr.split('\n')[0]).to.match(says)
      expect(stderr.trim().split('\n')).to.have.length(2)
      expect([code, stdout]).to.deep.equal([2, ''])
    })
  }
})
