/** What the tests ask of a WebGPU device, in a process whose environment names the adapter. Prints one line. */
import * as tf from '@tensorflow/tfjs-core'
import type { Engine, TensorFunction, TensorSpec } from '../../src/engine/engine.js'
import { openEngine } from '../../src/engine/choice/open.js'
import { repeated, stateOf } from '../../src/engine/state.js'

const pieces = 40

/** Each piece `[index + 1]`, joined; the gradient of a weighted sum of the whole by every piece, joined again. */
const joined: TensorFunction = (inputs) => {
  const parts = Array.from({ length: pieces }, (_, index) => inputs[`p${index}`])
  const whole = (...given: tf.Tensor[]) => tf.concat(given.map((part, index) => tf.mul(part, index + 1)))
  const gradients = tf.grads((...given) => tf.sum(tf.square(whole(...given))))(parts)
  return {
    whole: whole(...parts),
    gradients: tf.concat(gradients),
    stacked: tf.stack(parts.map((part) => tf.sum(part))),
    sum: tf.addN(parts.map((part) => tf.sum(part))),
  }
}
const joinedSpecs = Object.fromEntries(
  Array.from({ length: pieces }, (_, index) => [`p${index}`, { shape: [index + 1], dtype: 'float32' } as const]),
)
const joinedValues = Object.fromEntries(
  Array.from({ length: pieces }, (_, index) => [
    `p${index}`,
    Float32Array.from({ length: index + 1 }, (_, at) => Math.sin(index + at)),
  ]),
)

const vector: TensorSpec = { shape: [4], dtype: 'float32' }
const specs = { theta: vector, factor: vector, x: vector }
const grow: TensorFunction = ({ theta, factor, x }) => ({
  theta: tf.add(tf.mul(theta, factor), x),
  sum: tf.sum(theta),
})
const names = ['theta', 'factor']

/** Three single calls, one call of two, a value set from outside, another function, and what is left. */
const stateful = async (engine: Engine) => {
  const states = stateOf(engine)
  const state = states.open({ theta: vector, factor: vector })
  await state.set({ theta: Float32Array.of(1, 2, 3, 4), factor: Float32Array.of(0.5, 1, 2, -1) })
  const one = await states.compile('grow', grow, specs, names)
  const two = repeated(grow, specs, 2, names)
  const both = await states.compile('grow twice', two.fn, two.inputs, names)
  const halve = await states.compile('halve', (i) => ({ theta: tf.div(i['theta'], 2) }), { theta: vector }, ['theta'])
  const sums: number[] = []
  const x = Float32Array.of(1, 0, -1, 0.25)
  for (let call = 0; call < 3; call++) sums.push(...(await one.run(state, { x }))['sum'])
  sums.push(...(await both.run(state, { x: Float32Array.from([...x, ...x]) }))['sum'])
  await state.set({ factor: Float32Array.of(1, 1, 1, 1) })
  await halve.run(state, {})
  // The function that made what the state holds may go before the state.
  await halve.release()
  sums.push(...(await one.run(state, { x }))['sum'])
  const { theta, factor } = await state.get()
  return { sums, theta: [...theta], factor: [...factor] }
}

/** Resident memory in MiB after so many calls. */
const memoryOver = async (engine: Engine, counts: readonly number[]): Promise<number[]> => {
  const states = stateOf(engine)
  const big: TensorSpec = { shape: [256, 1024], dtype: 'float32' }
  const state = states.open({ theta: big })
  await state.set({ theta: new Float32Array(256 * 1024) })
  const step = await states.compile('add', (i) => ({ theta: tf.add(i['theta'], 1) }), { theta: big }, ['theta'])
  const measured: number[] = []
  let done = 0
  for (const count of counts) {
    for (; done < count; done++) await step.run(state, {})
    measured.push(process.memoryUsage.rss() / 2 ** 20)
  }
  return [...measured, (await state.get('theta'))['theta'][0]]
}

const arraysOf = async (engine: Engine) => {
  const compiled = await engine.compile('joined', joined, joinedSpecs)
  const results = await compiled.run(joinedValues)
  return Object.fromEntries(Object.entries(results).map(([name, values]) => [name, [...values]]))
}

export interface WebgpuAnswer {
  readonly resident: boolean
  readonly joined: Readonly<Record<string, readonly number[]>>
  readonly expectedJoined: Readonly<Record<string, readonly number[]>>
  readonly state: Awaited<ReturnType<typeof stateful>>
  readonly expectedState: Awaited<ReturnType<typeof stateful>>
  readonly memory: readonly number[]
}

const [gpu, reference] = await Promise.all([
  openEngine({ engine: 'onnxruntime', device: 'webgpu', threads: 1 }),
  openEngine({ engine: 'cpu', device: 'cpu', threads: 1 }),
])
const answer: WebgpuAnswer = {
  resident: gpu.resident !== undefined,
  joined: await arraysOf(gpu),
  expectedJoined: await arraysOf(reference),
  state: await stateful(gpu),
  expectedState: await stateful(reference),
  memory: await memoryOver(gpu, [50, 250]),
}
// States that are still open go with the engine.
await gpu.release()
process.stdout.write(`${JSON.stringify(answer)}\n`)
