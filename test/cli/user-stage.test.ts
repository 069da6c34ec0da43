import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import type { Manifest } from '../../src/runtime/store/store.js'
import { writeModel } from '../../src/stages/model/model-files.js'
import type { Finished } from '../support/child.js'
import { runCli, startCli } from '../support/cli.js'
import { countsOf, eventOf, stagesWith } from '../support/read-events.js'
import { tinyConfig } from '../stages/model-stage-runs.js'
import { waveModel } from '../stages/reference-vit.js'
import { checkout, workspaceForEach } from '../support/workspace.js'

interface Variant {
  readonly text?: string
  readonly repeat?: string
  readonly head?: string
}

/** `letters` ← `words` and a file: two stages whose code lies in a file of its own. */
const stages = ({ text = 'ab', repeat = 'word.repeat(2)' }: Variant) => `
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stage } from 'genepool'

const twice = (word: string): string => ${repeat}

export const words = stage('words', {
  params: { text: '${text}' },
  run: ({ params, outDir }) => {
    writeFileSync(join(outDir, 'words.txt'), twice(params.text))
    return { length: params.text.length }
  },
})
export const letters = stage('letters', {
  inputs: { words },
  sources: { more: 'more.txt' },
  run: async ({ inputs, sources, outDir }) => {
    const text = readFileSync(join(inputs.words.folder, 'words.txt'), 'utf8') + readFileSync(sources.more, 'utf8')
    writeFileSync(join(outDir, 'letters.json'), JSON.stringify([...new Set(text)].sort()))
  },
})
`
const definition = `
import { pipeline } from 'genepool'
import { letters } from './stages.js'
export default pipeline('own').add(letters)
`

describe("stages of the user's own, on the command line", () => {
  const workspace = workspaceForEach()
  const genepool = (call: string): Promise<Finished> => runCli(call.split(' '), { cwd: workspace.path })
  const define = (variant: Variant = {}): void => {
    workspace.write('stages.ts', stages(variant))
    workspace.write('own.ts', definition)
  }
  const letters = async (): Promise<unknown> => {
    const { stdout } = await genepool('show own.ts letters --json')
    const { files } = JSON.parse(stdout) as Manifest
    const { sha256 } = files['letters.json']
    return JSON.parse(readFileSync(workspace.file('.genepool', 'blobs', sha256.slice(0, 2), sha256), 'utf8'))
  }

  beforeEach(() => {
    define()
    workspace.write('more.txt', 'xyz')
  })

  it('are computed, cached, and computed again for other parameters, other code and other files', async () => {
    expect(countsOf(await genepool('run own.ts --json'))).to.deep.include({ ran: 2, cached: 0 })
    expect(await letters()).to.deep.equal(['a', 'b', 'x', 'y', 'z'])
    expect(countsOf(await genepool('run own.ts --json'))).to.deep.include({ ran: 0, cached: 2 })

    define({ text: 'abc' })
    const { events } = await genepool('run own.ts --json')
    expect(eventOf(events, 'stage-started', 'words').reasons).to.deep.include({
      type: 'parameter-changed',
      parameter: 'text',
      before: 'ab',
      now: 'abc',
    })
    expect(await letters()).to.include('c')

    define()
    expect(countsOf(await genepool('run own.ts --json'))).to.deep.include({ ran: 0, cached: 2 })
    workspace.write('more.txt', 'q')
    expect(stagesWith((await genepool('run own.ts --json')).events, 'stage-finished')).to.deep.equal(['letters'])

    define({ repeat: "word + 'k'" })
    expect(countsOf(await genepool('run own.ts --json'))).to.deep.include({ failed: 0 })
    expect(await letters()).to.include('k')
  })

  it('are shared by the cells of a suite where they are the same', async () => {
    workspace.write(
      'cells.ts',
      `import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline, stage, suite } from 'genepool'
import { words } from './stages.js'
const times = (factor: number) =>
  stage('times', {
    inputs: { words },
    params: { factor },
    run: ({ params, inputs, outDir }) =>
      writeFileSync(join(outDir, 'n'), String(Number(inputs.words.summary.length) * params.factor)),
  })
export default suite('cells', { factor: [1, 2, 3] }, ({ factor }) => pipeline('cell').add(times(factor)))
`,
    )
    const run = await genepool('run cells.ts --json')
    expect(run.stderr).to.equal('')
    expect(countsOf(run)).to.deep.equal({ ran: 4, cached: 0, failed: 0, skipped: 0 })
    expect(stagesWith(run.events, 'stage-finished')).to.include.members(['words', 'times[factor=1]', 'times[factor=3]'])
  })

  it('may not read what differs from cell to cell other than by their parameters', async () => {
    const cells = (axis: string): string => `import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline, stage, suite } from 'genepool'
export default suite('captured', { factor: [${axis}] }, ({ factor }) =>
  pipeline('cell').add(stage('times', { run: ({ outDir }) => writeFileSync(join(outDir, 'n'), String(factor)) })))
`
    workspace.write('captured.ts', cells('1, 2'))
    for (const target of ['captured.ts', 'captured.ts#factor=2']) {
      const run = await genepool(`run ${target}`)
      expect(run.code).to.equal(2)
      expect(run.stderr).to.match(/stage 'times': its function reads a variable of the code around it/)
    }
    for (const axis of ['1', '2']) {
      workspace.write('captured.ts', cells(axis))
      expect(countsOf(await genepool('run captured.ts --json'))).to.deep.include({ ran: 1 })
    }
  })

  it('fail with their own sentence, and with one of ours where they leave nothing', async () => {
    const single = (body: string): string =>
      workspace.write(
        'one.ts',
        `import { pipeline, stage } from 'genepool'\n` +
          `export default pipeline('one').add(stage('one', { run: () => { ${body} } }))\n`,
      )
    single("throw new Error('the moon is not full')")
    const thrown = await genepool('run one.ts')
    expect(thrown.code).to.equal(1)
    expect(thrown.stdout).to.match(/^✗ one {2}the moon is not full$/m)
    single('')
    const empty = await genepool('run one.ts')
    expect(empty.code).to.equal(1)
    expect(empty.stdout).to.match(/✗ one {2}the stage ended without leaving a file/)
    expect((await genepool('run one.ts')).code, 'and it is not cached').to.equal(1)
  })

  it('are told of an interruption and go on from what they have saved', async () => {
    workspace.write(
      'long.ts',
      `import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { pipeline, stage } from 'genepool'
const long = stage('long', {
  run: async ({ checkpointDir, outDir, signal, progress }) => {
    const saved = join(checkpointDir, 'step')
    const first = existsSync(saved) ? Number(readFileSync(saved, 'utf8')) : 0
    for (let step = first; step < 200; step++) {
      if (signal.aborted || (first === 0 && step === 199)) return writeFileSync(saved, String(step))
      await setTimeout(first === 0 ? 100 : 1)
      progress({ phase: 'count', step: step + 1, steps: 200 })
    }
    writeFileSync(join(outDir, 'first'), String(first))
  },
})
export default pipeline('long').add(long)
`,
    )
    const running = startCli(['run', 'long.ts', '--json'], { cwd: workspace.path })
    await running.waitFor((event) => event.type === 'stage-progress' && event.step >= 3)
    running.signal('SIGINT')
    expect((await running.done).code).to.equal(130)
    const { events } = await genepool('run long.ts --json')
    expect(eventOf(events, 'stage-started', 'long').resumes).to.equal(true)
    expect(events.find((event) => event.type === 'stage-progress'))
      .to.have.property('step')
      .that.is.above(3)
  })

  it('refuse a module that runs a pipeline when workers import it', async () => {
    workspace.write(
      'script.ts',
      `import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline, runPipelinePromise, stage } from 'genepool'
const own = stage('own', { run: ({ outDir }) => writeFileSync(join(outDir, 'a'), '') })
const result = await runPipelinePromise(pipeline('p').add(own), {
  onEvent: (event) => console.log(JSON.stringify(event)),
})
console.log(result.failed)
`,
    )
    const tsx = new URL('../../node_modules/tsx/dist/cli.mjs', import.meta.url).pathname
    const { start } = await import('../support/child.js')
    const { stdout } = await start([tsx, 'script.ts'], { cwd: workspace.path }).done
    expect(stdout).to.match(/keep stages in a module of their own/)
  })

  it('see their parameters in one order, however they are written', async () => {
    const own = (params: string): string => `import { writeFileSync } from 'node:fs'
import { pipeline, stage } from 'genepool'
export default pipeline('own').add(
  stage('keys', {
    params: ${params},
    run: ({ params, outDir }) => {
      writeFileSync(outDir + '/keys.txt', Object.keys(params).join())
      return { first: Object.keys(params)[0] }
    },
  }),
)`
    const first = async (params: string): Promise<unknown> => {
      workspace.write('own.ts', own(params))
      const run = await genepool('run own.ts --json --store keys')
      const { stdout } = await genepool('show own.ts keys --json --store keys')
      return [countsOf(run).ran, (JSON.parse(stdout) as Manifest).summary['first']]
    }
    expect(await first('{ b: 1, a: 2 }')).to.deep.equal([1, 'a'])
    expect(await first('{ a: 2, b: 1 }')).to.deep.equal([0, 'a'])
  })

  it('see every number of them as it is', async () => {
    workspace.write(
      'own.ts',
      `import { writeFileSync } from 'node:fs'
import { pipeline, stage } from 'genepool'
export default pipeline('own').add(
  stage('zeros', {
    params: { zero: 0, minus: -0, list: [-0, 1e300], text: '-0' },
    run: ({ params, outDir }) => {
      writeFileSync(outDir + '/out', '')
      return { zeros: [params.zero, params.minus, params.list[0]].map((each) => String(1 / Number(each))), text: params.text }
    },
  }),
)`,
    )
    await genepool('run own.ts')
    const { summary } = JSON.parse((await genepool('show own.ts zeros --json')).stdout) as Manifest
    expect(summary).to.deep.equal({ zeros: ['Infinity', '-Infinity', '-Infinity'], text: '-0' })
  })
})

describe('a stage of the user that loads models and data with this package', () => {
  const workspace = workspaceForEach()

  it('is cached', async () => {
    const config = { ...tinyConfig(4, 1, 1), imageSize: 4, patchSize: 2, channels: 1 }
    writeModel(workspace.path, config, waveModel(config), { role: 'teacher' })
    workspace.write(
      'own.ts',
      `import { loadDataset, loadModel, pipeline, stage } from 'genepool'
export default pipeline('own').add(
  stage('own', {
    params: { folder: '' },
    sources: { weights: 'model.safetensors', config: 'config.json' },
    usesEngine: true,
    run: async ({ params, sources, engine }) => {
      if (params.folder !== '') await loadDataset(params.folder)
      const model = await loadModel(sources.weights, engine)
      const [logit] = await model.logits(new Float32Array(16))
      await model.release()
      return { logit }
    },
  }),
)
`,
    )
    const ran = async () => countsOf(await runCli(['run', 'own.ts', '--json'], { cwd: workspace.path })).ran
    expect([await ran(), await ran()]).to.deep.equal([1, 0])
  })

  it('is so in the pipelines that are shipped: nothing of what it reaches is unknown', async () => {
    const store = workspace.file('store')
    const planned = await runCli(['plan', 'pipelines/confusion.ts', '--json', '--store', store], { cwd: checkout })
    expect([planned.code, planned.stdout.includes('"stage":"confusion"')]).to.deep.equal([0, true])
    expect(planned.stdout).not.to.match(/"code-opaque"|cannot be followed|"escape"/)
  })
})
