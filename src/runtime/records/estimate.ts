/** How long stages are expected to take, by what such stages took before, and a run of them. */
import type { StageNode } from '../../dsl/nodes.js'
import type { PlannedStage, RunEstimate } from '../events.js'
import type { PreparedStage } from '../plan/prepare.js'
import type { Store } from '../store/store.js'
import {
  machineKey,
  paramsKey,
  readTimes,
  shareAfter,
  type StageTime,
  type TimedHere,
  timedKind,
  wholeKey,
  workOf,
  workRatio,
} from './stage-times.js'

/** A stage as far as its time depends on it. */
interface TimedStage {
  readonly node: StageNode
  readonly kind: { readonly usesEngine: boolean }
}

/** The newest so many count: what is older was another version of the code. */
const mostCounted = 7

const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** The newest times of one sort. */
interface Newest {
  readonly here: StageTime[]
  readonly anywhere: StageTime[]
}

const keep = (times: StageTime[], time: StageTime): void => {
  times.push(time)
  if (times.length > mostCounted) times.shift()
}

const engineKey = ({ engine, device }: TimedHere['engine']): string => `${engine}/${device}`

/** Under which sorts a time is found, the most telling first. An engine's times say nothing of another's. */
const sortsOf = (time: Omit<StageTime, 'work' | 'machine' | 'fingerprint' | 'ms' | 'end' | 'resumes'>): string[] => {
  const on = time.engine ?? '-'
  return [
    // The same stage, reading the same.
    `whole ${on} ${time.whole}`,
    // The same stage, reading something else, or by records that do not say what.
    `params ${on} ${time.params}`,
    // What has its name in its definition, with other parameters.
    `name ${on} ${time.kind} ${time.stage} ${time.definition}`,
    `kind ${on} ${time.kind}`,
  ]
}

/**
 * How long a stage is expected to take: the median of what the most similar stages took on this engine, on this machine
 * where that is known. Nothing is read until the first stage is asked for, so a run with nothing to do reads nothing.
 */
export class ExpectedTimes {
  readonly #read: () => readonly StageTime[]
  readonly #here: TimedHere
  #sorts: Map<string, Newest> | undefined

  /** `read` gives all times, oldest first; it is called once, when the first stage is asked for. */
  constructor(read: () => readonly StageTime[], here: TimedHere) {
    this.#read = read
    this.#here = here
  }

  /** The history that the store holds. One that cannot be read is an empty one. */
  static open(store: Store['Service'], here: TimedHere): ExpectedTimes {
    return new ExpectedTimes(() => {
      try {
        return readTimes(store)
      } catch {
        return []
      }
    }, here)
  }

  /** Milliseconds; undefined where nothing like it has run. */
  expectedMs({ node, kind }: TimedStage): number | undefined {
    const sorts = (this.#sorts ??= this.#sort())
    const { definition, engine } = this.#here
    const keys = sortsOf({
      kind: timedKind(node),
      stage: node.name,
      definition,
      params: paramsKey(node),
      whole: wholeKey(node),
      engine: kind.usesEngine ? engineKey(engine) : null,
    })
    const work = workOf(node)
    for (const [at, key] of keys.entries()) {
      const newest = sorts.get(key)
      if (newest === undefined) continue
      const times = newest.here.length > 0 ? newest.here : newest.anywhere
      return Math.round(median(times.map((time) => (at === 0 ? time.ms : time.ms * workRatio(work, time.work)))))
    }
    return undefined
  }

  #sort(): Map<string, Newest> {
    const machine = machineKey(this.#here.machine)
    const sorts = new Map<string, Newest>()
    for (const time of this.#read()) {
      for (const key of sortsOf(time)) {
        let newest = sorts.get(key)
        if (newest === undefined) sorts.set(key, (newest = { here: [], anywhere: [] }))
        keep(newest.anywhere, time)
        if (time.machine === machine) keep(newest.here, time)
      }
    }
    return sorts
  }
}

export interface EstimatedStage {
  readonly ms: number
  /** Indices of the stages that have to be done before. */
  readonly after: readonly number[]
  /** A slot of which there are `jobs`, one of its own, or none beside it. */
  readonly slot: 'cpu' | 'gpu' | 'alone'
  /** Where several could start, the lowest goes first. */
  readonly rank: number
}

/** Takes the item of the lowest rank out. */
const takeLowest = (waiting: number[], rankOf: (index: number) => number): number => {
  let best = 0
  for (let at = 1; at < waiting.length; at++) if (rankOf(waiting[at]!) < rankOf(waiting[best]!)) best = at
  const [index] = waiting.splice(best, 1)
  return index!
}

/** Milliseconds from the first start to the last end, each slot taking the next stage as soon as both are free. */
export const makespan = (stages: readonly EstimatedStage[], jobs: number): number => {
  const left = stages.map(({ after }) => after.length)
  const next: number[][] = stages.map(() => [])
  stages.forEach(({ after }, index) => after.forEach((before) => next[before]!.push(index)))
  const ready: Record<EstimatedStage['slot'], number[]> = { cpu: [], gpu: [], alone: [] }
  const free = { cpu: jobs, gpu: 1, alone: 1 }
  const running: { index: number; end: number }[] = []
  const rankOf = (index: number): number => stages[index]!.rank
  let now = 0
  const arrive = (first: number): void => {
    const pending = [first]
    for (let index = pending.pop(); index !== undefined; index = pending.pop()) {
      const { slot, ms } = stages[index]!
      // What takes no time takes no slot: cached stages, in the thousands.
      if (ms > 0) ready[slot].push(index)
      else pending.push(...next[index]!.filter((each) => --left[each]! === 0))
    }
  }
  const start = (slot: EstimatedStage['slot']): void => {
    const index = takeLowest(ready[slot], rankOf)
    free[slot] -= 1
    running.push({ index, end: now + stages[index]!.ms })
  }
  stages.forEach(({ after }, index) => {
    if (after.length === 0) arrive(index)
  })
  for (;;) {
    for (const slot of ['cpu', 'gpu'] as const)
      while (free.alone > 0 && free[slot] > 0 && ready[slot].length > 0) start(slot)
    if (running.length === 0 && ready.alone.length > 0) start('alone')
    if (running.length === 0) return now
    now = Math.min(...running.map(({ end }) => end))
    for (const { index, end } of running.splice(0)) {
      if (end > now) {
        running.push({ index, end })
        continue
      }
      free[stages[index]!.slot] += 1
      for (const each of next[index]!) if (--left[each]! === 0) arrive(each)
    }
  }
}

export interface PlanEstimate extends RunEstimate {
  /** By name, of stages that run or may and of which something is known. */
  readonly expected: ReadonlyMap<string, number>
}

interface EstimateOptions {
  readonly jobs: number
  readonly device: string
  readonly rankOf: (node: StageNode) => number
}

/** Undefined where nothing is to run. `stages` and `planned` are in the same order, inputs first. */
export const estimateRun = (
  stages: readonly PreparedStage[],
  planned: readonly PlannedStage[],
  times: Pick<ExpectedTimes, 'expectedMs'>,
  { jobs, device, rankOf }: EstimateOptions,
): PlanEstimate | undefined => {
  if (planned.every(({ status }) => status === 'cached')) return undefined
  const expected = new Map<string, number>()
  let unknown = 0
  planned.forEach(({ stage, status, reasons }, index) => {
    if (status === 'cached') return
    const prepared = stages[index]!
    const ms = times.expectedMs(prepared)
    const shorter = reasons.find((reason) => reason.type === 'goes-on')
    const share = shorter === undefined ? 1 : shareAfter(shorter.at, prepared.kind, prepared.node.params)
    if (ms === undefined) unknown += 1
    else expected.set(stage, Math.round(ms * share))
  })
  const places = new Map(stages.map(({ node }, index) => [node, index]))
  const total = (counts: (planned: PlannedStage) => boolean): number =>
    makespan(
      stages.map(({ node, kind }, index): EstimatedStage => ({
        ms: counts(planned[index]!) ? (expected.get(node.name) ?? 0) : 0,
        after: Object.values(node.inputs).map((from) => places.get(from)!),
        slot: kind.exclusive === true ? 'alone' : device !== 'cpu' && kind.usesEngine ? 'gpu' : 'cpu',
        rank: rankOf(node),
      })),
      jobs,
    )
  const leastMs = total(({ status }) => status === 'run')
  const hasMaybe = planned.some(({ status }) => status === 'maybe')
  return { jobs, leastMs, mostMs: hasMaybe ? total(() => true) : leastMs, unknown, expected }
}

/** For events: without the stages. */
export const estimateOf = ({ expected: _, ...estimate }: PlanEstimate): RunEstimate => estimate
