import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { expect } from 'chai'
import { stageKinds } from '../../src/stages/registry.js'
import { runCli } from '../support/cli.js'
import { countsOf, eventOf } from '../support/read-events.js'
import { recordRun } from '../support/recorded-run.js'
import { checkout, workspaceForAll } from '../support/workspace.js'

const done = { ran: 1, cached: 0, failed: 0, skipped: 0 }

const definition = (run: string): string => `import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline, stage } from 'genepool'

const leave = (folder: string): void => writeFileSync(join(folder, 'value.txt'), 'x')
const one = stage('one', { run: ({ outDir }) => ${run} })
export default pipeline('own').add(one)
`

describe("a worker of a stage of one's own", () => {
  const workspace = workspaceForAll()
  const options = () => ({ cwd: workspace.path, env: { GENEPOOL_CACHE: workspace.file('cache') } })
  const call = (store: string) => ['run', 'own.ts', '--engine', 'cpu', '--json', '--store', store]
  const kept = (): string => {
    const [name] = readdirSync(workspace.file('cache', 'program')).filter((each) => each.startsWith('worker-own-'))
    return workspace.file('cache', 'program', name!)
  }

  before(async () => {
    workspace.write('own.ts', definition('leave(outDir)'))
    // An engine is tried once, and the definition compiled.
    expect(countsOf(await runCli(call('first'), options()))).to.deep.equal(done)
  })

  it('starts from the one script: no TensorFlow.js, no package at all, no loader', async () => {
    // What is recorded is part of an engine's surroundings, in which it is tried once.
    await recordRun(call('second'), options())
    const { run, scripts } = await recordRun(call('third'), options())
    expect(countsOf(run)).to.deep.equal(done)
    const workers = scripts.filter((urls) => urls.some((url) => url.endsWith('/worker-bin.js')))
    expect(workers).to.have.length(1)
    expect(workers[0]!.some((url) => url.endsWith('/dist/program.cjs'))).to.equal(true)
    expect(workers[0]!.filter((url) => url.includes('/node_modules/'))).to.deep.equal([])
    expect(workers[0]!.filter((url) => url.startsWith('file:')).length).to.be.below(10)
  })

  it('keeps what V8 has compiled, and makes it again where it is damaged', async () => {
    const { mtimeMs, size } = statSync(kept())
    expect(countsOf(await runCli(call('fourth'), options()))).to.deep.equal(done)
    expect(statSync(kept()).mtimeMs, 'it was used').to.equal(mtimeMs)
    const damaged = readFileSync(kept())
    for (let at = 1_000; at < damaged.length; at += 997) damaged[at]! ^= 0x55
    writeFileSync(kept(), damaged)
    expect(countsOf(await runCli(call('fifth'), options()))).to.deep.equal(done)
    expect(readFileSync(kept()).equals(damaged)).to.equal(false)
    expect(statSync(kept()).size).to.be.above(size / 2)
  })

  it("says where it failed, in the user's own file", async () => {
    workspace.write('own.ts', definition('{\n  leave(outDir)\n  throw new TypeError(`no ${outDir.length}`)\n}'))
    const { code, events } = await runCli(call('sixth'), options())
    expect(code).to.equal(1)
    const { message, stack } = eventOf(events, 'stage-failed', 'one')
    expect(message).to.match(/^no \d+$/)
    expect(stack).to.match(/TypeError: no \d+\n\s+at run \(.*\/own\.ts:8:9\)/)
  })
})

describe("the program's script", () => {
  it('has the module of every stage that there is', () => {
    const text = readFileSync(`${checkout}dist/program.cjs`, 'utf8')
    for (const { kind } of stageKinds) expect(text, kind).to.include(`"dist/stages/${kind}.js"(`)
  })
})

describe('a warm worker', () => {
  const workspace = workspaceForAll()

  it('evaluates a definition once, however many of its stages it computes', async () => {
    workspace.write(
      'many.ts',
      `import { appendFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline, stage } from 'genepool'

appendFileSync(${JSON.stringify(workspace.file('evaluations'))}, process.pid + '\\n')
const each = (n: number) =>
  stage('s' + n, { warm: true, params: { n }, run: ({ params, outDir }) => writeFileSync(join(outDir, 'n'), String(params.n)) })
export default Array.from({ length: 12 }, (_, n) => n).reduce((all, n) => all.add(each(n)), pipeline('many'))
`,
    )
    const run = await runCli(['run', 'many.ts', '--engine', 'cpu', '--json'], { cwd: workspace.path })
    expect(countsOf(run)).to.deep.equal({ ran: 12, cached: 0, failed: 0, skipped: 0 })
    const evaluations = readFileSync(workspace.file('evaluations'), 'utf8').trim().split('\n')
    expect(evaluations).to.have.length.above(1)
    expect(new Set(evaluations).size).to.equal(evaluations.length)
  })
})
