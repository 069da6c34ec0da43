/**
 * Why a worker ended as it did, in a sentence, with what to do about it: crashes may be tried again, the rest may not.
 */
import { durationText, sizeText } from '../../dsl/amounts.js'
import { diskFullHint, diskFullText, saysDiskFull } from '../store/disk-full.js'
import { StageError, type ThrownError, WorkerCrash } from '../errors.js'
import { sentenceOf } from '../../base/errors.js'
import { messageDescriptor } from '../../base/own-program.js'
import type { StageFailure } from '../events.js'
import type { Job } from './job.js'
import { type Exhausted, exhaustedBy, type MemoryBounds, smallerBatch } from './worker-memory.js'

/** How a worker's process ended, and what was seen of it before. */
interface WorkerEnd {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** What it printed last. */
  readonly tail: string
  /** What was thrown where nobody waited for it. */
  readonly thrown?: ThrownError
  /** Resident memory of its processes when last seen. */
  readonly rssBytes?: number
  /** When it started, and now. */
  readonly before: MemoryBounds
  readonly after: MemoryBounds
}

const maxSaid = 200
/** A worker that was killed with so much of the memory in use was most likely killed for it. */
const nearlyAll = 0.85

/** The line of a crash report that says what happened: the error itself, else the last line that is no stack frame. */
const lastWords = (tail: string): string | undefined => {
  const lines = tail
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !/^(at |\d+: 0x|-----|Node\.js v|\^+$|node:|file:)/.test(line))
  const line = lines.findLast((candidate) => /\b(error|fatal|abort)/i.test(candidate)) ?? lines.at(-1)
  return line === undefined || line.length <= maxSaid ? line : `${line.slice(0, maxSaid)}…`
}

const memoryWords: Readonly<Record<Exhausted, string>> = {
  heap: "V8's heap is full",
  process: "the machine's memory is full, or this process may have no more",
  gpu: "the GPU's memory is full",
  'gpu-lost': 'the GPU was lost, which want of memory or its driver may have caused',
}

const memoryHint = (exhausted: Exhausted, params: object): string =>
  exhausted === 'heap'
    ? `NODE_OPTIONS=--max-old-space-size=8192 gives the heap 8 GiB; ${smallerBatch(params)}`
    : smallerBatch(params)

const usedText = ({ rssBytes, after }: WorkerEnd): string =>
  rssBytes === undefined ? '' : `; it used ${sizeText(rssBytes)} of ${sizeText(after.bytes)} when last seen`

/** No worker could be started. Where that is for want of room on the disk, another attempt would find it as full. */
export const explainStart = (cause: unknown, folder: string): StageError | WorkerCrash => {
  const said = sentenceOf(cause)
  return saysDiskFull(said)
    ? new StageError({
        message: `${diskFullText(folder)}, so no worker can be started: ${said}`,
        hint: diskFullHint,
        cause,
      })
    : new WorkerCrash({ message: `cannot start a worker: ${said}`, cause })
}

/** The worker's process is gone and has left no result. */
export const explainEnd = (end: WorkerEnd, params: object): StageError | WorkerCrash => {
  const { code, signal, tail, thrown, rssBytes, before, after } = end
  const words = lastWords(thrown === undefined ? tail : (thrown.stack ?? thrown.message))
  const said = words === undefined ? '' : `: ${words}`
  // All that it printed, for those who ask for stack traces.
  const cause = { ...(tail.trim() === '' ? {} : { cause: tail.trim() }), ...(thrown === undefined ? {} : { thrown }) }
  const ended = signal === null ? `exit code ${code}` : `signal ${signal}`
  const exhausted = exhaustedBy(tail)
  if (exhausted === 'gpu-lost') {
    const message = `the worker ended without a result (${ended}): ${memoryWords[exhausted]}${said}`
    return new WorkerCrash({ message, hint: smallerBatch(params), ...cause })
  }
  if (exhausted !== undefined) {
    const message = `the worker ran out of memory (${ended}): ${memoryWords[exhausted]}${usedText(end)}${said}`
    return new StageError({ message, hint: memoryHint(exhausted, params), ...cause })
  }
  if (signal === 'SIGKILL' || code === 137) {
    const counted = (after.kills ?? 0) > (before.kills ?? 0)
    if (counted || (rssBytes ?? 0) >= nearlyAll * after.bytes) {
      const by = counted ? 'the kernel ended it' : 'it was killed (SIGKILL) when hardly any was left'
      const message = `the worker ran out of memory: ${by}${usedText(end)}`
      return new StageError({
        message,
        hint: `${smallerBatch(params)}; fewer --jobs share the memory between fewer stages`,
        ...cause,
      })
    }
    return new WorkerCrash({ message: `the worker was killed by another process (SIGKILL)${usedText(end)}`, ...cause })
  }
  const message = `the worker ended without a result (${ended})${said}`
  // It ended itself, so it would again.
  return code === 0 ? new StageError({ message, ...cause }) : new WorkerCrash({ message, ...cause })
}

/** The stage itself said what went wrong. */
export const explainFailed = (thrown: StageFailure, job: Job): StageError | WorkerCrash => {
  const { message, hint } = thrown
  if (saysDiskFull(message)) {
    const text = `${diskFullText(job.outDir)}, so the stage cannot write its result: ${message}`
    return new StageError({ message: text, hint: diskFullHint, thrown })
  }
  const exhausted = exhaustedBy(message)
  if (exhausted === undefined) return new StageError({ message, ...(hint === undefined ? {} : { hint }), thrown })
  const words = message.length > maxSaid * 2 ? `${message.slice(0, maxSaid * 2)}…` : message
  const said = `${memoryWords[exhausted]}: ${words}`
  return exhausted === 'gpu-lost'
    ? new WorkerCrash({ message: said, hint: smallerBatch(job.params), thrown })
    : new StageError({ message: `out of memory: ${said}`, hint: hint ?? memoryHint(exhausted, job.params), thrown })
}

const resumesText = (hasCheckpoint: boolean): string =>
  hasCheckpoint ? 'the next run goes on from its checkpoint' : 'it left no checkpoint, so the next run begins anew'

/** It computed longer than it may, and was interrupted. */
export const explainTimeout = (ms: number, hasCheckpoint: boolean): StageError =>
  new StageError({
    message: `it was interrupted at its limit of ${durationText(ms)}; ${resumesText(hasCheckpoint)}`,
    hint: 'run again to go on, or raise --stage-timeout (in the definition: timeout)',
  })

/** Its processes used more memory than they may, and were interrupted. */
export const explainOverMemory = (bytes: number, limit: number, hasCheckpoint: boolean, params: object): StageError =>
  new StageError({
    message:
      `out of memory: its worker used ${sizeText(bytes)}, more than the ${sizeText(limit)} of --memory, ` +
      `and was interrupted; ${resumesText(hasCheckpoint)}`,
    hint: `raise --memory, or ${smallerBatch(params)}`,
  })

/** It neither said anything nor used the processor. */
export const explainSilence = (ms: number): WorkerCrash =>
  new WorkerCrash({
    message: `the worker hung: for ${durationText(ms)} it said nothing and used no processor time, so it was ended`,
    hint: '--silence says how long a worker may be silent',
  })

/** The stage's code wrote on the worker's channel. */
export const explainStrange = (value: unknown): StageError =>
  new StageError({
    message: `its code wrote to descriptor ${messageDescriptor}, on which the worker tells how it goes: ${(JSON.stringify(value) ?? '').slice(0, 60)}`,
    hint: 'what a stage prints belongs on stdout or stderr',
  })
