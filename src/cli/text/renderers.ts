/** Where events go: one JSON line each, plain lines, or a terminal with one live line a running stage. */
import { canWait, gatherWrites } from '../../runtime/gathered-text.js'
import type { Emit, RunEvent } from '../../runtime/events.js'
import { briefDescriber } from './describe-briefly.js'
import { describeProgress } from './describe.js'
import { runFoot } from './run-foot.js'
import { liveLines, plainLines, type Output, type StageLines } from './stage-lines.js'

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
