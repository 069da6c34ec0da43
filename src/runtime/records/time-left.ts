/** How much longer a run takes, by what its stages report and what is expected of those that have yet to begin. */
import type { Emit, PlannedStage, RunEvent } from '../events.js'
import type { PreparedStage } from '../plan/prepare.js'
import { type EstimateOptions, type ExpectedTime, expectedOf, type ExpectedTimes, lengthOf } from './estimate.js'

type Progressed = Extract<RunEvent, { type: 'stage-progress' }>

/** A stage that has started. */
interface Running {
  readonly startedAt: number
  /** What it reported last, and when. */
  report?: { readonly progress: Progressed; readonly at: number }
  /** Of the phases that have begun, the seconds that were left at their last reports. */
  readonly phases: Map<string, number>
}

/** Between two answers. */
const pauseMs = 1_000
/** Working out how long ten thousand stages take is to cost a hundredth of the time at most. */
const costFactor = 100

/**
 * Of a phase that has reported a few steps, the time that is left is what its later steps take as long as these; of
 * phases that take turns with it epoch by epoch what they last said, of later phases and stages what is expected.
 */
const leftOf = ({ startedAt, report, phases }: Running, expected: ExpectedTime | undefined, now: number): number => {
  const { secondsLeft } = report?.progress ?? {}
  if (report === undefined || secondsLeft === undefined) return Math.max(0, (expected?.ms ?? 0) - (now - startedAt))
  let left = Math.max(0, 1_000 * secondsLeft - (now - report.at))
  const { phase: current, epoch = 1, epochs = 1 } = report.progress
  if (epoch < epochs) for (const [phase, seconds] of phases) if (phase !== current) left += 1_000 * seconds
  for (const [phase, ms] of expected?.phases ?? []) if (!phases.has(phase)) left += ms
  return left
}

/**
 * Hears a run's events and tells `run-progress` from time to time, while stages run. `stages` and `planned` are in the
 * same order.
 */
export const timeLeft = (
  stages: readonly PreparedStage[],
  planned: readonly PlannedStage[],
  times: Pick<ExpectedTimes, 'expected'>,
  options: EstimateOptions,
  emit: Emit,
  now: () => number = () => performance.now(),
): Emit => {
  const waiting = new Set(planned.filter(({ status }) => status !== 'cached').map(({ stage }) => stage))
  if (waiting.size === 0) return () => {}
  const length = lengthOf(stages, options)
  const running = new Map<string, Running>()
  // At the start it is what was expected of the run.
  let next = now() + pauseMs

  const tell = (): void => {
    const at = now()
    let unknown = 0
    const left = planned.map((each, index) => {
      const runs = running.get(each.stage)
      if (runs === undefined && !waiting.has(each.stage)) return 0
      const expected = expectedOf(stages[index]!, each, times)
      if (expected === undefined) unknown += 1
      return runs === undefined ? (expected?.ms ?? 0) : leftOf(runs, expected, at)
    })
    const leftMs = Math.round(
      length(
        (index) => left[index]!,
        (index) => running.has(planned[index]!.stage),
      ),
    )
    const maybe = planned.some(({ stage, status }) => status === 'maybe' && waiting.has(stage))
    emit({ type: 'run-progress', leftMs, unknown, maybe })
    next = now() + Math.max(pauseMs, costFactor * (now() - at))
  }

  return (event) => {
    if (!('stage' in event)) return
    const { stage } = event
    switch (event.type) {
      case 'stage-started':
        waiting.delete(stage)
        running.set(stage, { startedAt: now(), phases: new Map() })
        break
      case 'stage-progress': {
        const runs = running.get(stage)
        if (runs === undefined) return
        runs.report = { progress: event, at: now() }
        runs.phases.set(event.phase, event.secondsLeft ?? runs.phases.get(event.phase) ?? 0)
        break
      }
      case 'stage-cached':
      case 'stage-finished':
      case 'stage-failed':
      case 'stage-skipped':
      case 'stage-interrupted':
        waiting.delete(stage)
        running.delete(stage)
        break
      default:
        return
    }
    if (running.size > 0 && now() >= next) tell()
  }
}
