/** Watches a run's events and keeps how long each stage computed, for later estimates. */
import type { Emit, RunEvent } from '../events.js'
import type { TimedHere } from './expected-time.js'
import type { PreparedStage } from '../plan/prepare.js'
import { machineKey, paramsKey, rememberTime, timedKind, wholeKey, type StageTime } from './stage-times.js'
import { shareAfter, workOf } from './stage-work.js'
import type { Store } from '../store/store.js'

type Started = Extract<RunEvent, { type: 'stage-started' }>

export const timeRecorder = (store: Store['Service'], stages: readonly PreparedStage[], here: TimedHere): Emit => {
  let byName: ReadonlyMap<string, PreparedStage> | undefined
  const started = new Map<string, Started>()
  const keep = ({ node, kind }: PreparedStage, from: Started, ms: number, end: StageTime['end']): void => {
    const share = from.goesOnFrom === undefined ? 1 : shareAfter(from.goesOnFrom.at, kind, node.params)
    rememberTime(store, {
      kind: timedKind(node),
      stage: node.name,
      definition: here.definition,
      params: paramsKey(node),
      whole: wholeKey(node),
      work: workOf(node),
      engine: kind.usesEngine ? `${here.engine.engine}/${here.engine.device}` : null,
      machine: machineKey(here.machine),
      fingerprint: from.fingerprint,
      ms: Math.round(ms / share),
      end,
      resumes: from.resumes,
    })
  }
  return (event) => {
    if (event.type === 'stage-started') started.set(event.stage, event)
    if (event.type !== 'stage-finished' && event.type !== 'stage-interrupted') return
    byName ??= new Map(stages.map((stage) => [stage.node.name, stage]))
    const stage = byName.get(event.stage)
    const from = started.get(event.stage)
    if (stage === undefined || from === undefined) return
    keep(stage, from, event.ms, event.type === 'stage-finished' ? 'finished' : 'interrupted')
  }
}
