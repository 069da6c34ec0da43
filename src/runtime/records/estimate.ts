/** How long stages are expected to take, by what such stages took before, and a run of them. */
import type { StageNode } from '../../dsl/nodes.js'
import type { PlannedStage, RunEstimate } from '../events.js'
import type { ImagesOf } from '../plan/foresee.js'
import type { PreparedStage } from '../plan/prepare.js'
import type { StageKind } from '../stage-contract.js'
import type { Store } from '../store/store.js'
import {
  machineKey,
  paramsKey,
  readTimes,
  shareAfter,
  type StageTime,
  type TimedHere,
  wholeKey,
} from './stage-times.js'
import { type PhaseTime, type StageWork, timedKind, workOf, workRatio } from './stage-work.js'

/** A stage as far as its time depends on it. */
interface TimedStage {
  readonly node: StageNode
  readonly kind: Pick<StageKind, 'usesEngine' | 'work'>
}

/** How long a stage is expected to take. */
export interface ExpectedTime {
  readonly ms: number
  /** What of it is spent in the steps of each phase. */
  readonly phases: ReadonlyMap<string, number>
}

/** The newest so many count: what is older was another version of the code. */
const mostCounted = 7

/** Of an even number the mean of the two in the middle, with the phases of the lower one. */
const median = (times: readonly ExpectedTime[]): ExpectedTime => {
  const sorted = [...times].sort((a, b) => a.ms - b.ms)
  const [low, high] = [sorted[(sorted.length - 1) >> 1]!, sorted[sorted.length >> 1]!]
  return { ms: Math.round((low.ms + high.ms) / 2), phases: low.phases }
}

/** What a stage took. */
const asBefore = ({ ms, phases = [] }: StageTime): ExpectedTime => ({
  ms,
  phases: new Map(phases.map((phase) => [phase.phase, phase.ms])),
})

/** What a stage with the work `wanted` takes, by what this one took. */
const scaled = ({ ms, phases = [], work, engine }: StageTime, wanted: StageWork): ExpectedTime => {
  const ratio = (phase: PhaseTime): number => (work === undefined ? 1 : workRatio(wanted, work, phase, engine))
  const inSteps = phases.reduce((sum, phase) => sum + phase.ms, 0)
  const expected = new Map(phases.map((phase) => [phase.phase, phase.ms * ratio(phase)]))
  const total = [...expected.values()].reduce((sum, each) => sum + each, Math.max(0, ms - inSteps))
  return { ms: Math.round(total), phases: expected }
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
const sortsOf = (
  time: Pick<StageTime, 'kind' | 'stage' | 'definition' | 'params' | 'whole' | 'engine'>,
): readonly string[] => {
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
 * How long stages are expected to take: the median of what the most similar stages took on this engine, on this machine
 * where that is known. Nothing is read until the first stage is asked for, so a run with nothing to do reads nothing.
 */
export class ExpectedTimes {
  readonly #read: () => readonly StageTime[]
  readonly #here: TimedHere
  readonly #machine: string
  readonly #images: ImagesOf
  #sorts: Map<string, Newest> | undefined

  /** `read` gives all times, oldest first; it is called once, when the first stage is asked for. */
  constructor(read: () => readonly StageTime[], here: TimedHere, images: ImagesOf) {
    this.#read = read
    this.#here = here
    this.#machine = machineKey(here.machine)
    this.#images = images
  }

  /** The history that the store holds. One that cannot be read is an empty one. */
  static open(store: Store['Service'], here: TimedHere, images: ImagesOf): ExpectedTimes {
    const read = (): readonly StageTime[] => {
      try {
        return readTimes(store)
      } catch {
        return []
      }
    }
    return new ExpectedTimes(read, here, images)
  }

  /** Undefined where nothing like it has run. */
  expected({ node, kind }: TimedStage): ExpectedTime | undefined {
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
    const [same] = keys
    for (const key of keys) {
      const newest = sorts.get(key)
      if (newest === undefined) continue
      const times = newest.here.length > 0 ? newest.here : newest.anywhere
      const work = workOf({ node, kind }, this.#images)
      return median(times.map((time) => (key === same ? asBefore(time) : scaled(time, work))))
    }
    return undefined
  }

  /** A stage of this run has ended. */
  learn(time: StageTime): void {
    if (this.#sorts !== undefined) this.#add(time, this.#sorts)
  }

  #sort(): Map<string, Newest> {
    const sorts = new Map<string, Newest>()
    for (const time of this.#read()) this.#add(time, sorts)
    return sorts
  }

  #add(time: StageTime, sorts: Map<string, Newest>): void {
    for (const key of sortsOf(time)) {
      let newest = sorts.get(key)
      if (newest === undefined) sorts.set(key, (newest = { here: [], anywhere: [] }))
      keep(newest.anywhere, time)
      if (time.machine === this.#machine) keep(newest.here, time)
    }
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

export interface EstimateOptions {
  readonly jobs: number
  readonly device: string
  readonly rankOf: (node: StageNode) => number
}

/** Milliseconds that the stages take together, each of them as long as `msOf` says of its number. */
export const lengthOf = (
  stages: readonly PreparedStage[],
  { jobs, device, rankOf }: EstimateOptions,
): ((msOf: (index: number) => number, isRunning?: (index: number) => boolean) => number) => {
  const places = new Map(stages.map(({ node }, index) => [node, index]))
  const fixed = stages.map(({ node, kind }): Omit<EstimatedStage, 'ms'> => ({
    after: Object.values(node.inputs).map((from) => places.get(from)!),
    slot: kind.exclusive === true ? 'alone' : device !== 'cpu' && kind.usesEngine ? 'gpu' : 'cpu',
    rank: rankOf(node),
  }))
  return (msOf, isRunning = () => false) =>
    makespan(
      // What runs has its slot already.
      fixed.map((stage, index) => ({ ...stage, ms: msOf(index), ...(isRunning(index) && { rank: -Infinity }) })),
      jobs,
    )
}

/** What a planned stage is expected to take: of one that goes on from a shorter one, the rest. */
export const expectedOf = (
  prepared: PreparedStage,
  { reasons }: PlannedStage,
  times: Pick<ExpectedTimes, 'expected'>,
): ExpectedTime | undefined => {
  const time = times.expected(prepared)
  const shorter = reasons.find((reason) => reason.type === 'goes-on')
  if (time === undefined || shorter === undefined) return time
  const share = shareAfter(shorter.at, prepared.kind, prepared.node.params)
  const phases = new Map([...time.phases].map(([phase, ms]) => [phase, ms * share]))
  return { ms: Math.round(time.ms * share), phases }
}

/** Undefined where nothing is to run. `stages` and `planned` are in the same order, inputs first. */
export const estimateRun = (
  stages: readonly PreparedStage[],
  planned: readonly PlannedStage[],
  times: Pick<ExpectedTimes, 'expected'>,
  options: EstimateOptions,
): PlanEstimate | undefined => {
  if (planned.every(({ status }) => status === 'cached')) return undefined
  const expected = new Map<string, number>()
  let unknown = 0
  planned.forEach((each, index) => {
    if (each.status === 'cached') return
    const time = expectedOf(stages[index]!, each, times)
    if (time === undefined) unknown += 1
    else expected.set(each.stage, time.ms)
  })
  const length = lengthOf(stages, options)
  const total = (counts: (planned: PlannedStage) => boolean): number =>
    length((index) => (counts(planned[index]!) ? (expected.get(stages[index]!.node.name) ?? 0) : 0))
  const leastMs = total(({ status }) => status === 'run')
  const hasMaybe = planned.some(({ status }) => status === 'maybe')
  return { jobs: options.jobs, leastMs, mostMs: hasMaybe ? total(() => true) : leastMs, unknown, expected }
}

/** For events: without the stages. */
export const estimateOf = ({ expected: _, ...estimate }: PlanEstimate): RunEstimate => estimate
