/**
 * What a run does about workers that crash, take too long, take too much memory or go silent. No part of any identity.
 */
import { durationWords, parseDuration, parseSize, sizeWords } from '../../dsl/amounts.js'
import type { PipelineNode, StageNode } from '../../dsl/nodes.js'
import type { StageGraph } from '../definition/stage-graph.js'
import { UsageError } from '../errors.js'
import { canMeasureProcesses } from './process-tree.js'

export interface FailurePolicy {
  /** How often a stage whose worker crashed is tried again. */
  readonly retries: number
  /** Before the first retry; each further one waits twice as long. */
  readonly retryDelayMs: number
  /** How long a stage may compute, all its attempts together; undefined sets no limit. */
  readonly stageTimeoutMs?: number
  /** Resident memory of a worker with all processes that it started; undefined sets no limit. */
  readonly memoryBytes?: number
  /** A worker that for so long neither says anything nor uses the processor is taken for hung. */
  readonly silenceMs: number
}

/**
 * Two retries: of what kills a worker once in a month (a driver's hiccup, somebody's `kill`), hardly anything does so
 * three times in a row; what does is no accident, and a third try would only say so later. No limit of time and memory:
 * what is much for one experiment is little for another, and a wrong guess would end sound work.
 */
export const defaultPolicy: FailurePolicy = { retries: 2, retryDelayMs: 1_000, silenceMs: 600_000 }

/** The policy in the words of the command line and of `runPipeline`. */
export interface PolicyWords {
  readonly retries?: number
  readonly retryDelay?: string
  readonly stageTimeout?: string
  readonly memory?: string
  readonly silence?: string
}

/** Throws a UsageError that names the word, in the spelling of `name`. */
export const readPolicy = (words: PolicyWords, name: (word: keyof PolicyWords) => string): FailurePolicy => {
  const wrong = (word: keyof PolicyWords, expected: string): UsageError =>
    new UsageError({ message: `${name(word)} is ${JSON.stringify(words[word])}; it must be ${expected}` })
  const read = <W extends Exclude<keyof PolicyWords, 'retries'>>(
    word: W,
    parse: (text: unknown) => number | undefined,
    expected: string,
  ): number | undefined => {
    if (words[word] === undefined) return undefined
    const value = parse(words[word])
    if (value === undefined) throw wrong(word, expected)
    return value
  }
  const { retries = defaultPolicy.retries } = words
  if (!Number.isSafeInteger(retries) || retries < 0) throw wrong('retries', 'a whole number, 0 or more')
  const stageTimeoutMs = read('stageTimeout', parseDuration, durationWords)
  const memoryBytes = read('memory', parseSize, sizeWords)
  if (memoryBytes !== undefined && !canMeasureProcesses) {
    throw new UsageError({
      message: `${name('memory')} cannot be kept on ${process.platform}: what a worker uses is measured on Linux alone`,
    })
  }
  return {
    retries,
    retryDelayMs: read('retryDelay', parseDuration, durationWords) ?? defaultPolicy.retryDelayMs,
    silenceMs: read('silence', parseDuration, durationWords) ?? defaultPolicy.silenceMs,
    ...(stageTimeoutMs === undefined ? {} : { stageTimeoutMs }),
    ...(memoryBytes === undefined ? {} : { memoryBytes }),
  }
}

/** Of `distill/tiny`: what is said of it, of `distill`, of every stage. */
const timeoutIn = ({ timeouts }: PipelineNode, name: string): number | undefined =>
  timeouts?.[name] ?? timeouts?.[name.split('/')[0]!] ?? timeouts?.['']

/**
 * How long each stage may compute, in milliseconds: what the definition says of it, else the run's own limit. Cells
 * that share a stage may give it different limits: it has the longest.
 */
export const stageTimeouts = (
  graph: StageGraph,
  runMs: number | undefined,
): ((node: StageNode) => number | undefined) => {
  const longest = new Map<StageNode, number>()
  for (const { pipeline, stages } of graph.cells) {
    if (pipeline.timeouts === undefined) continue
    for (const [name, node] of stages) {
      const ms = timeoutIn(pipeline, name)
      if (ms !== undefined) longest.set(node, Math.max(ms, longest.get(node) ?? 0))
    }
  }
  return (node) => longest.get(node) ?? runMs
}
