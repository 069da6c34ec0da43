/** Where events go: one JSON line each, plain lines, or a terminal with one live line a running stage. */
import type { Emit, RunEvent } from '../runtime/events.js'
import { briefDescriber } from './describe-briefly.js'
import { describeProgress } from './describe.js'
import { liveLines, plainLines, type Output, type StageLines } from './stage-lines.js'

export type { Output } from './stage-lines.js'

export const jsonRenderer =
  (output: Output): Emit =>
  (event) => {
    output.write(`${JSON.stringify(event)}\n`)
  }

export const withStack = (text: string, event: RunEvent, verbose: boolean): string =>
  verbose && event.type === 'stage-failed' && event.stack !== undefined ? `${text}\n${event.stack}` : text

const textRenderer = (lines: StageLines, verbose: boolean): Emit => {
  const describe = briefDescriber()
  return (event) => {
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
}

export const plainRenderer = (output: Output, verbose: boolean): Emit => textRenderer(plainLines(output), verbose)

/** Finished lines scroll up; below them stands one line a running stage, rewritten in place. */
export const liveRenderer = (output: Output, verbose: boolean): Emit => textRenderer(liveLines(output), verbose)
