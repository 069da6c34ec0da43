/** How a watch looks: one stream of lines for all of its runs, whichever of them has something to say. */
import type { RunEvent } from '../../runtime/events.js'
import { duration } from '../../results/format.js'
import { briefDescriber } from '../text/describe-briefly.js'
import { describeProgress } from '../text/describe.js'
import { describeFiles, describeWatch } from './describe-watch.js'
import { withStack } from '../text/renderers.js'
import type { Round } from './round.js'
import { liveLines, plainLines, widthOf, type Output } from '../text/stage-lines.js'
import type { WatchEvent } from './watch-events.js'

export interface WatchDisplay {
  readonly watch: (event: WatchEvent, running: boolean) => void
  readonly run: (round: Round, event: RunEvent) => void
  /** What a run ends with. */
  readonly table: (text: string) => void
  /** What a definition printed. */
  readonly printed: (line: string) => void
}

/** Lines of JSON; what is no event goes to `aside`. */
export const jsonDisplay = (output: Output, aside: Output): WatchDisplay => {
  const print = (event: object): void => void output.write(`${JSON.stringify(event)}\n`)
  return {
    watch: print,
    run: (round, event) => print({ round: round.number, run: round.run ?? null, ...event }),
    table: () => {},
    printed: (line) => void aside.write(`${line}\n`),
  }
}

const timeOfDay = (): string => new Date().toTimeString().slice(0, 8)

/** `── 14:03:07  lib/sizes.ts changed ─────────────`. */
const separator = (text: string, width: number): string => {
  const line = `── ${timeOfDay()}  ${text} `
  return `\n${line}${'─'.repeat(Math.max(2, width - line.length))}`
}

type Described = Exclude<RunEvent, { readonly type: 'stage-progress' | 'stage-cached' }>

export const textDisplay = (output: Output & { readonly isTTY?: boolean }, verbose: boolean): WatchDisplay => {
  const lines = output.isTTY === true ? liveLines(output) : plainLines(output)
  const describers = new Map<Round, ReturnType<typeof briefDescriber>>()
  let engine: string | undefined
  /** Stages of the newest run that an earlier one computes. */
  let goOn: ReadonlySet<string> = new Set()

  /** Of an earlier run only what becomes of its last stages is worth a line; of its plan's counts none are. */
  const describeEarlier = (round: Round, event: Described): string | undefined => {
    switch (event.type) {
      case 'stage-finished':
      case 'stage-interrupted':
        return `${describeOwn(round, event)}  (run ${round.number})`
      case 'stage-failed':
        // The newest run says it as its own, or makes the stage again.
        return undefined
      default:
        return undefined
    }
  }

  const describeOwn = (round: Round, event: Described): string | undefined => {
    const describe = describers.get(round) ?? briefDescriber()
    describers.set(round, describe)
    switch (event.type) {
      case 'run-started': {
        const text = describe(event)
        // Which engine computes is told once.
        if (text === engine) return undefined
        engine = text
        return text
      }
      case 'stage-waiting':
        return goOn.has(event.stage) ? undefined : describe(event)
      case 'stage-interrupted':
        return `! ${event.stage}  interrupted after ${duration(event.ms)}; its checkpoint is kept`
      case 'stage-failed':
        if (event.changed !== undefined) return `! ${event.stage}  ${event.message}; it is made again`
        return withStack(describe(event) ?? '', event, verbose)
      default:
        return describe(event)
    }
  }

  const run = (round: Round, event: RunEvent): void => {
    // What is cached has been counted in the plan.
    if (event.type === 'stage-cached') return
    const label = 'stage' in event ? `${event.stage}${round.isSuperseded ? ` (run ${round.number})` : ''}` : ''
    const key = 'stage' in event ? `${round.number}:${event.stage}` : ''
    if (event.type === 'stage-progress') return lines.progress(key, label, describeProgress(event))
    if (event.type === 'stage-started') lines.start(key, label)
    else if (event.type !== 'stage-waiting' && key !== '') lines.end(key)
    const text = round.isSuperseded ? describeEarlier(round, event) : describeOwn(round, event)
    if (event.type === 'run-finished') describers.delete(round)
    if (text !== undefined && text !== '') lines.print(text)
  }

  return {
    run,
    watch: (event, running) => {
      if (event.type === 'watch-planned') goOn = new Set(event.goOn.map(({ stage }) => stage))
      if (event.type === 'watch-changed') return lines.print(separator(describeFiles(event), widthOf(output)))
      const text = describeWatch(event, running)
      if (text === undefined) return
      const stack = verbose && event.type === 'watch-problem' && event.stack !== undefined ? `\n${event.stack}` : ''
      lines.print(`${text}${stack}`)
    },
    table: (text) => {
      if (text !== '') lines.print(text.replace(/\n$/, ''))
    },
    printed: (line) => lines.print(line),
  }
}
