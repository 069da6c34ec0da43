import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { expect } from 'chai'
import type { Examination } from '../../src/doctor/examine.js'
import type { RunEvent } from '../../src/runtime/events.js'
import { runCli } from '../support/cli.js'
import { runRecorded } from '../support/loaded-packages.js'
import { softwareAdapter } from '../engine/webgpu-adapter.js'
import { countsOf, eventsOf } from '../support/read-events.js'
import { workspaceForEach } from '../support/workspace.js'

const oneImage = `import { mnist, pipeline } from 'genepool'
export default pipeline('one').data(mnist({ take: 1, takeTest: 1 }))
`
const hasNoGpu = process.platform === 'linux' && !existsSync('/dev/dri') && !existsSync('/dev/nvidia0')

const engineOf = (events: readonly RunEvent[]) => eventsOf(events, 'run-started')[0]?.engine

describe('the choice of an engine', () => {
  const workspace = workspaceForEach()
  const cached = (): Record<string, string> => ({ GENEPOOL_CACHE: workspace.file('cache') })
  const files = (): readonly string[] => readdirSync(workspace.file('cache', 'engines'))

  beforeEach(() => workspace.write('one.ts', oneImage))

  it('is made in another process once, and remembered: the next run loads nothing and starts nothing', async () => {
    const options = { cwd: workspace.path, env: cached() }
    const first = await runRecorded(['run', 'one.ts', '--json'], options)
    expect(first.byTrials).to.include('onnxruntime-node')
    expect(first.byRun).not.to.include('onnxruntime-node')
    const second = await runRecorded(['run', 'one.ts', '--json'], options)
    expect(second.byTrials).to.deep.equal([])
    expect(engineOf(second.run.events)).to.deep.equal(engineOf(first.run.events))
    expect(countsOf(second.run).ran).to.equal(0)
    expect(files()).to.have.length(1)
  })

  it('is made again when what loaders read has changed', async () => {
    const env = cached()
    await runCli(['run', 'one.ts'], { cwd: workspace.path, env })
    await runCli(['run', 'one.ts'], { cwd: workspace.path, env: { ...env, CUDA_VISIBLE_DEVICES: '1' } })
    expect(files()).to.have.length(2)
  })

  it('is made again when its memory is damaged', async () => {
    const options = { cwd: workspace.path, env: cached() }
    await runCli(['run', 'one.ts'], options)
    const file = workspace.file('cache', 'engines', files()[0])
    for (const damage of ['', '{', 'null', '[]', '{"onnxruntime on cpu":7}']) {
      writeFileSync(file, damage)
      const run = await runCli(['run', 'one.ts', '--json'], options)
      expect(run.code, `${damage}: ${run.stderr}`).to.equal(0)
      expect(readFileSync(file, 'utf8')).to.include('"loads":true')
    }
  })

  it('works without a place to remember it', async () => {
    writeFileSync(workspace.file('no-folder'), '')
    const env = { GENEPOOL_CACHE: workspace.file('no-folder') }
    const run = await runCli(['run', 'one.ts', '--json'], { cwd: workspace.path, env })
    expect(run.stderr).to.equal('')
    expect(run.code).to.equal(0)
  })

  it('is said with its reason in the first line', async () => {
    const { stdout } = await runCli(['run', 'one.ts'], { cwd: workspace.path })
    expect(stdout).to.match(/^one: 1 stage, engine \w+ on \w+ \(the fastest.*\), how long it takes is not known yet$/m)
    const named = await runCli(['run', 'one.ts', '--engine', 'cpu', '--device', 'cpu'], { cwd: workspace.path })
    expect(named.stdout).to.match(/^one: 1 stage, engine cpu on cpu \(it was asked for\)$/m)
  })

  it('tries nothing for a command that only looks, where engine and device are named', async () => {
    const env = cached()
    mkdirSync(workspace.file('store'))
    const call = ['plan', 'one.ts', '--engine', 'onnxruntime', '--device', 'webgpu']
    const plan = await runCli(call, { cwd: workspace.path, env })
    expect(plan.code, plan.stderr).to.equal(0)
    expect(existsSync(workspace.file('cache', 'engines'))).to.be.false
  })

  it('examined by the doctor is told truthfully: speed, training step, versions; the rest in a sentence', async () => {
    const call = ['doctor', '--engine', 'onnxruntime', '--json']
    const { code, stdout, stderr } = await runCli(call, { cwd: workspace.path, env: cached() })
    expect(stderr).to.equal('')
    expect(code).to.equal(0)
    const examinations = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Examination)
    const onCpu = examinations.find(({ device }) => device === 'cpu')
    expect(onCpu).to.include({ loads: true, problem: null, stepEstimated: false })
    expect(onCpu?.gflops).to.be.above(1)
    expect(onCpu?.stepMs).to.be.within(1, 10_000)
    expect(onCpu?.native).to.match(/^ONNX Runtime \d/)
    for (const { loads, problem } of examinations) if (!loads) expect(problem).to.match(/^[^\n]{10,300}$/)
  })

  if (hasNoGpu) {
    it('never falls on a GPU that is not there, and says what is missing where one is named', async () => {
      const options = { cwd: workspace.path, env: { ...cached(), VK_ICD_FILENAMES: '/nonexistent.json' } }
      expect(engineOf((await runCli(['run', 'one.ts', '--json'], options)).events)).to.include({
        device: 'cpu',
        why: 'the fastest that loads: this machine has no GPU, or no driver for it is loaded',
      })
      for (const device of ['webgpu', 'cuda', 'cuda:1']) {
        const { code, stdout, stderr } = await runCli(['run', 'one.ts', '--device', device], options)
        expect(code, device).to.equal(2)
        expect(stdout).to.equal('')
        expect(stderr.trim().split('\n')).to.have.length(2)
        expect(stderr).to.match(new RegExp(`^genepool: no engine loads on ${device}\\b.*this machine has no GPU`))
      }
    })
  } else console.log('      this machine has a GPU: what is said without one is not tried')

  const adapter = softwareAdapter()
  if (hasNoGpu && adapter?.name.includes('swiftshader') === true) {
    it('takes a software adapter where WebGPU is named, and never by itself', async () => {
      const options = { cwd: workspace.path, env: { ...cached(), ...adapter.env } }
      const named = await runCli(['run', 'one.ts', '--json', '--device', 'webgpu'], options)
      expect(engineOf(named.events)).to.include({ engine: 'onnxruntime', device: 'webgpu' })
      const memory = readFileSync(workspace.file('cache', 'engines', files()[0]), 'utf8')
      expect(memory).to.include('{"kind":"software","name":"SwiftShader"}')
      expect(engineOf((await runCli(['run', 'one.ts', '--json'], options)).events)).to.include({ device: 'cpu' })
    })
  } else console.log("      a GPU is there, or no chromium's SwiftShader: software adapters are not tried")
})
