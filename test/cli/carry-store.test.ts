import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { expect } from 'chai'
import { create } from 'tar'
import { pause } from '../support/child.js'
import { runCli, startCli } from '../support/cli.js'
import { copyStage, joinStage, smallPipeline } from '../support/small-pipeline.js'
import { hitsOf, manifestsOf } from '../support/stored-artifacts.js'
import { countsOf } from '../support/read-events.js'
import { workspaceForAll } from '../support/workspace.js'

describe('genepool store export and import', () => {
  const workspace = workspaceForAll()
  const cli = (...args: readonly string[]) => runCli(args, { cwd: workspace.path })
  const run = (store: string) => cli('run', 'small.mjs', '--engine', 'cpu', '--json', '--store', store)
  let runId = ''

  before(async () => {
    workspace.write('in.txt', 'hello')
    workspace.write('small.mjs', smallPipeline(`${copyStage('one')}\n${joinStage('two', ['one'])}`, 'two'))
    const { events } = await run('first')
    runId = events[0]?.type === 'run-started' ? events[0].run : ''
    expect((await cli('store', 'export', 'small.mjs', 'all.tar', '--store', 'first', '--engine', 'cpu')).code).to.equal(
      0,
    )
  })

  it('make a pipeline all cached on another store, with the run that made it', async () => {
    const { code, stdout } = await cli('store', 'import', 'all.tar', '--store', 'second')
    expect([code, stdout]).to.deep.equal([0, `small.mjs: 2 artifacts, ${stdout.split(', ').at(-1)}`])
    expect(countsOf(await run('second'))).to.deep.equal({ ran: 0, cached: 2, failed: 0, skipped: 0 })
    expect(readdirSync(workspace.file('second', 'runs'))).to.include(`${runId}.ndjson`)
    expect((await cli('store', 'verify', '--store', 'second')).code).to.equal(0)
  })

  it('twice are as good as once, and damage is healed by it', async () => {
    const before = [...hitsOf(workspace.file('second'))]
    const again = await cli('store', 'import', 'all.tar', '--store', 'second')
    expect(again.stdout).to.match(/2 of them were there/)
    expect([...hitsOf(workspace.file('second'))]).to.deep.equal(before)
    rmSync(workspace.file('second', 'blobs'), { recursive: true })
    expect((await cli('store', 'import', 'all.tar', '--store', 'second')).code).to.equal(0)
    expect([...hitsOf(workspace.file('second'))]).to.deep.equal(before)
  })

  it('make artifacts young: one that was made long ago is kept from its arrival on', async () => {
    await cli('store', 'import', 'all.tar', '--store', 'old')
    const monthAgo = new Date(Date.now() - 30 * 24 * 3_600_000)
    for (const { fingerprint } of manifestsOf(workspace.file('old'))) {
      const file = workspace.file('old', 'actions', fingerprint.slice(0, 2), `${fingerprint}.json`)
      const old = readFileSync(file, 'utf8')
        .slice(65)
        .replace(/"at":"[^"]+"/, `"at":"${monthAgo.toISOString()}"`)
      writeFileSync(file, `${createHash('sha256').update(old).digest('hex')}\n${old}`)
      utimesSync(file, monthAgo, monthAgo)
    }
    await cli('store', 'export', 'small.mjs', 'old.tar', '--store', 'old', '--engine', 'cpu')
    await cli('store', 'import', 'old.tar', '--store', 'young')
    workspace.write('other.mjs', smallPipeline(copyStage('other'), 'other'))
    for (const [store, kept] of [
      ['young', 2],
      ['old', 0],
    ] as const) {
      const { stderr } = await cli('gc', 'other.mjs', '--named-only', '--store', store)
      expect([stderr, manifestsOf(workspace.file(store)).length]).to.deep.equal(['', kept])
    }
  })

  it('carry one recorded run too', async () => {
    const { code, stderr } = await cli('store', 'export', runId, 'run.tar', '--store', 'first')
    expect([code, stderr]).to.deep.equal([0, ''])
    expect((await cli('store', 'import', 'run.tar', '--store', 'third')).code).to.equal(0)
    expect([...hitsOf(workspace.file('third')).values()].sort()).to.deep.equal(['hello', 'two(hello)'])
  })

  it('export refuses what is not there, what is damaged, and a file that cannot be written', async () => {
    const absent = await cli('store', 'export', 'small.mjs', 'no.tar', '--store', 'nothing', '--engine', 'cpu')
    expect(absent.code).to.equal(2)
    expect(absent.stderr).to.match(
      /stage 'one' has no artifact as the pipeline stands; there is no store \S+nothing\n {2}genepool run small\.mjs/,
    )
    expect((await cli('store', 'export', '20200101-000000-aaaaaa', 'no.tar', '--store', 'first')).code).to.equal(2)
    const nowhere = await cli('store', 'export', 'small.mjs', 'no/no.tar', '--store', 'first', '--engine', 'cpu')
    expect([nowhere.code, /cannot write .*no\.tar/.test(nowhere.stderr)]).to.deep.equal([1, true])
    expect(existsSync(workspace.file('no.tar'))).to.equal(false)
    expect(readdirSync(workspace.path).filter((name) => name.endsWith('.part'))).to.deep.equal([])
    expect(readdirSync(workspace.file('first', 'staging'))).to.deep.equal([])
  })

  /** An archive of these files, in this order. */
  const archive = async (name: string, files: Readonly<Record<string, string>>): Promise<void> => {
    const folder = workspace.file(`${name}.d`)
    mkdirSync(folder)
    const names = Object.keys(files)
    names.forEach((_, index) => writeFileSync(`${folder}/${index}`, Object.values(files)[index]))
    const onWriteEntry = (entry: { path: string }): void => {
      entry.path = names[Number(entry.path)]
    }
    await create(
      { cwd: folder, file: workspace.file(name), preservePaths: true, onWriteEntry },
      names.map((_, index) => String(index)),
    )
  }
  const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
  const header = (more: object = {}): string =>
    JSON.stringify({
      format: 1,
      keyScheme: 1,
      genepool: '9.9.9',
      exportedAt: '2026-01-02T03:04:05.678Z',
      of: 'x',
      artifacts: 0,
      entries: 1,
      bytes: 1_000,
      ...more,
    })
  const good = sha256('good')
  const blob = `blobs/${good.slice(0, 2)}/${good}`

  const bad: Readonly<Record<string, { files: Readonly<Record<string, string>>; says: RegExp }>> = {
    'climbs out of the store': {
      files: { 'genepool.json': header(), '../evil': 'x' },
      says: /names '\.\.\/evil', which is no file/,
    },
    'names an absolute path': {
      files: { 'genepool.json': header(), '/tmp/genepool-evil': 'x' },
      says: /no file of a store/,
    },
    'climbs out below blobs': {
      files: { 'genepool.json': header(), [`blobs/${good.slice(0, 2)}/../../../evil`]: 'x' },
      says: /no file of a store/,
    },
    'holds a blob that is not what its name says': {
      files: { 'genepool.json': header(), [blob]: 'evil' },
      says: /is damaged/,
    },
    'holds a manifest that is none': {
      files: { 'genepool.json': header(), [`actions/${good.slice(0, 2)}/${good}.json`]: `${good}\n{}` },
      says: /is damaged/,
    },
    'lacks what it says it has': {
      files: { 'genepool.json': header({ entries: 2 }), [blob]: 'good' },
      says: /is cut short/,
    },
    'is larger than it says': {
      files: { 'genepool.json': header({ bytes: 3 }), [blob]: 'good' },
      says: /larger than it says/,
    },
    'begins with something else': { files: { [blob]: 'good' }, says: /no file that genepool store export wrote/ },
    'has keys of a later scheme': {
      files: { 'genepool.json': header({ keyScheme: 99 }), [blob]: 'good' },
      says: /keys are scheme 99, and this genepool's are scheme \d+ .*\n {2}import it with genepool 9\.9\.9 or later/,
    },
    'has a later format': {
      files: { 'genepool.json': header({ format: 99 }), [blob]: 'good' },
      says: /it has format 99, and this genepool reads format 1/,
    },
  }
  for (const [what, { files, says }] of Object.entries(bad)) {
    it(`import refuses a file that ${what}, and takes nothing of it`, async () => {
      const name = `${what.replaceAll(' ', '-')}.tar`
      await archive(name, files)
      const { code, stderr } = await cli('store', 'import', name, '--store', 'victim')
      expect(code, stderr).to.equal(2)
      expect(stderr).to.match(says)
      for (const folder of ['blobs', 'actions', 'staging']) {
        const place = workspace.file('victim', folder)
        expect(existsSync(place) ? readdirSync(place) : [], folder).to.deep.equal([])
      }
      expect(existsSync('/tmp/genepool-evil') || existsSync(workspace.file('evil'))).to.equal(false)
    })
  }

  it('import refuses a file that is cut short anywhere, and one with a flipped bit in its contents', async () => {
    const whole = readFileSync(workspace.file('all.tar'))
    for (const share of [0, 0.1, 0.4, 0.6, 0.8]) {
      writeFileSync(workspace.file('cut.tar'), whole)
      truncateSync(workspace.file('cut.tar'), Math.floor(statSync(workspace.file('cut.tar')).size * share))
      const { code, stderr } = await cli('store', 'import', 'cut.tar', '--store', 'cut')
      expect(code, `${share}: ${stderr}`).to.equal(2)
    }
    const flipped = Buffer.from(whole)
    const at = flipped.indexOf('two(hello)')
    flipped[at] = flipped[at] ^ 1
    writeFileSync(workspace.file('flipped.tar'), flipped)
    expect((await cli('store', 'import', 'flipped.tar', '--store', 'cut')).stderr).to.match(/blobs\/\S+ is damaged/)
    expect([...hitsOf(workspace.file('cut'))]).to.deep.equal([])
  })

  describe('interrupted by Ctrl-C', () => {
    const large = ['large.mjs', '--engine', 'cpu', '--json', '--store', 'large']
    /** Sends the signal as soon as there is a file whose name matches in the folder. */
    const interruptedAt = async (args: readonly string[], folder: string, name: RegExp) => {
      const running = startCli(args, { cwd: workspace.path })
      const process = { hasEnded: false }
      void running.done.then(() => (process.hasEnded = true))
      const isThere = (): boolean =>
        existsSync(workspace.file(folder)) &&
        (readdirSync(workspace.file(folder), { recursive: folder !== '.' }) as string[]).some((each) => name.test(each))
      while (!isThere() && !process.hasEnded) await pause(2)
      running.signalGroup('SIGINT')
      return running.done
    }

    before(async () => {
      workspace.write('large.txt', 'x'.repeat(128 * 2 ** 20))
      workspace.write(
        'large.mjs',
        smallPipeline(`${copyStage('one', 'large.txt')}\n${joinStage('two', ['one'])}`, 'two'),
      )
      expect(countsOf(await cli('run', ...large))).to.include({ ran: 2, failed: 0 })
    })

    it('export leaves no file, not even a part of one', async () => {
      const call = ['store', 'export', 'large.mjs', 'large.tar', '--store', 'large', '--engine', 'cpu']
      const { code, stderr } = await interruptedAt(call, '.', /^large\.tar\.\w+\.part$/)
      expect([code, stderr]).to.deep.equal([130, ''])
      expect(readdirSync(workspace.path).filter((name) => name.startsWith('large.tar'))).to.deep.equal([])
      expect(readdirSync(workspace.file('large', 'staging'))).to.deep.equal([])
    })

    it('import leaves a store in which nothing is half, and goes through the next time', async () => {
      expect(
        (await cli('store', 'export', 'large.mjs', 'large.tar', '--store', 'large', '--engine', 'cpu')).code,
      ).to.equal(0)
      const call = ['store', 'import', 'large.tar', '--store', 'taken']
      const { code, stderr } = await interruptedAt(call, 'taken/staging', /^import-\w+\.0.[0-9a-f]/)
      expect([code, stderr]).to.deep.equal([130, ''])
      expect(readdirSync(workspace.file('taken', 'staging'))).to.deep.equal([])
      expect((await cli('store', 'verify', '--store', 'taken')).code).to.equal(0)
      expect((await cli(...call)).code).to.equal(0)
      const again = await cli('run', ...large.slice(0, -1), 'taken')
      expect(countsOf(again)).to.deep.equal({ ran: 0, cached: 2, failed: 0, skipped: 0 })
    })
  })
})
