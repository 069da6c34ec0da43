import { expect } from 'chai'
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { relativeDistance } from './cases.js'
import { softwareAdapter } from './webgpu-adapter.js'
import type { WebgpuAnswer } from './webgpu-child.js'
import type { WebgpuKernels } from './webgpu-kernels-child.js'

const patience = 120_000

interface Ended {
  readonly code: number | string | null
  readonly stdout: string
  readonly stderr: string
}

const node = (args: readonly string[], env: Readonly<Record<string, string>>): Promise<Ended> =>
  new Promise((resolve) => {
    const options = { env: { ...process.env, NODE_OPTIONS: '', ...env }, timeout: patience }
    execFile(process.execPath, ['--import=tsx', ...args], options, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : (error.signal ?? error.code ?? null), stdout, stderr }),
    )
  })

describe('the device webgpu', function () {
  this.timeout(2 * patience)

  // Elsewhere the adapter does not come from Vulkan's list of drivers.
  if (process.platform === 'linux')
    it('is refused in one sentence that says what to do where no adapter is found', async () => {
      const script = `
      const { openEngine } = await import('./src/engine/choice/open.ts')
      const failed = await openEngine({ engine: 'onnxruntime', device: 'webgpu', threads: 1 }).catch((error) => error)
      console.log(failed.name + ': ' + failed.message)`
      const nowhere = { VK_ICD_FILENAMES: '/nowhere.json', VK_DRIVER_FILES: '/nowhere.json' }
      const { code, stdout } = await node(['--input-type=module', '-e', script], nowhere)
      expect(stdout.trim()).to.match(
        /^EngineError: ONNX Runtime cannot use the device webgpu: no graphics adapter .*; install the GPU's driver .*\.?$/,
      )
      expect(code).to.equal(0)
    })

  const adapter = softwareAdapter()
  if (adapter === undefined) {
    console.log('    no graphics adapter in software: the device webgpu is not tried (Chromium brings one)')
    return
  }

  describe(`on the adapter of ${adapter.name}`, () => {
    let answer: WebgpuAnswer
    before(async () => {
      const script = fileURLToPath(new URL('./webgpu-child.ts', import.meta.url))
      const { code, stdout, stderr } = await node([script], adapter.env)
      if (code !== 0) throw new Error(`ended with ${code}: ${stderr.slice(-2_000)}`)
      answer = JSON.parse(stdout) as WebgpuAnswer
    })

    it('joins more pieces than a shader may bind buffers, and differentiates the join', () => {
      expect(Object.keys(answer.joined)).to.deep.equal(Object.keys(answer.expectedJoined))
      for (const [name, values] of Object.entries(answer.expectedJoined)) {
        expect(relativeDistance(answer.joined[name], values), name).to.be.below(1e-5)
      }
    })

    it('keeps state from call to call and between functions, read and replaced from outside too', () => {
      expect(answer.resident).to.equal(true)
      for (const part of ['sums', 'theta', 'factor'] as const) {
        expect(relativeDistance(answer.state[part], answer.expectedState[part]), part).to.be.below(1e-5)
      }
    })

    it('computes every traced kernel and its gradient', async () => {
      const script = fileURLToPath(new URL('./webgpu-kernels-child.ts', import.meta.url))
      const { code, stdout, stderr } = await node([script], adapter.env)
      expect(code, stderr.slice(-2_000)).to.equal(0)
      const { compared, differing } = JSON.parse(stdout) as WebgpuKernels
      expect(differing).to.deep.equal([])
      expect(compared).to.be.above(500)
    })

    it('gives replaced state back to the device', () => {
      const [early, late, value] = answer.memory
      expect(value).to.equal(250)
      // 200 further calls of which each leaves 1 MiB.
      expect(late - early).to.be.below(50)
    })
  })
})
