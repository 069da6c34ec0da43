/** How a watch looks: one stream of lines for all of its runs, whichever of them has something to say. */
import * as path from 'node:path'
import { duration, plural } from '../../results/format.js'
import { type RunEvent, unreachable } from '../../runtime/events.js'
import { briefDescriber, describeProgress, describeReasons } from '../output/describe.js'
import { describePrinted, liveLines, plainLines, widthOf, withStack } from '../output/renderers.js'
import type { Output } from '../output/terminal.js'
import type { WatchRound } from './round.js'
import type { WatchEvent } from './watch-events.js'

/** So many files and stages are named, the others counted. */
const [mostFiles, mostStages] = [4, 4]

const listed = (items: readonly string[], most: number, between: string): string =>
  items.slice(0, most).join(between) + (items.length > most ? `${between}and ${items.length - most} more` : '')

const changes = { edited: '', created: ' (new)', deleted: ' (deleted)' }

const describeFiles = ({ files }: Extract<WatchEvent, { type: 'watch-changed' }>): string =>
  `${listed(
    files.map((file) => `${path.relative(process.cwd(), file.path)}${changes[file.change]}`),
    mostFiles,
    ', ',
  )} changed`

const describePlan = (event: Extract<WatchEvent, { type: 'watch-planned' }>): string => {
  const { cached, run, maybe, stages, goOn } = event
  const untouched = new Set(goOn.map(({ stage }) => stage))
  const because = stages
    .filter(({ stage, status }) => status === 'run' && !untouched.has(stage))
    .map(({ stage, reasons }) => `${stage} (${describeReasons(reasons.slice(0, 1))})`)
  const counts = [
    `${cached} cached`,
    ...(goOn.length === 0 ? [] : [`${goOn.length} ${goOn.length === 1 ? 'goes' : 'go'} on`]),
    `${run - goOn.length} to run`,
    ...(maybe === 0 ? [] : [`${maybe} maybe`]),
  ]
  const why = because.length === 0 ? '' : `: ${listed(because, mostStages, ', ')}`
  const plan = `run ${event.round}: ${counts.join(', ')}${why}`
  return [plan, ...goOn.map(({ stage, round }) => `  ${stage} is not touched: it goes on in run ${round}`)].join('\n')
}

/** `running` tells whether stages go on meanwhile. */
const describeWatch = (event: WatchEvent, running: boolean): string | undefined => {
  switch (event.type) {
    case 'watch-changed':
      return describeFiles(event)
    case 'watch-unchanged':
      return `nothing that counts changed${running ? '; what runs goes on' : ''}`
    case 'watch-problem': {
      const hint = event.hint === undefined ? '' : `\n    ${event.hint}`
      return `✗ ${event.message}${hint}\n  ${running ? 'what runs goes on; ' : ''}waiting until it is put right`
    }
    case 'watch-planned':
      return describePlan(event)
    case 'watch-ready':
      return undefined
    case 'watch-waiting':
      return `waiting for changes of ${plural(event.files, 'file')}; Ctrl-C ends`
    case 'warning':
      return `warning: ${event.message}`
    default:
      return unreachable(event)
  }
}

interface WatchDisplay {
  readonly watch: (event: WatchEvent, running: boolean) => void
  readonly run: (round: WatchRound, event: RunEvent) => void
  /** The table that a run ends with. */
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

type Described = Exclude<RunEvent, { readonly type: 'stage-progress' | 'stage-printed' | 'stage-cached' }>

export const textDisplay = (output: Output, verbose: boolean): WatchDisplay => {
  const lines = output.isTTY === true ? liveLines(output) : plainLines(output)
  const describers = new Map<WatchRound, ReturnType<typeof briefDescriber>>()
  let engine: string | undefined
  /** Stages of the newest run that an earlier one computes. */
  let goOn: ReadonlySet<string> = new Set()

  /**
   * Of an earlier run, only the ends of its last stages have a line. A failure has none, because the newest run tells
   * it as its own, or makes the stage again.
   */
  const describeEarlier = (round: WatchRound, event: Described): string | undefined =>
    event.type === 'stage-finished' || event.type === 'stage-interrupted'
      ? `${describeOwn(round, event)}  (run ${round.number})`
      : undefined

  const describeOwn = (round: WatchRound, event: Described): string | undefined => {
    const describe = describers.get(round) ?? briefDescriber()
    describers.set(round, describe)
    switch (event.type) {
      case 'run-started': {
        const text = describe(event)
        // The line names the engine, which is told once as long as it stays the same.
        if (text === engine) return undefined
        engine = text
        return text
      }
      case 'stage-waiting':
        return goOn.has(event.stage) ? undefined : describe(event)
      case 'stage-interrupted':
        return `! ${event.stage}  interrupted after ${duration(event.ms)}; it left ${event.resumable ? 'its' : 'no'} checkpoint`
      case 'stage-failed':
        if (event.changed !== undefined) return `! ${event.stage}  ${event.message}; it is made again`
        return withStack(describe(event) ?? '', event, verbose)
      default:
        return describe(event)
    }
  }

  const run = (round: WatchRound, event: RunEvent): void => {
    // The plan has told how many stages are cached.
    if (event.type === 'stage-cached') return
    const label = 'stage' in event ? `${event.stage}${round.isSuperseded ? ` (run ${round.number})` : ''}` : ''
    const key = 'stage' in event ? `${round.number}:${event.stage}` : ''
    if (event.type === 'stage-progress') return lines.progress(key, label, describeProgress(event))
    if (event.type === 'stage-printed') return lines.print(describePrinted(label, event.lines))
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
