/** Where events go: one JSON line each, plain lines, or a terminal with one live line a running stage. */
import type { Emit, RunEvent } from '../runtime/events.js'
import { briefDescriber } from './describe-briefly.js'
import { describeProgress } from './describe.js'

/** What a renderer writes to; process.stdout is one. */
export interface Output {
  readonly write: (text: string) => unknown
  readonly columns?: number
}

export const jsonRenderer =
  (output: Output): Emit =>
  (event) => {
    output.write(`${JSON.stringify(event)}\n`)
  }

const withStack = (text: string, event: RunEvent, verbose: boolean): string =>
  verbose && event.type === 'stage-failed' && event.stack !== undefined ? `${text}\n${event.stack}` : text

/** Without a terminal progress is a line every so often, so that a log stays readable and a watcher sees life. */
const plainProgressMs = 10_000

export const plainRenderer = (output: Output, verbose: boolean): Emit => {
  const shownAt = new Map<string, number>()
  const describe = briefDescriber()
  return (event) => {
    if (event.type === 'stage-started') shownAt.set(event.stage, Date.now())
    if (event.type === 'stage-progress') {
      if (Date.now() - (shownAt.get(event.stage) ?? 0) < plainProgressMs) return
      shownAt.set(event.stage, Date.now())
      output.write(`  ${event.stage}  ${describeProgress(event)}\n`)
      return
    }
    const text = describe(event)
    if (text !== undefined) output.write(`${withStack(text, event, verbose)}\n`)
  }
}

const clearBelow = '\u001b[0J'
const linesUp = (lines: number): string => (lines === 0 ? '' : `\u001b[${lines}F`)

/** Finished lines scroll up; below them stands one line a running stage, rewritten in place. */
export const liveRenderer = (output: Output, verbose: boolean): Emit => {
  const running = new Map<string, string>()
  const describe = briefDescriber()
  let drawn = 0
  const draw = (finished?: string): void => {
    const width = Math.max(20, (output.columns ?? 80) - 1)
    const lines = [...running].map(([stage, text]) => `  ${stage}  ${text}`.slice(0, width))
    const above = finished === undefined ? '' : `${finished}\n`
    output.write(
      `${linesUp(drawn)}${drawn > 0 || finished !== undefined ? clearBelow : ''}${above}${lines.map((line) => `${line}\n`).join('')}`,
    )
    drawn = lines.length
  }
  return (event) => {
    switch (event.type) {
      case 'stage-started':
        running.set(event.stage, 'starting')
        break
      case 'stage-progress':
        running.set(event.stage, describeProgress(event))
        return draw()
      case 'stage-finished':
      case 'stage-failed':
      case 'stage-interrupted':
        running.delete(event.stage)
        break
      default:
        break
    }
    const text = describe(event)
    if (text !== undefined) draw(withStack(text, event, verbose))
  }
}
