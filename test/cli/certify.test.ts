import { copyFileSync, existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { expect } from 'chai'
import type { Certificate } from '../../src/runtime/certify/certificate.js'
import type { StoredFile } from '../../src/runtime/store/store.js'
import { pause, type Finished, type Running } from '../support/child.js'
import { runCli, startCli } from '../support/cli.js'
import { wordPipeline } from '../support/word-stages.js'
import { workspaceForAll } from '../support/workspace.js'

describe('genepool certify', () => {
  const workspace = workspaceForAll()
  const genepool = (call: string): Promise<Finished> =>
    runCli(call.split(' '), { cwd: workspace.path, timeoutMs: 240_000 })
  const certificate = (name: string): Certificate =>
    JSON.parse(readFileSync(workspace.file(name), 'utf8')) as Certificate
  const verdicts = ({ stages }: Certificate): Readonly<Record<string, string>> =>
    Object.fromEntries(stages.map(({ stage, verdict }) => [stage, verdict]))
  const blobOf = (store: string, { sha256 }: StoredFile): string =>
    workspace.file(store, 'blobs', sha256.slice(0, 2), sha256)
  const left = (): readonly string[] => (existsSync(workspace.file('.genepool', 'scratch')) ? ['scratch'] : [])

  /** Once a scratch store is there, other than one that was there before. */
  const startComputing = async (args: readonly string[], before?: string): Promise<Running> => {
    const running = startCli(args, { cwd: workspace.path })
    const scratch = workspace.file('slow', 'scratch')
    const isThere = (): boolean =>
      existsSync(scratch) &&
      readdirSync(scratch).some((name) => name.endsWith('.lock') && !name.startsWith(`${before}`))
    for (let waited = 0; !isThere() && waited < 30_000; waited += 20) await pause(20)
    expect(isThere()).to.be.true
    return running
  }

  before(() => {
    workspace.write('words.ts', wordPipeline({ figures: '{ top1: 0.5, length: both.length }' }))
    workspace.write(
      'noisy.ts',
      wordPipeline({
        name: 'noisy',
        text: 'Noisy',
        first: "writeFileSync(join(outDir, 'noise.txt'), `same ${Math.random()}`)",
        figures: '{ top1: 0.5 + Math.random() / 100 }',
        usesEngine: true,
        // Else it would be computed every time, and there would be nothing to certify.
        trusts: ['randomness'],
      }),
    )
  })

  it('of what never ran has nothing to certify: exit code 2', async () => {
    const { code, stdout, stderr } = await genepool('certify words.ts')
    expect(stderr).to.match(
      /^genepool: there is nothing to certify: the store has no artifact of 'words' as it stands; there is no store \S+\.genepool\n {2}run it first/,
    )
    expect([code, stdout]).to.deep.equal([2, ''])
  })

  it('computes every stage again, finds the same bytes, certifies that with key, environment and seeds', async () => {
    expect((await genepool('run words.ts')).code).to.equal(0)
    const { code, stdout } = await genepool('certify words.ts --out one.json')
    expect(stdout).to.match(/^words +identical +1 /m)
    expect(stdout).to.match(
      /^words: certified: 4 of 4 stages came out as stored \(4 of 4 stored stages computed again, all of them\)$/m,
    )
    expect(code).to.equal(0)
    const one = certificate('one.json')
    expect(verdicts(one)).to.deep.equal({
      words: 'identical',
      upper: 'identical',
      lower: 'identical',
      all: 'identical',
    })
    expect(one.key.map(({ stage }) => stage)).to.have.members(['words', 'upper', 'lower', 'all'])
    expect(one.stages.every(({ content, contentNow }) => content === contentNow)).to.be.true
    expect(one).to.deep.include({ certified: true, seeds: [0], missing: [] })
    expect(one.environment).to.deep.include({ node: process.version })
    expect(Object.values(one.runs)[0]).to.deep.include({ genepool: one.environment.genepool })
    expect(left()).to.deep.equal([])
  })

  it('draws a sample by a seed, the same for the same seed; with no file named, writes into the store', async () => {
    const draws: (readonly string[])[] = []
    for (const seed of [5, 5]) {
      const { stdout } = await genepool(`certify words.ts --sample 2 --seed ${seed} --json`)
      const lines = stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Readonly<Record<string, string>>)
      draws.push(lines.flatMap(({ type, stage }) => (type === 'stage' ? [stage] : [])))
      const file = lines.at(-1)!['file']
      expect(file).to.include(workspace.file('.genepool', 'certificates'))
      expect((JSON.parse(readFileSync(file, 'utf8')) as Certificate).sample).to.deep.equal({ seed, of: 4, drawn: 2 })
    }
    expect(draws[0]).to.have.length(2).and.to.deep.equal(draws[1])
    await genepool('certify words.ts --sample 2 --seed 5 --out sample.json')
    const checked = await genepool('certify --check sample.json')
    expect(checked.stdout)
      .to.match(
        /^4 of 4 artifacts are in \.genepool as they were\n2 were computed again, 2 were not: nothing is known/m,
      )
      .and.to.match(new RegExp(`^${draws[0]![0]} .* as it was +identical$`, 'm'))
      .and.to.match(/ as it was +not$/m)
  })

  it('names stage, file and first difference where bytes differ: exit code 1', async () => {
    expect((await genepool('run noisy.ts --store noisy')).code).to.equal(0)
    const { code, stdout } = await genepool('certify noisy.ts --store noisy --out noisy.json')
    expect(stdout).to.match(/^all +DIFFERS +2 .* noise\.txt differs from byte [5-9] on/m)
    expect(stdout).to.match(/^noisy: NOT certified: 3 of 4 stages came out as stored/m)
    expect(code).to.equal(1)
    expect(certificate('noisy.json').certified).to.be.false
  })

  it('compares figures within a tolerance where another machine made them, and says so', async () => {
    const [record] = readdirSync(workspace.file('noisy', 'runs'))
    const file = workspace.file('noisy', 'runs', record)
    writeFileSync(file, readFileSync(file, 'utf8').replace(/"processor":"[^"]*"/, '"processor":"Abacus"'))
    const loose = await genepool('certify noisy.ts --store noisy --only all --tolerance top1=0.02 --out loose.json')
    expect(loose.stdout).to.match(
      /^all +within tolerance .*noise\.txt differs .*figures compared: it was made on another machine \(Abacus\)$/m,
    )
    expect(loose.code).to.equal(0)
    const [all] = certificate('loose.json').stages.filter(({ stage }) => stage === 'all')
    expect(all.figures[0]).to.deep.include({
      figure: 'top1',
      isWithin: true,
      tolerance: { type: 'absolute', within: 0.02 },
    })
  })

  it('holds as long as the store has what it names, and is as it was written', async () => {
    const good = await genepool('certify --check one.json')
    expect(good.stdout).to.match(/^4 of 4 artifacts are in \.genepool as they were\n4 were computed again$/m)
    expect(good.code).to.equal(0)
    workspace.write(
      'forged.json',
      readFileSync(workspace.file('one.json'), 'utf8').replace('"identical"', '"same-shape"'),
    )
    const forged = await genepool('certify --check forged.json')
    expect(forged.stdout).to.match(/^forged\.json is not as it was written/)
    expect(forged.code).to.equal(1)
    const elsewhere = await genepool('certify --check one.json --store noisy')
    expect(elsewhere.stdout).to.match(/^words +[0-9a-f]{16} +not in the store +identical$/m)
    expect(elsewhere.code).to.equal(1)
  })

  it('finds damage in the store: the stage is not certified', async () => {
    const { fingerprint } = certificate('one.json').key.find(({ stage }) => stage === 'lower')!
    const action = workspace.file('.genepool', 'actions', fingerprint.slice(0, 2), `${fingerprint}.json`)
    const { files } = JSON.parse(readFileSync(action, 'utf8').split('\n')[1]) as { files: Record<string, StoredFile> }
    writeFileSync(blobOf('.genepool', files['text.txt']), 'bb', { flag: 'r+' })
    const { code, stdout } = await genepool('certify words.ts --out damaged.json')
    expect(stdout).to.match(/^lower +DAMAGED .*the stored artifact of lower is damaged \(text\.txt\)/m)
    expect(code).to.equal(1)
  })

  it('interrupted by Ctrl-C leaves nothing behind, and nothing that kill -9 left outlives the next one', async () => {
    workspace.write('slow.ts', wordPipeline({ name: 'slow', ms: 500 }))
    expect((await genepool('run slow.ts --store slow --only words')).code).to.equal(0)
    const before = readdirSync(workspace.file('slow'))
    const call = ['certify', 'slow.ts', '--store', 'slow', '--out', 'slow.json']
    const killed = await startComputing(call)
    killed.signalGroup('SIGKILL')
    await killed.done
    const [left] = readdirSync(workspace.file('slow', 'scratch')).map((name) => name.replace(/\.lock$/, ''))
    expect(left).not.to.equal(undefined)
    // What is left where the kill falls between making a lock's file and giving it its name.
    copyFileSync(
      workspace.file('slow', 'scratch', `${left}.lock`),
      workspace.file('slow', 'scratch', `${left}.lock.1f`),
    )
    const running = await startComputing(call, left)
    running.signalGroup('SIGINT')
    expect((await running.done).code).to.equal(130)
    expect(readdirSync(workspace.file('slow'))).to.have.members([...new Set([...before, 'index'])])
    expect(existsSync(workspace.file('slow.json'))).to.be.false
  })

  for (const [call, says] of [
    ['certify', /certify needs a pipeline/],
    ['certify words.ts --check one.json', /--check takes no pipeline/],
    ['certify words.ts --sample 0', /--sample is 0; it must be 1 or more/],
    ['certify words.ts --tolerance top1', /--tolerance is 'top1'/],
    ['certify words.ts --tolerance top7=1', /no stage has a figure 'top7'/],
    ['certify --check nothing.json', /there is no certificate nothing\.json/],
    ['certify --check words.ts', /cannot read the certificate words\.ts/],
    ['certify --check package.json', /package\.json is no certificate/],
  ] as const) {
    it(`${call} → exit code 2 and a sentence`, async () => {
      const { code, stdout, stderr } = await genepool(call)
      expect(stderr).to.match(says)
      expect([code, stdout]).to.deep.equal([2, ''])
    })
  }
})
