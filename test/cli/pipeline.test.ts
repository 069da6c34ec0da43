import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { createServer, type AddressInfo } from 'node:net'
import { expect } from 'chai'
import sharp from 'sharp'
import { openPool } from '../../src/open-pool.js'
import type { ModelResult } from '../../src/results/model-results.js'
import type { PlannedStage } from '../../src/runtime/events.js'
import type { Manifest } from '../../src/runtime/store/store.js'
import type { PoolFile } from '../../src/stages/export/pool-file.js'
import type { Finished } from '../support/child.js'
import { browserPath, openBrowser } from '../support/browser.js'
import { bin, runCli, startCli } from '../support/cli.js'
import { runRecorded, type Loaded } from '../support/loaded-packages.js'
import { contentsOf, countsOf, eventOf, eventsOf, stagesWith } from '../support/read-events.js'
import { tinyPipeline, type TinyOptions } from '../support/tiny-pipeline.js'
import { workspaceForAll } from '../support/workspace.js'

const stageNames = ['data', 'distill/small', 'distill/wide', 'evaluate', 'pool', 'stitch', 'teacher']
const heavy = [
  '@tensorflow/tfjs-backend-cpu',
  '@tensorflow/tfjs-core',
  'onnxruntime-node',
  'ts-morph',
  '@ts-morph/common',
  'typescript',
]

const jsonLines = ({ stdout }: Finished): readonly unknown[] =>
  stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as unknown)

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })

interface AxeResults {
  readonly violations: readonly { readonly id: string; readonly help: string }[]
}

describe('a real pipeline', () => {
  const workspace = workspaceForAll()
  let first: Loaded

  const define = (options: TinyOptions = {}): void => void workspace.write('tiny.ts', tinyPipeline(options))
  const genepool = (call: string): Promise<Finished> => runCli(call.split(' '), { cwd: workspace.path })
  const plan = async (options: TinyOptions): Promise<Readonly<Record<string, PlannedStage>>> => {
    define(options)
    const planned = jsonLines(await genepool('plan tiny.ts --json')) as readonly PlannedStage[]
    define()
    return Object.fromEntries(planned.map((stage) => [stage.stage, stage]))
  }
  const statuses = async (options: TinyOptions): Promise<Readonly<Record<string, string>>> =>
    Object.fromEntries(Object.entries(await plan(options)).map(([stage, { status }]) => [stage, status]))
  const all = (status: string): Readonly<Record<string, string>> =>
    Object.fromEntries(stageNames.map((stage) => [stage, status]))

  before(async () => {
    define()
    first = await runRecorded(['run', 'tiny.ts', '--json'], { cwd: workspace.path, timeoutMs: 100_000 })
  })

  it('runs every stage once and prints events alone', () => {
    expect(first.run.stderr).to.equal('')
    expect(first.run.code).to.equal(0)
    expect(jsonLines(first.run)).to.have.length(first.run.events.length)
    expect(first.run.events[0]).to.deep.include({ type: 'run-started', pipeline: 'tiny', stages: 7 })
    expect(countsOf(first.run)).to.deep.equal({ ran: 7, cached: 0, failed: 0, skipped: 0 })
    expect(stagesWith(first.run.events, 'stage-finished')).to.deep.equal(stageNames)
  })

  it('loads TensorFlow.js in workers alone, and no parser: the built-in stages are known', () => {
    expect(first.byWorkers).to.include.members(heavy.slice(0, 3))
    expect(first.byRun.filter((name) => heavy.includes(name))).to.deep.equal([])
  })

  it('runs nothing a second time, starts no worker and loads no TensorFlow.js, ONNX Runtime or parser', async () => {
    const second = await runRecorded(['run', 'tiny.ts', '--json'], { cwd: workspace.path })
    expect(countsOf(second.run)).to.deep.equal({ ran: 0, cached: 7, failed: 0, skipped: 0 })
    expect(second.byWorkers).to.deep.equal([])
    expect(second.byRun.filter((name) => heavy.includes(name))).to.deep.equal([])
  })

  it('prints without --json a line a stage and the table of its models', async () => {
    const { stdout } = await genepool('run tiny.ts')
    expect(stdout)
      .to.match(/^✓ teacher {2}cached$/m)
      .and.match(/finished in .*: 0 ran, 7 cached/)
    expect(stdout).to.match(/^id +model +blocks +params +MACs +top-1 +top-5 +loss$/m)
    expect(stdout)
      .to.match(/^ 0 +small +3 /m)
      .and.match(/^ 8 +small\[0\.\.2\]→wide\[2\.\.2\] +4 /m)
  })

  it('plans everything cached, also after a change of comments and formatting', async () => {
    const head = '// What is this about?\n\n/* Nothing. */ ;\n'
    expect(await statuses({})).to.deep.equal(all('cached'))
    expect(await statuses({ head })).to.deep.equal(all('cached'))
  })

  it('plans for another seed every stage that draws with it, for other data everything', async () => {
    const seeded = await plan({ seed: 2 })
    expect(seeded['data']?.status, 'a data set has a seed of its own').to.equal('cached')
    for (const stage of ['teacher', 'distill/small', 'distill/wide', 'stitch']) {
      expect(seeded[stage], stage).to.deep.include({ status: 'run' })
      expect(seeded[stage]?.reasons[0]).to.deep.equal({
        type: 'parameter-changed',
        parameter: 'seed',
        before: 1,
        now: 2,
      })
    }
    expect(seeded['pool']?.status).to.equal('maybe')
    const taken = await plan({ take: 65 })
    expect(taken['data']?.reasons).to.deep.equal([
      { type: 'parameter-changed', parameter: 'take', before: 64, now: 65 },
    ])
    expect(Object.keys(taken).filter((stage) => taken[stage]?.status === 'maybe')).to.have.members(
      stageNames.filter((stage) => stage !== 'data'),
    )
  })

  it('runs for another alpha of one student its distillation and what follows, nothing else', async () => {
    const planned = await plan({ alpha: 0.2 })
    expect(planned['distill/small']).to.deep.include({
      status: 'run',
      reasons: [{ type: 'parameter-changed', parameter: 'alpha', before: 0.1, now: 0.2 }],
    })
    define({ alpha: 0.2 })
    const run = await genepool('run tiny.ts --json')
    expect(stagesWith(run.events, 'stage-cached')).to.deep.equal(['data', 'distill/wide', 'teacher'])
    expect(stagesWith(run.events, 'stage-finished')).to.deep.equal(['distill/small', 'evaluate', 'pool', 'stitch'])
    expect(eventOf(run.events, 'stage-started', 'pool').reasons).to.deep.equal([
      { type: 'input-changed', input: 'small', stage: 'distill/small' },
    ])
    expect(contentsOf(run.events)['evaluate']).not.to.equal(contentsOf(first.run.events)['evaluate'])
  })

  it('and back is an instant hit', async () => {
    define()
    expect(countsOf(await genepool('run tiny.ts --json'))).to.deep.equal({ ran: 0, cached: 7, failed: 0, skipped: 0 })
  })

  it('with another engine runs what computes, and data alone stays', async () => {
    const { stdout } = await genepool('plan tiny.ts --json --engine cpu')
    const planned = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as PlannedStage)
    expect(planned.filter(({ status }) => status === 'cached').map(({ stage }) => stage)).to.deep.equal(['data'])
    expect(planned.find(({ stage }) => stage === 'teacher')?.reasons[0]?.type).to.equal('engine-changed')
  })

  it('with another engine runs nothing where any engine will do, and says what made the artifacts', async () => {
    const run = await genepool('run tiny.ts --engine cpu --reuse any-engine')
    expect(run.stdout)
      .to.match(/^✓ data {2}cached$/m)
      .and.match(/^✓ teacher {2}cached \(made by onnxruntime \d+\.\d+\.\d+ on cpu\)$/m)
      .and.match(/finished in .*: 0 ran, 7 cached/)
    const plan = await genepool('plan tiny.ts --engine cpu --reuse any-engine')
    expect(plan.stdout)
      .to.match(/^teacher +cached +made by onnxruntime \S+ on cpu$/m)
      .and.match(/^7 cached, 0 to run, 0 maybe$/m)
    const { stdout } = await genepool('results tiny.ts --engine cpu --reuse any-engine --json')
    expect(stdout).to.equal((await genepool('results tiny.ts --json')).stdout)
    const shown = await genepool('show tiny.ts teacher --engine cpu --reuse any-engine --json')
    expect((JSON.parse(shown.stdout) as Manifest).identity.engine).to.deep.include({ engine: 'onnxruntime' })
  })

  it('has its models as JSON lines of exactly the published keys', async () => {
    const rows = jsonLines(await genepool('results tiny.ts --json')) as readonly Record<string, unknown>[]
    const keys = 'id name models positions depth params paramsStored macs top1 top5 loss latency dominated'.split(' ')
    expect(rows.map((row) => row['id'])).to.deep.equal([0, 1, 2, 3, 4, 5, 6, 7, 8])
    for (const row of rows) expect(Object.keys(row)).to.deep.equal(keys)
    expect(rows[0]).to.deep.include({ name: 'small', models: ['small'], positions: [], depth: 3, latency: [] })
    expect(rows[8]).to.deep.include({ models: ['small', 'wide'], positions: [[2, 2]], depth: 4 })
  })

  it('shows a stage: manifest, inputs, parameters and loss history', async () => {
    const text = await genepool('show tiny.ts distill/small')
    expect(text.stdout)
      .to.match(/^distill\/small \(distill\)$/m)
      .and.match(/teacher ← teacher {2}[0-9a-f]{64}/)
      .and.match(/^ {2}time {8}steps \d+ %, images \d+ %, teacher \d+ %$/m)
    expect(text.stdout)
      .to.match(/"alpha": 0\.1/)
      .and.match(/history\n +epoch .*loss/)
    const json = await genepool('show tiny.ts teacher --json')
    const manifest = JSON.parse(json.stdout) as Record<string, unknown>
    expect(manifest).to.include.keys('fingerprint', 'content', 'files', 'identity', 'made', 'history')
    expect(manifest['history']).to.have.length(1)
  })

  it('lists its runs, newest first', async () => {
    const runs = jsonLines(await genepool('runs tiny.ts --json')) as readonly Record<string, unknown>[]
    expect(runs.at(-1)).to.deep.include({ pipeline: 'tiny', state: 'done', ran: 7, cached: 0, failed: 0 })
    expect(runs[0]).to.deep.include({ ran: 0, cached: 7 })
    expect(eventsOf(first.run.events, 'run-started')[0]?.run).to.equal(runs.at(-1)?.['run'])
    expect((await genepool('runs')).stdout).to.match(/^run +pipeline +state/)
  })

  it('exports one of its models with its scores, all in parts that they share, and answers what cannot be in a sentence, leaving nothing', async () => {
    const rows = jsonLines(await genepool('results tiny.ts --json')) as readonly ModelResult[]
    const [written] = jsonLines(await genepool('export tiny.ts --descendant small[0..1]->wide[1..2] --out m --json'))
    const row = rows.find(({ name }) => name === 'small[0..1]→wide[1..2]')!
    const { top1, loss, images, model } = written as Record<string, number | string>
    expect([model, images, top1]).to.deep.equal([row.name, 50, row.top1])
    expect(loss).to.be.closeTo(row.loss!, 1e-4)
    expect(readdirSync(workspace.file('m')).sort()).to.deep.equal(['measured.json', 'model.onnx'])
    const [whole] = jsonLines(await genepool('export tiny.ts --pool --out all --json'))
    const pool = await openPool(workspace.file('all'))
    expect(pool.models.map(({ name }) => name)).to.have.members(rows.map(({ name }) => name))
    expect(whole).to.include({ out: workspace.file('all'), models: rows.length })
    // The first test digit as a picture is what it is as a test image.
    const { mean, std, size } = pool.preprocessing
    const digit = readFileSync(workspace.file('all/samples.bin')).subarray(0, size * size)
    await sharp(digit, { raw: { width: size, height: size, channels: 1 } }).toFile(workspace.file('digit.png'))
    const selected = await pool.select('small[0..1]->wide[1..2]')
    const logits = await selected.logits(Float32Array.from(digit, (byte) => (byte / 255 - mean[0]) / std[0]))
    const [seen] = jsonLines(await genepool('predict m/model.onnx digit.png --json --top 1')) as readonly {
      readonly top: readonly { readonly class: number; readonly probability: number }[]
    }[]
    const sum = logits.reduce((total, logit) => total + Math.exp(logit), 0)
    expect(seen!.top[0].class).to.equal(logits.indexOf(Math.max(...logits)))
    expect(seen!.top[0].probability).to.be.closeTo(Math.exp(Math.max(...logits)) / sum, 1e-4)
    await pool.release()
    workspace.write('taken', '')
    const calls: readonly (readonly [call: string, says: RegExp])[] = [
      ['tiny.ts --descendant small[0..1]->wide --out x', /no descendant '.*'; the nearest are small\[0\.\.1\]→wide/],
      ['tiny.ts --descendant 9 --out x', /no descendant 9; they are numbered 0 to 8$/m],
      ['tiny.ts --max-params 100 --out x', /meets --max-params 100: the least there is has \d/],
      ['tiny.ts --out x', /which model of tiny\.ts\?\n {2}--descendant/],
      ['tiny.ts data --out x', /stage 'data' leaves no model/],
      ['tiny.ts teacher --out taken', /taken is no folder/],
      ['tiny.ts --pool --descendant 3 --out x', /--pool writes every measured model/],
      ['tiny.ts --pool --format safetensors --precision int8 --out x', /not --format safetensors; .* not --precision/],
    ]
    const answers = await Promise.all(calls.map(([call]) => genepool(`export ${call}`)))
    for (const [index, [call, says]] of calls.entries()) {
      const { code, stdout, stderr } = answers[index]!
      expect([code, stdout], call).to.deep.equal([2, ''])
      expect(stderr, call).to.match(says)
    }
    expect(readdirSync(workspace.path).filter((name) => /^x|tmp$/.test(name))).to.deep.equal([])
  })

  it('is shown by a page whose files say where it comes from, and not without a stitched pool', async () => {
    const [written] = jsonLines(await genepool('demo tiny.ts --out page --json'))
    const { models, parts } = written as Readonly<Record<string, number>>
    const pool = JSON.parse(readFileSync(workspace.file('page/pool.json'), 'utf8')) as PoolFile
    expect([models, parts]).to.deep.equal([pool.models.length, Object.keys(pool.parts).length])
    const front = jsonLines(await genepool('pareto tiny.ts --json')) as readonly ModelResult[]
    const figures = ({ id, name, params, macs, top1 }: ModelResult | PoolFile['models'][number]) =>
      [id, name, params, macs, top1].join()
    expect(pool.models.map(figures)).to.deep.equal(front.map(figures))
    const before = readFileSync(workspace.file('page/index.html'), 'utf8')
    expect(before).to.match(/<html data-version="[0-9a-f]{12}" lang="en">/)
    expect((await genepool('demo tiny.ts --out page')).code).to.equal(0)
    expect(readFileSync(workspace.file('page/index.html'), 'utf8')).to.equal(before)
    mkdirSync(workspace.file('own/parts'), { recursive: true })
    const refused = await genepool('demo tiny.ts --out own')
    expect([refused.code, refused.stderr]).to.deep.equal([
      2,
      `genepool: nothing was exported: ${workspace.file('own/parts')} is a folder that no export has made\n`,
    ])
    expect(readdirSync(workspace.file('own'))).to.deep.equal(['parts'])
  })

  if (browserPath !== undefined) {
    it('answers in a browser as in Node, changes its size without fetching again, and without a network', async () => {
      const port = await freePort()
      const serving = startCli(['demo', 'tiny.ts', '--out', 'page', '--serve', '--port', String(port)], {
        cwd: workspace.path,
      })
      await serving.waitForText(/Ctrl-C ends/)
      let hasEnded = false
      const browser = await openBrowser(workspace.file('profile'))
      try {
        const page = await browser.newPage()
        const problems: string[] = []
        page.on('pageerror', (error) => problems.push(error.message))
        page.on('console', (message) => message.type() === 'error' && problems.push(message.text()))
        const answered = () => page.getByText(/^Answered in/).waitFor()
        await page.goto(`http://127.0.0.1:${port}/`)
        await answered()
        expect(await page.evaluate('crossOriginIsolated')).to.equal(true)

        const pool = await openPool(workspace.file('page'))
        const samples = readFileSync(workspace.file('page/samples.bin'))
        const [mean, std] = [pool.preprocessing.mean[0], pool.preprocessing.std[0]]
        const pixels = Float32Array.from(samples, (byte) => (byte / 255 - mean) / std)
        const slider = page.getByRole('slider')
        const classes = pool.classNames.length
        for (const [place, { id, name }] of pool.models.entries()) {
          await slider.fill(String(place))
          await page.locator('dd').getByText(name, { exact: true }).waitFor()
          await page.getByRole('button', { name: 'Classify 50 test images' }).click()
          await page.getByText(/^\d+ of 50 are right\.$/).waitFor()
          const logits = await (await pool.select(id)).logits(pixels)
          const wanted = Array.from({ length: 50 }, (_, image) => {
            const row = logits.subarray(image * classes, (image + 1) * classes)
            return row.indexOf(Math.max(...row))
          })
          expect(await page.evaluate("document.documentElement.dataset['answers']"), name).to.equal(wanted.join(' '))
        }
        await pool.release()

        const requests: string[] = []
        page.on('request', (request) => requests.push(request.url()))
        for (const place of pool.models.keys()) {
          await slider.fill(String(place))
          await answered()
        }
        await page.getByLabel('Best model within').fill('1000')
        await page.getByRole('button', { name: 'Choose' }).click()
        await page.getByText(/is the most accurate model within 1000 ms on this machine/).waitFor()
        expect(requests).to.deep.equal([])

        await page.evaluate(readFileSync(createRequire(import.meta.url).resolve('axe-core'), 'utf8'))
        for (const [width, colorScheme] of [
          [1280, 'light'],
          [1280, 'dark'],
          [390, 'light'],
          [390, 'dark'],
        ] as const) {
          await page.setViewportSize({ width, height: 844 })
          await page.emulateMedia({ colorScheme })
          const { violations } = await page.evaluate<AxeResults>('axe.run()')
          expect(violations.map(({ id, help }) => `${id}: ${help}`)).to.deep.equal([])
          expect(await page.evaluate('document.documentElement.scrollWidth')).to.be.at.most(width)
        }

        serving.signalGroup('SIGINT')
        const { code } = await serving.done
        hasEnded = true
        expect(code).to.equal(130)
        await page.reload()
        await answered()
        expect(problems).to.deep.equal([])
      } finally {
        await browser.close()
        if (!hasEnded) serving.signalGroup('SIGKILL')
      }
    })
  }

  it('reads no damaged figures: results says so, the next run measures again', async () => {
    const { files } = JSON.parse((await genepool('show tiny.ts evaluate --json')).stdout) as Manifest
    const { sha256 } = files['descendants.jsonl']
    const blob = workspace.file('.genepool', 'blobs', sha256.slice(0, 2), sha256)
    const good = readFileSync(blob, 'utf8')
    chmodSync(blob, 0o644)
    writeFileSync(blob, good.replace('"top1":0', '"top1":1'))
    expect(readFileSync(blob, 'utf8')).not.to.equal(good)
    const damaged = await genepool('results tiny.ts')
    expect(damaged.code).to.equal(2)
    expect(damaged.stdout).to.equal('')
    expect(damaged.stderr)
      .to.match(/^genepool: evaluate counts as missing: .* is damaged \(descendants\.jsonl\).*; genepool run tiny\.ts /)
      .and.match(/^genepool: there are no results of tiny\.ts as it stands: evaluate left no result/m)
    const run = await genepool('run tiny.ts --json')
    expect(contentsOf(run.events)).to.deep.equal({ evaluate: contentsOf(first.run.events)['evaluate'] })
    expect(readFileSync(blob, 'utf8')).to.equal(good)
  })

  it('ends quietly when nobody reads what it prints', async () => {
    const calls = [
      'run tiny.ts',
      'run tiny.ts --json',
      'results tiny.ts',
      'runs',
      'plan tiny.ts',
      'explain tiny.ts',
      'lineage tiny.ts teacher',
      'show tiny.ts teacher',
      'gc --dry-run --json',
      'accept --list',
      'store verify',
      '--help',
    ]
    for (const call of calls) {
      const { stderr, signal, code } = await runCli(call.split(' '), { cwd: workspace.path, closeStdout: true })
      expect(stderr, call).to.equal('')
      expect(signal).to.equal(null)
      // Done before it noticed, or ended by it: never as if somebody had pressed Ctrl-C.
      expect(code, call).to.be.oneOf([0, 141])
    }
  })

  it('ends with exit code 1 and a sentence where what it prints finds no space', () => {
    const full = openSync('/dev/full', 'w')
    for (const call of ['plan tiny.ts --json', 'runs', 'results tiny.ts', '--help']) {
      const { status, stderr } = spawnSync(process.execPath, [bin, ...call.split(' ')], {
        cwd: workspace.path,
        stdio: ['ignore', full, 'pipe'],
        encoding: 'utf8',
      })
      expect([status, stderr], call).to.deep.equal([
        1,
        'genepool: cannot print: ENOSPC: no space left on device, write\n',
      ])
    }
    closeSync(full)
  })

  it('exports nothing of damaged weights', async () => {
    const { files } = JSON.parse((await genepool('show tiny.ts stitch --json')).stdout) as Manifest
    const { sha256 } = files['students/small/model.safetensors']
    const blob = workspace.file('.genepool', 'blobs', sha256.slice(0, 2), sha256)
    const bytes = readFileSync(blob)
    bytes[bytes.length - 1]! ^= 1
    chmodSync(blob, 0o644)
    writeFileSync(blob, bytes)
    const { code, stderr } = await genepool('export tiny.ts --descendant small --out damaged')
    expect(code).to.equal(2)
    expect(stderr).to.match(/^genepool: stage 'stitch' is damaged: .*\n {2}genepool run tiny\.ts --only stitch$/m)
    expect(existsSync(workspace.file('damaged'))).to.equal(false)
  })
})
