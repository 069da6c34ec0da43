/** What a recorded run came to. */
import type { Place } from '../../dsl/place.js'
import type { ThrownError } from '../errors.js'
import type { RunEvent } from '../events.js'
import type { RunRecord } from './run-log.js'

export interface RunOutcome {
  readonly run: string
  readonly pipeline: string
  readonly file: string | null
  readonly at: string
  /** `unfinished`: still going, or killed. */
  readonly state: 'done' | 'failed' | 'interrupted' | 'unfinished'
  readonly ran: number
  readonly cached: number
  readonly failed: number
  readonly skipped: number
  readonly ms: number | null
  readonly engine: string
}

type Of<T extends RunEvent['type']> = Extract<RunEvent, { type: T }>

const find = <T extends RunEvent['type']>(events: readonly RunEvent[], type: T): Of<T> | undefined =>
  events.find((event): event is Of<T> => event.type === type)

/** Undefined of a record that has not even begun. */
export const outcomeOfRun = ({ run, events }: RunRecord): RunOutcome | undefined => {
  const started = find(events, 'run-started')
  if (started === undefined) return undefined
  const finished = find(events, 'run-finished')
  const counted = (type: RunEvent['type']): number => events.filter((event) => event.type === type).length
  const state =
    finished === undefined
      ? 'unfinished'
      : finished.interrupted
        ? 'interrupted'
        : finished.failed > 0
          ? 'failed'
          : 'done'
  const { engine, device, deviceIndex } = started.engine
  return {
    run,
    pipeline: started.pipeline,
    file: started.file,
    at: started.at,
    state,
    ran: finished?.ran ?? counted('stage-finished'),
    cached: finished?.cached ?? counted('stage-cached'),
    failed: finished?.failed ?? counted('stage-failed'),
    skipped: finished?.skipped ?? counted('stage-skipped'),
    ms: finished?.ms ?? null,
    engine: `${engine}/${device}${deviceIndex === undefined ? '' : `:${deviceIndex}`}`,
  }
}

/** A stage as the run left it. `open`: it had started, or not even that, when the record ends. */
export interface StageOutcome {
  readonly stage: string
  readonly kind: string | null
  readonly state: 'ran' | 'cached' | 'failed' | 'skipped' | 'interrupted' | 'open'
  readonly ms: number | null
  readonly fingerprint: string | null
  readonly content: string | null
  /** What it failed with, or why it was not run. */
  readonly message: string | null
  readonly hint: string | null
  /** Where in the user's own files it failed, where that is known. */
  readonly place: Place | null
  /** What it failed of, in its turn. */
  readonly causes: readonly ThrownError[]
  readonly unchanged: boolean
}

/**
 * Of every stage that the plan or an event names, in the order of the plan. A stage that was made again counts as that.
 */
export const stageOutcomes = ({ events, plan = [] }: RunRecord): readonly StageOutcome[] => {
  const outcomes = new Map<string, StageOutcome>()
  const said = { message: null, hint: null, place: null, causes: [] }
  const nothing = { ms: null, fingerprint: null, content: null, ...said, unchanged: false }
  for (const { stage, kind } of plan) outcomes.set(stage, { stage, kind, state: 'open', ...nothing })
  const set = (stage: string, state: StageOutcome['state'], known: Partial<StageOutcome>): void => {
    const before = outcomes.get(stage)
    outcomes.set(stage, { stage, kind: null, ...nothing, ...(before && { kind: before.kind }), ...known, state })
  }
  const started = (stage: string): string | null => outcomes.get(stage)?.fingerprint ?? null
  for (const event of events) {
    switch (event.type) {
      case 'stage-started':
        set(event.stage, 'open', { kind: event.kind, fingerprint: event.fingerprint })
        break
      case 'stage-cached':
        // A stage that was made again after damage ran, even if it was found before or after.
        if (outcomes.get(event.stage)?.state !== 'ran') {
          set(event.stage, 'cached', { kind: event.kind, fingerprint: event.fingerprint })
        }
        break
      case 'stage-finished': {
        const { kind, ms, fingerprint, content, unchanged } = event
        set(event.stage, 'ran', { kind, ms, fingerprint, content, unchanged })
        break
      }
      case 'stage-failed': {
        const { kind, ms, message, hint = null, place = null, causes = [] } = event
        set(event.stage, 'failed', { kind, ms, fingerprint: started(event.stage), message, hint, place, causes })
        break
      }
      case 'stage-skipped':
        set(event.stage, 'skipped', { message: event.because })
        break
      case 'stage-interrupted':
        set(event.stage, 'interrupted', { ms: event.ms, fingerprint: started(event.stage) })
        break
      default:
        break
    }
  }
  return [...outcomes.values()]
}
