/** The process of a trial: opens the engine, checks what it computes, says what it computes on. */
import { answer, inChild } from '../../base/own-program.js'
import { openedAdapter } from './gpus.js'
import { openEngine } from './open.js'
import { checkEngine, matmulRate } from './probe.js'
import type { TrialAnswer } from './trial.js'
import type { Candidate } from './wish.js'

/** Large enough that a GPU is ahead, small enough for a CPU that emulates one. */
const compareAt = 512

const speedupOver = async (gpu: number): Promise<number> => {
  const engine = await openEngine({ engine: 'onnxruntime', device: 'cpu', threads: 1 })
  const { gflops } = await matmulRate(engine, compareAt)
  return gpu / gflops
}

const work = async (argument: unknown): Promise<void> => {
  const candidate = argument as Candidate
  const engine = await openEngine({ ...candidate, threads: 1 })
  await checkEngine(engine)
  let facts: Omit<Extract<TrialAnswer, { type: 'works' }>, 'type'> = {}
  if (candidate.device === 'webgpu') {
    const adapter = openedAdapter()
    const known = adapter.kind !== 'unknown'
    const speed = known ? {} : { speedup: await speedupOver((await matmulRate(engine, compareAt)).gflops) }
    facts = { adapter, ...speed }
  }
  await engine.release()
  answer({ type: 'works', ...facts } satisfies TrialAnswer)
}

export const runTrial = (): Promise<void> => inChild(work)
