import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { expect } from 'chai'
import * as Effect from 'effect/Effect'
import { Store } from '../../src/runtime/store/store.js'
import { manifestsIn } from '../../src/runtime/store/stored-entries.js'
import { youngIn } from '../../src/runtime/upkeep/garbage-roots.js'
import { runCli, startCli } from '../support/cli.js'
import { countsOf, stagesWith } from '../support/read-events.js'
import { joinStage, smallPipeline, writeStage } from '../support/small-pipeline.js'
import { hitsOf } from '../support/stored-artifacts.js'
import { workspaceForEach } from '../support/workspace.js'

/** GENEPOOL_LONG=1: more rounds. */
const rounds = process.env['GENEPOOL_LONG'] === '1' ? 40 : 5

describe('Garbage collection racing a reader: a miss, not an error', () => {
  const workspace = workspaceForEach()
  const cli = (...args: readonly string[]) => runCli(args, { cwd: workspace.path, timeoutMs: 240_000 })
  const run = () => cli('run', 'small.mjs', '--engine', 'cpu', '--json')
  const values = (): readonly string[] => [...hitsOf(workspace.file('.genepool')).values()].sort()

  it('collections in a loop beside runs of changing definitions: every run ends well', async function () {
    this.timeout(1_200_000)
    workspace.write('other.mjs', smallPipeline(writeStage('other', 'other'), 'other', 'other'))
    const over = new AbortController()
    let collections = 0
    const collect = async (): Promise<void> => {
      while (!over.signal.aborted) {
        // Nothing keeps what runs have found but the runs themselves.
        const { code, stderr } = await cli(
          'gc',
          'other.mjs',
          '--named-only',
          '--keep-days',
          '0',
          '--all',
          '--engine',
          'cpu',
        )
        expect([code, stderr]).to.deep.equal([0, ''])
        collections += 1
      }
    }
    const collecting = collect()
    try {
      for (let round = 0; round < rounds; round++) {
        const text = `round ${round % 2}`
        const stages = [
          writeStage('same', 'same'),
          writeStage('one', text),
          joinStage('two', ['same', 'one']),
          joinStage('three', ['same', 'two']),
        ]
        workspace.write('small.mjs', smallPipeline(stages.join('\n'), 'three'))
        const { code, stdout, stderr, events } = await run()
        expect([code, stderr], stdout).to.deep.equal([0, ''])
        const last = events.at(-1)
        expect(last?.type === 'run-finished' && last.ran + last.cached, stdout).to.equal(4)
      }
    } finally {
      over.abort()
    }
    await collecting
    expect(collections).to.be.above(1)
    values()
    const { code, stdout } = await cli('store', 'verify')
    expect(code, stdout).to.equal(0)
  })

  /** `late` reads `first` when `go` is there. */
  const twoStages = `${writeStage('first', 'honest')}
const late = stage('late', { inputs: { first }, params: { as: 'late' }, run: async ({ inputs, outDir }) => {
  writeFileSync('begun', '')
  while (!existsSync('go')) await new Promise((resolve) => setTimeout(resolve, 20))
  leave(outDir, 'late(' + read(inputs.first) + ')')
} })`
  const define = (): void => {
    workspace.write('small.mjs', `import { existsSync } from 'node:fs'\n${smallPipeline(twoStages, 'late')}`)
  }

  it('what a run that goes on has found and made is not taken from it', async () => {
    define()
    const going = startCli(['run', 'small.mjs', '--engine', 'cpu', '--json'], { cwd: workspace.path })
    await going.waitFor((event) => event.type === 'stage-started' && event.stage === 'late')
    rmSync(workspace.file('.genepool', 'targets'), { recursive: true })
    const { code, stdout } = await cli('gc', '--keep-days', '0')
    expect(code).to.equal(0)
    expect(stdout).to.match(/run \S+, going on +1 /)
    expect(values()).to.deep.equal(['honest'])
    workspace.write('go', '')
    const { code: ended, events } = await going.done
    expect(ended).to.equal(0)
    expect(stagesWith(events, 'stage-finished')).to.deep.equal(['first', 'late'])
  })

  it('an artifact that is taken from under the stage that reads it is made again in the same run', async () => {
    define()
    const going = startCli(['run', 'small.mjs', '--engine', 'cpu', '--json'], { cwd: workspace.path })
    await going.waitFor((event) => event.type === 'stage-started' && event.stage === 'late')
    rmSync(workspace.file('.genepool', 'actions'), { recursive: true })
    rmSync(workspace.file('.genepool', 'blobs'), { recursive: true })
    rmSync(workspace.file('.genepool', 'artifacts'), { recursive: true })
    workspace.write('go', '')
    const { code, events, stdout } = await going.done
    expect(code, stdout).to.equal(0)
    expect(stagesWith(events, 'stage-failed')).to.deep.equal([])
    expect(values()).to.deep.equal(['honest', 'late(honest)'])
    expect(countsOf(await run())).to.deep.include({ ran: 0, cached: 2 })
  })

  it('a damaged record of a definition that was run lets go of nothing', async () => {
    workspace.write('small.mjs', smallPipeline(writeStage('one', 'text'), 'one'))
    await run()
    const [record] = readdirSync(workspace.file('.genepool', 'targets'))
    const file = workspace.file('.genepool', 'targets', record!)
    const whole = readFileSync(file, 'utf8')
    // A path that leads nowhere: as if the definition had been removed.
    writeFileSync(file, whole.replace('small.mjs', 'smaml.mjs'))
    const { code, stdout, stderr } = await cli('gc', '--keep-days', '0')
    expect([code, stdout]).to.deep.equal([2, ''])
    expect(stderr).to.match(new RegExp(`${record}.* is damaged: .*\\n  run the pipelines of this store again`))
    expect(values()).to.deep.equal(['text'])
    await run()
    expect(readFileSync(file, 'utf8')).to.equal(whole)
    expect((await cli('gc', '--keep-days', '0')).stdout).to.match(/nothing to remove/)
  })

  it('every definition that has been run and is still there keeps what it reaches, what it was goes', async () => {
    const define = (text: string): void => {
      workspace.write('small.mjs', smallPipeline(`${writeStage('one', text)}\n${joinStage('two', ['one'])}`, 'two'))
    }
    define('before')
    await run()
    define('now')
    await run()
    const young = await cli('gc')
    expect(young.stdout).to.match(/nothing to remove[^]*--keep-days 0 also removes/)
    const dry = await cli('gc', '--dry-run', '--keep-days', '0', '--json')
    const removed = dry.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    expect(
      removed
        .filter(({ type }) => type === 'artifact')
        .map(({ stage }) => stage)
        .sort(),
    ).to.deep.equal(['one', 'two'])
    expect(removed.at(-1)).to.deep.include({
      type: 'gc-finished',
      removed: false,
      kept: 2,
      artifacts: 2,
      blobs: 2,
      bytes: 17,
    })
    expect(values()).to.have.length(4)
    expect((await cli('gc', '--keep-days', '0')).stdout).to.match(/artifact +2[^]*17 B free/)
    expect(values()).to.deep.equal(['now', 'two(now)'])
    expect(readdirSync(workspace.file('.genepool', 'artifacts'))).to.have.length(2)
    expect(countsOf(await run())).to.deep.include({ ran: 0, cached: 2 })
    rmSync(workspace.file('small.mjs'))
    expect((await cli('gc', '--keep-days', '0')).stdout).to.match(
      /small\.mjs is gone: what it alone reached is not kept/,
    )
    expect(values()).to.deep.equal([])
  })

  it('a definition that does not load keeps what it was when it last ran; one that is named has to load', async () => {
    workspace.write('small.mjs', smallPipeline(writeStage('one', 'text'), 'one'))
    await run()
    workspace.write('small.mjs', 'export default ]')
    const { code, stdout } = await cli('gc', '--keep-days', '0')
    expect(code).to.equal(0)
    expect(stdout).to.match(/warning: small\.mjs: cannot load/)
    expect(values()).to.deep.equal(['text'])
    expect((await cli('gc', 'small.mjs')).code).to.equal(2)
    expect(values()).to.deep.equal(['text'])
  })

  it('a tagged run keeps all that it had, though its definition is another now', async () => {
    workspace.write('small.mjs', smallPipeline(writeStage('one', 'tagged'), 'one'))
    const { events } = await run()
    const first = events[0]
    await cli('runs', 'tag', first?.type === 'run-started' ? first.run : '', 'paper')
    workspace.write('small.mjs', smallPipeline(writeStage('one', 'now'), 'one'))
    await run()
    expect((await cli('gc', '--keep-days', '0')).stdout).to.match(/tag paper, run \S+ +1/)
    expect(values()).to.deep.equal(['now', 'tagged'])
    expect(readFileSync(workspace.file('.genepool', 'store.json'), 'utf8')).to.match(/"keySchemes":\[\d+\]/)
  })

  const edited =
    (...place: readonly string[]) =>
    (change: (text: string) => string): void => {
      const folder = workspace.file('.genepool', ...place)
      const file = place.length > 1 ? folder : `${folder}/${readdirSync(folder)[0]!}`
      writeFileSync(file, change(readFileSync(file, 'utf8')))
    }
  const doubts: Readonly<Record<string, readonly [damage: () => void, says: RegExp]>> = {
    'a tag that is cut': [() => edited('tags', 'paper')((text) => text.slice(0, 5)), /its file names no run/],
    'a tag of nothing': [() => edited('tags', 'paper')(() => ''), /its file names no run/],
    'a record that is gone': [
      () => rmSync(workspace.file('.genepool', 'runs'), { recursive: true }),
      /record .* is gone/,
    ],
    'a record that is cut': [
      () => edited('runs')((text) => text.slice(0, -200)),
      /is not what it was when it was tagged/,
    ],
    'a record of other words': [
      () => edited('runs')((text) => text.replace(/"fingerprint":"./g, '"fingerprint":"f')),
      /is not what it was when it was tagged/,
    ],
    'a record that never ended': [
      () => {
        edited('tags', 'paper')((text) => text.split(' ')[0]!)
        edited('runs')((text) => text.slice(0, text.indexOf('{"type":"run-finished"')))
      },
      /has no end: the run was killed, or it is cut/,
    ],
  }
  for (const [what, [damage, says]] of Object.entries(doubts)) {
    it(`${what} stops it, until the tag is taken away`, async () => {
      workspace.write('small.mjs', smallPipeline(writeStage('one', 'tagged'), 'one'))
      const [first] = (await run()).events
      await cli('runs', 'tag', first?.type === 'run-started' ? first.run : '', 'paper')
      rmSync(workspace.file('small.mjs'))
      damage()
      for (const dry of [['--dry-run'], []]) {
        const { code, stdout, stderr } = await cli('gc', '--keep-days', '0', ...dry)
        expect([code, stdout]).to.deep.equal([2, ''])
        expect(stderr)
          .to.match(/which artifacts the tag paper keeps cannot be told: /)
          .and.to.match(says)
      }
      expect(values()).to.deep.equal(['tagged'])
      expect((await cli('runs', 'untag', 'paper')).code).to.equal(0)
      expect((await cli('gc', '--keep-days', '0')).code).to.equal(0)
      expect(values()).to.deep.equal([])
    })
  }

  it('a definition that does not load, of which no more is known what it was, stops it', async () => {
    workspace.write('small.mjs', smallPipeline(writeStage('one', 'text'), 'one'))
    await run()
    workspace.write('small.mjs', 'export default ]')
    edited('last')((text) => text.replace(/.$/, ''))
    const { code, stdout, stderr } = await cli('gc', '--keep-days', '0')
    expect([code, stdout]).to.deep.equal([2, ''])
    expect(stderr).to.match(/what small\.mjs keeps cannot be told: cannot load .*\n +mend the definition, or remove /)
    expect(values()).to.deep.equal(['text'])
  })

  it('what came into the store in the last days is kept, whenever it was made', async () => {
    workspace.write('small.mjs', smallPipeline(writeStage('one', 'text'), 'one'))
    await run()
    const store = await Effect.runPromise(Store.pipe(Effect.provide(Store.layer(workspace.file('.genepool')))))
    const found = manifestsIn(store)
    const old = found.map((each) => ({
      ...each,
      manifest: { ...each.manifest!, made: { ...each.manifest!.made, at: '2020-01-01T00:00:00.000Z' } },
    }))
    expect(youngIn(old, 7)).to.have.length(1)
    expect(youngIn(old, 7, Date.now() + 8 * 86_400_000)).to.deep.equal([])
  })
})
