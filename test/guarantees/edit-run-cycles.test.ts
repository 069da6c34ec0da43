import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { Generator } from '../../src/stages/data/random.js'
import { runCli, startCli } from '../support/cli.js'
import { contentsOf, countsOf, eventsOf } from '../support/read-events.js'
import { checkout, workspaceForAll } from '../support/workspace.js'

const long = process.env['GENEPOOL_LONG'] === '1'
/** Of one run, on a slow machine. */
const timeoutMs = 300_000
const cycles = long ? 200 : 6

/** The quickstart with few images, and without the stage that measures time: its bytes are never the same. */
const small = readFileSync(join(checkout, 'pipelines', 'quickstart.ts'), 'utf8')
  .replace('take: 35_200', 'take: 64, takeTest: 32')
  .replace('epochs: 2', 'epochs: 1, batchSize: 32')
  .replace('{ epochs: 1, lr: 8e-3,', '{ epochs: 1, batchSize: 32, lr: 8e-3,')
  .replace('batchSize: 64', 'batchSize: 32')
  .replaceAll('depth: 6', 'depth: 3')
  .replace(/ *\.latency\(\)\n/, '')

/** What a person changes in three days; each option is one of a few values, so that everything comes back. */
const choices = [
  ['seed: 7', 'seed: 8', 'seed: 9'],
  ['take: 64', 'take: 96'],
  ['lr: 4e-3', 'lr: 3e-3', 'lr: 4e-3, weightDecay: 0.1'],
  ['embedDim: 24,', 'embedDim: 24, alpha: 0.2,', 'embedDim: 24, epochs: 2,', 'embedDim: 12,'],
  ["positions: 'front+end'", "positions: 'end'", "positions: 'every'"],
  ["init: 'composed'", "init: 'leastSquares'", "init: 'random'"],
  ['{ epochs: 1, batchSize: 32, lr: 2e-3 }', '{ epochs: 2, batchSize: 32, lr: 2e-3 }', '{ epochs: 0, lr: 2e-3 }'],
  ['evaluate()', "evaluate({ split: 'test' })"],
  ['export default', '// Once more.\nexport default', 'export default /* now */'],
] as const

type Chosen = readonly number[]

const definition = (chosen: Chosen): string =>
  choices.reduce((text, options, index) => {
    expect(text).to.contain(options[0])
    return text.replace(options[0], () => options[chosen[index]])
  }, small)

const edit = (random: Generator, chosen: Chosen): Chosen => {
  const at = random.integer(choices.length)
  return chosen.map((value, index) => (index === at ? random.integer(choices[at].length) : value))
}

/** Three days of work in the small. */
describe(`${cycles} cycles of edit and run over the quickstart's definition`, () => {
  const workspace = workspaceForAll()
  const random = Generator.from(2312, 'cycles')
  let chosen: Chosen = choices.map(() => 0)
  /** Fingerprints that were ever finished or found. */
  const distinct = new Set<string>()
  let executed = 0

  const cycle = async (): Promise<void> => {
    workspace.write('quickstart.ts', definition(chosen))
    const running = startCli(['run', 'quickstart.ts', '--json'], { cwd: workspace.path, timeoutMs })
    if (random.integer(8) === 0) {
      let left = random.integer(12)
      await running.waitFor((event) => event.type.startsWith('stage-') && left-- === 0).catch(() => undefined)
      try {
        running.signalGroup(random.integer(2) === 0 ? 'SIGKILL' : 'SIGINT')
      } catch {
        // It had ended by itself.
      }
    }
    const { code, signal, events, stdout } = await running.done
    expect([0, 130, null], stdout).to.include(code)
    // Ctrl-C after the run's end finds a process that only has to exit.
    const isOver = eventsOf(events, 'run-finished').length === 1
    if (code === null) expect(isOver ? ['SIGINT', 'SIGKILL'] : ['SIGKILL']).to.include(signal)
    for (const { fingerprint } of [...eventsOf(events, 'stage-finished'), ...eventsOf(events, 'stage-cached')]) {
      distinct.add(fingerprint)
    }
    executed += eventsOf(events, 'stage-finished').length
  }

  before(async function () {
    this.timeout(long ? 3_600_000 : 600_000)
    for (let index = 0; index < cycles; index++) {
      await cycle()
      for (let edits = 1 + random.integer(2); edits > 0; edits--) chosen = edit(random, chosen)
    }
  })

  it('end with artifacts that equal those of a clean store', async function () {
    this.timeout(2 * timeoutMs)
    workspace.write('quickstart.ts', definition(chosen))
    expect(countsOf(await runCli(['run', 'quickstart.ts', '--json'], { cwd: workspace.path }))).to.include({
      failed: 0,
    })
    const clean = await runCli(['run', 'quickstart.ts', '--json', '--store', 'clean'], {
      cwd: workspace.path,
      timeoutMs,
    })
    const wanted = contentsOf(clean.events)
    expect(Object.keys(wanted)).to.have.length(7)
    for (const [stage, content] of Object.entries(wanted)) {
      const { stdout } = await runCli(['show', 'quickstart.ts', stage, '--json'], { cwd: workspace.path })
      expect((JSON.parse(stdout) as { content: string }).content, stage).to.equal(content)
    }
  })

  it('leave one artifact for each distinct stage run, and executed none of them twice', () => {
    const actions = readdirSync(workspace.file('.genepool', 'actions'), { recursive: true }) as string[]
    const stored = actions.filter((name) => name.endsWith('.json')).map((name) => name.slice(-69, -5))
    // A killed run may have stored what it could not tell any more.
    expect(stored).to.include.members([...distinct])
    expect(executed).to.be.at.most(stored.length)
    const blobs = (readdirSync(workspace.file('.genepool', 'blobs'), { recursive: true }) as string[]).filter((name) =>
      /[0-9a-f]{64}$/.test(name),
    )
    const named = new Set(
      stored.flatMap((fingerprint) => {
        const file = workspace.file('.genepool', 'actions', fingerprint.slice(0, 2), `${fingerprint}.json`)
        const text = readFileSync(file, 'utf8')
        const { files } = JSON.parse(text.slice(text.indexOf('\n') + 1)) as {
          files: Record<string, { sha256: string }>
        }
        return Object.values(files).map(({ sha256 }) => sha256)
      }),
    )
    expect(new Set(blobs.map((name) => name.slice(-64)))).to.deep.equal(named)
  })
})
