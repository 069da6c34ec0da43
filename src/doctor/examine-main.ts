/** The process that examines one engine on one device: opens it, checks it, and measures what it can do. */
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { checkEngine, matmulRate } from '../engine/choice/probe.js'
import { answer, inChild } from '../base/own-program.js'
import { cpuName, nvidiaGpus, openedAdapter } from '../engine/choice/gpus.js'
import type { Candidate } from '../engine/choice/wish.js'
import type { Engine } from '../engine/engine.js'
import { openEngine } from '../engine/choice/open.js'
import type { Examination } from './examine.js'
import { stepBatch, timeStep } from './training-step.js'

/** On a slower device than this a step of a whole batch would take many seconds. */
const slowGflops = 5
const smallBatch = 4

/** The native library's name and version, as it reports them. */
const nativeVersion = ({ name, versions }: Engine): string | null => {
  if (name === 'onnxruntime') {
    // The engine has loaded it already, as CommonJS.
    const { env } = createRequire(import.meta.url)('onnxruntime-node') as { env: { versions: { node?: string } } }
    return env.versions.node === undefined ? null : `ONNX Runtime ${env.versions.node}`
  }
  return versions['libtensorflow'] === undefined ? null : `TensorFlow ${versions['libtensorflow']}`
}

/** The name of the processor or GPU that it computes on. */
const deviceOf = ({ device, deviceIndex = 0 }: Candidate): Partial<Examination> => {
  if (device === 'cpu') return { on: cpuName() }
  if (device === 'cuda') {
    const names = nvidiaGpus()
    const name = names[deviceIndex] ?? 'NVIDIA GPU'
    return { on: names.length > 1 ? `${name} (${deviceIndex} of 0 to ${names.length - 1})` : name }
  }
  const adapter = openedAdapter()
  return { adapter, on: adapter.kind === 'software' ? `${adapter.name} (software, on ${cpuName()})` : adapter.name }
}

const timeStepOf = async (engine: Engine, gflops: number): Promise<Partial<Examination>> => {
  if (gflops >= slowGflops) return { stepMs: await timeStep(engine, stepBatch) }
  return { stepMs: (stepBatch / smallBatch) * (await timeStep(engine, smallBatch)), stepEstimated: true }
}

const work = async (argument: unknown): Promise<void> => {
  const candidate = argument as Candidate
  const say = (facts: Partial<Examination>): void => answer({ type: 'found', facts })
  const engine = await openEngine({ ...candidate, threads: availableParallelism() })
  await checkEngine(engine)
  say({ loads: true, native: nativeVersion(engine), ...deviceOf(candidate) })
  const { gflops, size } = await matmulRate(engine)
  say({ gflops, matmulSize: size })
  say(await timeStepOf(engine, gflops))
  await engine.release()
}

await inChild(work)
