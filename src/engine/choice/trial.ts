/** Whether an engine works on a device: tried in a process of its own. */
import { runChild } from '../../base/own-program.js'
import { type Failure, failureOf, withDevice } from './failure.js'
import type { Adapter } from './gpus.js'
import type { Candidate } from './wish.js'

/**
 * How long a library may take to give a sign of life, in milliseconds: what `$GENEPOOL_PATIENCE` says in seconds, else
 * the given number of seconds. A GPU's first start may compile for minutes.
 */
export const patienceMs = (seconds: number): number => {
  const wanted = Number(process.env['GENEPOOL_PATIENCE'])
  return 1_000 * (Number.isFinite(wanted) && wanted > 0 ? wanted : seconds)
}

export type Trial =
  | {
      readonly loads: true
      /** What WebGPU computes on. */
      readonly adapter?: Adapter
      /** How many times as fast as the CPU it multiplies matrices, where the adapter's kind is unknown. */
      readonly speedup?: number
    }
  | ({ readonly loads: false } & Failure)

/** What the process of a trial answers. */
export type TrialAnswer =
  | ({ readonly type: 'works' } & Omit<Extract<Trial, { loads: true }>, 'loads'>)
  | { readonly type: 'failed'; readonly message: string }

const usualSeconds = 20

/** Tries it. Rejects only when `signal` aborts. */
export const tryEngine = async (candidate: Candidate, signal?: AbortSignal): Promise<Trial> => {
  let works: Extract<TrialAnswer, { type: 'works' }> | undefined
  let message: string | undefined
  const end = await runChild({
    beside: import.meta.url,
    script: 'trial-bin',
    argument: candidate,
    timeoutMs: patienceMs(usualSeconds),
    signal,
    onAnswer: (given) => {
      const answer = given as TrialAnswer
      if (answer.type === 'works') works = answer
      else if (answer.type === 'failed') message = answer.message
    },
  })
  // An engine that computes and then crashes at the end of its process would take a finished stage with it.
  if (works === undefined || end.code !== 0) {
    return { loads: false, ...withDevice(candidate, failureOf(candidate, end, message)) }
  }
  const { type: _, ...facts } = works
  return { loads: true, ...facts }
}
