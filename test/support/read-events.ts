/** What a run's events say, in the words of tests. */
import { expect } from 'chai'
import type { RunEvent } from '../../src/runtime/events.js'
import type { Finished } from './child.js'

type EventOf<T extends RunEvent['type']> = Extract<RunEvent, { readonly type: T }>

export const eventsOf = <T extends RunEvent['type']>(events: readonly RunEvent[], type: T): readonly EventOf<T>[] =>
  events.filter((event): event is EventOf<T> => event.type === type)

type StageEventType = Extract<RunEvent, { readonly stage: string }>['type']

/** The one event of this type about this stage. */
export const eventOf = <T extends StageEventType>(events: readonly RunEvent[], type: T, stage: string): EventOf<T> => {
  const found = events.filter(
    (event): event is EventOf<T> => event.type === type && 'stage' in event && event.stage === stage,
  )
  expect(found, `${type} of ${stage}`).to.have.length(1)
  return found[0]
}

/** Names of the stages that such an event was about, sorted. */
export const stagesWith = (events: readonly RunEvent[], type: StageEventType): readonly string[] =>
  events.flatMap((event) => (event.type === type && 'stage' in event ? [event.stage] : [])).sort()

/** Content hashes of what was made, by stage. */
export const contentsOf = (events: readonly RunEvent[]): Readonly<Record<string, string>> =>
  Object.fromEntries(eventsOf(events, 'stage-finished').map(({ stage, content }) => [stage, content]))

/** The last event, which has to be `run-finished`, as counts. */
export const countsOf = ({ events, stdout, stderr }: Finished) => {
  const last = events.at(-1)
  if (last?.type !== 'run-finished') throw new Error(`no run-finished at the end of:\n${stdout}\n${stderr}`)
  const { ran, cached, failed, skipped } = last
  return { ran, cached, failed, skipped }
}
