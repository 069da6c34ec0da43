/** How far a whole run is, for the foot of a terminal: `34 of 67 stages, about 2:10 left`. */
import { duration } from '../../results/format.js'
import type { RunEvent } from '../../runtime/events.js'

/** Undefined before the run has begun, once it has ended, and where there is one stage, which shows itself. */
export const runFoot = (now: () => number = Date.now): ((event: RunEvent) => string | undefined) => {
  let started: Extract<RunEvent, { type: 'run-started' }> | undefined
  /** By name: one that was damaged is made again. */
  const done = new Set<string>()
  const left = ({ expected, at }: NonNullable<typeof started>): string => {
    if (expected === undefined) return ''
    const ms = expected.mostMs - (now() - Date.parse(at))
    // Stages of which nothing is known take time too.
    if (expected.unknown > 0) return ms > 0 ? `, at least ${duration(ms)} left` : ''
    if (ms <= 0) return ', longer than expected'
    return `, ${expected.leastMs === expected.mostMs ? 'about' : 'at most about'} ${duration(ms)} left`
  }
  return (event) => {
    switch (event.type) {
      case 'run-started':
        started = event
        break
      case 'run-finished':
        started = undefined
        break
      case 'stage-cached':
      case 'stage-finished':
      case 'stage-failed':
      case 'stage-skipped':
        done.add(event.stage)
        break
      default:
        break
    }
    return started === undefined || started.stages < 2
      ? undefined
      : `${done.size} of ${started.stages} stages${left(started)}`
  }
}
