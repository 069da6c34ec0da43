/** A run's events as sentences for a reader: what many stages have in common is told once. */
import type { RunEvent } from '../../runtime/events.js'
import { describeEvent } from './describe.js'

/** So many stages that are not run have a line each; the others are counted by cause, so many causes a line each. */
const [mostStages, mostCauses] = [5, 5]

const stages = (count: number): string => `${count} more ${count === 1 ? 'stage' : 'stages'} not run`

const describeCounts = (counts: ReadonlyMap<string, number>): readonly string[] => {
  const causes = [...counts].sort(([, a], [, b]) => b - a)
  const others = causes.slice(mostCauses).reduce((sum, [, count]) => sum + count, 0)
  return [
    ...causes.slice(0, mostCauses).map(([cause, count]) => `- ${stages(count)}: ${cause}`),
    ...(others === 0 ? [] : [`- ${stages(others)}, for ${causes.length - mostCauses} other causes`]),
  ]
}

/** `describeEvent` for the events of one run in their order; what it held back comes before the run's end. */
export const briefDescriber = (): ((event: RunEvent) => string | undefined) => {
  let skipped = 0
  const counts = new Map<string, number>()
  return (event) => {
    const text = describeEvent(event)
    if (event.type === 'run-finished') return [...describeCounts(counts), text].join('\n')
    if (event.type !== 'stage-skipped' || ++skipped <= mostStages) return text
    const cause = event.failed === undefined ? event.because : `${event.failed} failed`
    counts.set(cause, (counts.get(cause) ?? 0) + 1)
    return undefined
  }
}
