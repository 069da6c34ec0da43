/** Compares every kernel's case on a WebGPU device with the reference, in a process of its own. Prints one line. */
import { type Engine, EngineError, type TensorFunction } from '../../src/engine/engine.js'
import { openEngine } from '../../src/engine/choice/open.js'
import { drawInputs, type KernelCase, relativeDistance } from './cases.js'
import { gradientsOf } from './kernel-cases/gradient.js'
import { discreteCases, smoothCases } from './kernel-cases.js'

export interface WebgpuKernels {
  readonly compared: number
  /** Title and how far it is off, or the error. */
  readonly differing: readonly string[]
}

/** WebGPU lets a device compute these with an absolute error of 2⁻¹¹. */
const approximate = /sin|cos|tan/
/** A device need not tell the logarithm of a negative number apart from a number. */
const undefinedThere = /^isNaN/

const outputsOf = async (engine: Engine, { title, fn, inputs }: KernelCase) => {
  const compiled = await engine.compile(title, fn, inputs)
  const outputs = await compiled.run(drawInputs(inputs, 5))
  await compiled.release()
  return outputs
}

const gpu = await openEngine({ engine: 'onnxruntime', device: 'webgpu', threads: 1 })
const reference = await openEngine({ engine: 'cpu', device: 'cpu', threads: 1 })

const difference = async (test: KernelCase): Promise<string | undefined> => {
  try {
    const [expected, actual] = [await outputsOf(reference, test), await outputsOf(gpu, test)]
    const worst = Math.max(
      ...Object.entries(expected).map(([name, values]) => relativeDistance(actual[name] ?? [], values)),
    )
    return worst < (approximate.test(test.title) ? 2 ** -11 : 1e-5) ? undefined : `${test.title}: ${worst}`
  } catch (error) {
    if (error instanceof EngineError) return `${test.title}: ${error.message}`
    throw error
  }
}

const gradients = smoothCases.map((test): KernelCase => {
  const fn: TensorFunction = gradientsOf(test)
  return { title: `the gradient of ${test.title}`, fn, inputs: test.inputs }
})
const cases = [...smoothCases, ...discreteCases, ...gradients].filter(({ title }) => !undefinedThere.test(title))
const differing: string[] = []
for (const test of cases) {
  const found = await difference(test)
  if (found !== undefined) differing.push(found)
}
process.stdout.write(`${JSON.stringify({ compared: cases.length, differing } satisfies WebgpuKernels)}\n`, () =>
  process.exit(0),
)
