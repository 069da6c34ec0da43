import { expect } from 'chai'
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { EngineOptions } from '../../src/engine/request.js'
import { referenceVit } from '../stages/reference-vit.js'
import type { ParityAnswer } from './parity-child.js'
import { fixtureLogits, images, type Measured, models, startValues, steps } from './parity-models.js'
import { softwareAdapter } from './webgpu-adapter.js'

interface Candidate {
  readonly name: string
  readonly request: EngineOptions
  /** Loads wherever the packages are installed: it fails the test where it does not. */
  readonly required: boolean
  readonly env?: Readonly<Record<string, string>>
  /** What a second process computes again. */
  readonly again: readonly string[]
}

const every = Object.keys(models)
const first = every.slice(0, 1)
const adapter = softwareAdapter()

const candidate = (
  name: string,
  engine: EngineOptions['engine'],
  device: EngineOptions['device'],
  given: Partial<Candidate> & { readonly threads?: number } = {},
): Candidate => {
  const { threads = 1, ...rest } = given
  return { name, request: { engine, device, threads }, required: false, again: every, ...rest }
}

/** What takes longest first; compiling shaders on a processor takes half a minute. */
const candidates: readonly Candidate[] = [
  candidate('onnxruntime, webgpu', 'onnxruntime', 'webgpu', {
    again: first,
    ...(adapter === undefined ? {} : { required: true, env: adapter.env }),
  }),
  candidate('cpu', 'cpu', 'cpu', { required: true, again: first }),
  candidate('onnxruntime, cpu, one thread', 'onnxruntime', 'cpu', { required: true }),
  candidate('onnxruntime, cpu, two threads', 'onnxruntime', 'cpu', { required: true, threads: 2 }),
  candidate('onnxruntime, cuda', 'onnxruntime', 'cuda'),
  candidate('tensorflow, cpu', 'tensorflow', 'cpu'),
  candidate('tensorflow, cuda', 'tensorflow', 'cuda'),
]

const script = fileURLToPath(new URL('./parity-child.ts', import.meta.url))
const patience = 240_000

/** The answer of a process of its own; a native library prints what it likes, and may end the process. */
const ask = ({ request, env }: Candidate, names: readonly string[]): Promise<ParityAnswer> =>
  new Promise((resolve) => {
    const task = JSON.stringify({ request, models: names })
    const options = { env: { ...process.env, NODE_OPTIONS: '', ...env }, timeout: patience, maxBuffer: 2 ** 26 }
    execFile(process.execPath, ['--import=tsx', script, task], options, (error, stdout, stderr) => {
      const line = stdout.split('\n').find((text) => text.startsWith('{'))
      if (line !== undefined) resolve(JSON.parse(line) as ParityAnswer)
      else resolve({ reason: `its process ended (${error?.signal ?? error?.code}): ${stderr.trim().slice(-2_000)}` })
    })
  })

/** The tasks' results in their order, two at a time. */
const twoAtATime = async <T>(tasks: readonly (() => Promise<T>)[]): Promise<readonly T[]> => {
  const results: T[] = []
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < tasks.length) {
      const index = next++
      results[index] = await tasks[index]()
    }
  }
  await Promise.all([worker(), worker()])
  return results
}

/** The largest difference as a share of the largest value. */
const distance = (actual: readonly number[], expected: readonly number[]): number => {
  expect(actual.length).to.equal(expected.length)
  const largest = Math.max(...expected.map(Math.abs))
  return Math.max(...expected.map((value, index) => Math.abs(actual[index] - value))) / largest
}

describe('every engine and device', function () {
  this.timeout(2 * patience)
  const loaded = new Map<string, { readonly one: Measured; readonly other: Measured }>()

  before(async () => {
    const tasks = candidates.flatMap((given) => [() => ask(given, every), () => ask(given, given.again)])
    const answers = await twoAtATime(tasks)
    candidates.forEach(({ name, required }, index) => {
      const [one, other] = answers.slice(2 * index, 2 * index + 2)
      const failed = [one, other].find((answer) => 'reason' in answer)
      if (failed === undefined) {
        loaded.set(name, {
          one: (one as { measured: Measured }).measured,
          other: (other as { measured: Measured }).measured,
        })
      } else if (required) {
        throw new Error(`${name} does not load: ${failed.reason}`)
      } else {
        console.log(`    not compared: ${name}: ${failed.reason.split('\n')[0]}`)
      }
    })
  })

  it('gives the logits of the method’s fixture', () => {
    for (const [name, { one }] of loaded) {
      expect(distance(one.fixture, fixtureLogits), name).to.be.below(1e-5)
    }
  })

  for (const [model, config] of Object.entries(models)) {
    it(`gives the logits of double precision within 1e-4: ${model}`, () => {
      const values = startValues(config)
      const expected = images(config).flatMap((image) => referenceVit(config, values, image).logits)
      for (const [name, { one }] of loaded) {
        expect(distance(one.models[model].logits, expected), name).to.be.below(1e-4)
      }
    })

    it(`gives the reference's losses over ${steps} steps within 1e-3: ${model}`, () => {
      const expected = loaded.get('cpu')!.one.models[model].losses
      expect(expected.length).to.equal(steps)
      expect(expected.at(-1)).to.be.below(expected[0] / 2)
      for (const [name, { one }] of loaded) {
        one.models[model].losses.forEach((loss, index) => {
          expect(Math.abs(loss / expected[index] - 1), `${name}, step ${index + 1}`).to.be.below(1e-3)
        })
      }
    })
  }

  it('gives identical parameters and losses in another process', () => {
    for (const [name, { one, other }] of loaded) {
      expect(Object.keys(other.models), name).to.not.equal([])
      for (const [model, again] of Object.entries(other.models)) {
        expect(again, `${name}: ${model}`).to.deep.equal(one.models[model])
      }
    }
  })
})
