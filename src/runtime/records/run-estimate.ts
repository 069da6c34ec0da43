/** How long a run is expected to take: its stages in the order and the slots in which the run would put them. */
import type { StageNode } from '../../dsl/nodes.js'
import type { PlannedStage } from '../events.js'
import type { ExpectedTimes } from './expected-time.js'
import type { PreparedStage } from '../plan/prepare.js'
import { shareAfter } from './stage-work.js'

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

export interface RunEstimate {
  /** CPU stages side by side that it was made for. */
  readonly jobs: number
  /** Where every stage that may be cut off is. */
  readonly leastMs: number
  /** Where none is. */
  readonly mostMs: number
  /** Stages that run or may, of which nothing is known; they count as taking no time. */
  readonly unknown: number
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
