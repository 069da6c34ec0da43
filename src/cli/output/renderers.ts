/** Where events go: one JSON line each, plain lines, or a terminal with one live line a running stage. */
import { duration } from '../../results/format.js'
import type { Emit, RunEvent } from '../../runtime/events.js'
import { canWait, gatherWrites } from '../../runtime/gathered-text.js'
import { briefDescriber, describeProgress } from './describe.js'
import { liveLines, type Output, plainLines, type StageLines } from './stage-lines.js'

/** How far a whole run is, for the foot of a terminal: `34 of 67 stages, about 2:10 left`. */

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

export type { Output } from './stage-lines.js'

export const jsonRenderer = (output: Output): Emit => {
  const { write, flush } = gatherWrites((text) => output.write(text))
  return (event) => {
    write(`${JSON.stringify(event)}\n`)
    if (!canWait(event)) flush()
  }
}

export const withStack = (text: string, event: RunEvent, verbose: boolean): string =>
  verbose && event.type === 'stage-failed' && event.stack !== undefined ? `${text}\n${event.stack}` : text

const textRenderer = (linesOn: (output: Output) => StageLines, output: Output, verbose: boolean): Emit => {
  const describe = briefDescriber()
  const footAfter = runFoot()
  const { write, flush } = gatherWrites((text) => output.write(text))
  const lines = linesOn({
    write,
    get columns() {
      return output.columns ?? 0
    },
  })
  const show = (event: RunEvent): void => {
    lines.foot(footAfter(event))
    switch (event.type) {
      case 'stage-started':
        lines.start(event.stage, event.stage)
        break
      case 'stage-progress':
        return lines.progress(event.stage, event.stage, describeProgress(event))
      case 'stage-finished':
      case 'stage-failed':
      case 'stage-interrupted':
        lines.end(event.stage)
        break
      default:
        break
    }
    const text = describe(event)
    if (text !== undefined) lines.print(withStack(text, event, verbose))
  }
  return (event) => {
    show(event)
    if (!canWait(event)) flush()
  }
}

export const plainRenderer = (output: Output, verbose: boolean): Emit => textRenderer(plainLines, output, verbose)

/** Finished lines scroll up; below them stands one line a running stage and how far the run is, rewritten in place. */
export const liveRenderer = (output: Output, verbose: boolean): Emit => textRenderer(liveLines, output, verbose)
