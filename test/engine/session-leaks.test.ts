import { expect } from 'chai'
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { EngineOptions } from '../../src/engine/request.js'
import type { LeakAnswer } from './session-leaks-child.js'
import { softwareAdapter } from './webgpu-adapter.js'

/** 10 000 steps take minutes: with GENEPOOL_LONG=1 only. */
const long = process.env['GENEPOOL_LONG'] === '1'
const steps = long ? [1_000, 10_000] : [100, 400]
/** What a heap may grow by while it settles, in MiB; 300 steps that each leaked their parameters would take more. */
const slack = 24
const patience = long ? 3_600_000 : 110_000

const adapter = softwareAdapter()
const cases: readonly {
  readonly name: string
  readonly request: EngineOptions
  readonly env?: Readonly<Record<string, string>>
}[] = [
  { name: 'cpu', request: { engine: 'cpu', device: 'cpu', threads: 1 } },
  { name: 'onnxruntime, one thread', request: { engine: 'onnxruntime', device: 'cpu', threads: 1 } },
  { name: 'onnxruntime, two threads', request: { engine: 'onnxruntime', device: 'cpu', threads: 2 } },
  ...(long && adapter !== undefined
    ? [
        {
          name: 'onnxruntime, webgpu',
          request: { engine: 'onnxruntime', device: 'webgpu', threads: 1 } as const,
          env: adapter.env,
        },
      ]
    : []),
]

const script = fileURLToPath(new URL('./session-leaks-child.ts', import.meta.url))

describe(`${steps.at(-1)} training steps`, function () {
  this.timeout(patience)

  for (const { name, request, env } of cases) {
    it(`leave no tensors and no memory behind on ${name}`, async () => {
      const args = ['--expose-gc', '--import=tsx', script, JSON.stringify({ request, steps })]
      const options = { env: { ...process.env, NODE_OPTIONS: '', ...env } }
      const { stdout } = await promisify(execFile)(process.execPath, args, options)
      const { tensors, resident, loss, seconds } = JSON.parse(stdout) as LeakAnswer
      if (long) console.log(`      ${JSON.stringify({ tensors, resident, loss, seconds })}`)
      expect(loss).to.be.below(0.1)
      expect(tensors[1]).to.equal(tensors[0])
      expect(resident[1] - resident[0]).to.be.below(slack)
    })
  }
})
