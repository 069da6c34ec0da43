/** Where events go: one JSON line each, plain lines, or a terminal with one live line a running stage. */
import { plural } from '../../results/format.js'
import type { ThrownError } from '../../runtime/errors.js'
import type { Emit, RunEvent } from '../../runtime/events.js'
import { canWait, gatherWrites } from '../../runtime/gathered-text.js'
import { briefDescriber, describeProgress, leftText } from './describe.js'
import { harmless } from './print.js'
import { Control, type Output, visibleLine, visibleText } from './terminal.js'

interface StageLines {
  /** A line that stays: something has happened. */
  readonly print: (text: string) => void
  /** `key` tells running stages apart, `label` is what a reader sees. */
  readonly start: (key: string, label: string) => void
  readonly progress: (key: string, label: string, text: string) => void
  readonly end: (key: string) => void
  /** What stands below all running stages on a terminal, while there are any. */
  readonly foot: (text: string | undefined) => void
}

/** Without a terminal, progress is a line every so often: rarely enough for a log, often enough to show life. */
const plainProgressMs = 10_000

export const plainLines = (output: Output): StageLines => {
  const shownAt = new Map<string, number>()
  return {
    print: (text) => void output.write(`${text}\n`),
    start: (key) => void shownAt.set(key, Date.now()),
    progress: (key, label, text) => {
      if (Date.now() - (shownAt.get(key) ?? 0) < plainProgressMs) return
      shownAt.set(key, Date.now())
      output.write(`  ${label}  ${text}\n`)
    },
    end: (key) => void shownAt.delete(key),
    foot: () => {},
  }
}

/** A terminal may not know how wide it is. */
export const widthOf = ({ columns = 0 }: Output): number => Math.max(20, (columns === 0 ? 80 : columns) - 1)

const clearBelow = new Control('\u001b[0J')

const linesUp = (lines: number): Control => new Control(lines === 0 ? '' : `\u001b[${lines}F`)

/** For a terminal: what has happened scrolls up; a line for each running stage and the foot are rewritten below it. */
export const liveLines = (output: Output): StageLines => {
  const running = new Map<string, string>()
  let foot: string | undefined
  let drawn = 0
  const draw = (printed?: string): void => {
    const width = widthOf(output)
    const below = running.size > 0 && foot !== undefined ? [foot] : []
    const lines = [...running.values(), ...below].map((text) => `  ${visibleLine(text)}`.slice(0, width))
    const above = printed === undefined ? '' : `${printed}\n`
    const cleared = drawn > 0 || printed !== undefined ? clearBelow : ''
    output.write(linesUp(drawn), cleared, above, ...lines.map((line) => `${line}\n`))
    drawn = lines.length
  }
  return {
    print: draw,
    start: (key, label) => void running.set(key, `${label}  starting`),
    progress: (key, label, text) => {
      running.set(key, `${label}  ${text}`)
      draw()
    },
    end: (key) => void running.delete(key),
    foot: (text) => void (foot = text),
  }
}

/**
 * How far a whole run is, for the foot of a terminal: `34 of 67 stages, about 2:10 left`. Undefined before the run has
 * begun, once it has ended, and where there is one stage, which shows itself.
 */
export const runFoot = (now: () => number = Date.now): ((event: RunEvent) => string | undefined) => {
  let stages: number | undefined
  /** The time that is left, as it was last told. */
  let told: { readonly ms: number; readonly at: number; readonly unknown: number; readonly maybe: boolean } | undefined
  /** What the lines of running stages say is left of them, in milliseconds. */
  const shown = new Map<string, number>()
  /** Names, because a stage whose artifact was damaged is done twice. */
  const done = new Set<string>()
  const left = (): string => {
    if (told === undefined) return ''
    // The whole takes no less than any of its parts.
    const ms = Math.max(told.ms - (now() - told.at), 0, ...shown.values())
    // Stages without a known time take time as well, so the sum is a lower bound.
    if (told.unknown > 0) return ms < 1_000 ? ', how much longer is not known yet' : `, ${leftText(ms, 'at least ')}`
    if (ms <= 0) return ', longer than expected'
    return `, ${leftText(ms, told.maybe ? 'at most about ' : 'about ')}`
  }
  const hear = (event: RunEvent): void => {
    switch (event.type) {
      case 'run-started': {
        const { expected } = event
        stages = event.stages
        if (expected === undefined) break
        const { leastMs, mostMs: ms, unknown } = expected
        told = { ms, at: Date.parse(event.at), unknown, maybe: leastMs !== ms }
        break
      }
      case 'run-progress':
        told = { ms: event.leftMs, at: now(), unknown: event.unknown, maybe: event.maybe }
        break
      case 'run-finished':
        stages = undefined
        break
      case 'stage-progress':
        if (event.secondsLeft !== undefined) shown.set(event.stage, 1_000 * event.secondsLeft)
        break
      case 'stage-cached':
      case 'stage-finished':
      case 'stage-failed':
      case 'stage-skipped':
        done.add(event.stage)
        shown.delete(event.stage)
        break
      case 'stage-interrupted':
        shown.delete(event.stage)
        break
      default:
        break
    }
  }
  return (event) => {
    hear(event)
    return stages === undefined || stages < 2 ? undefined : `${done.size} of ${plural(stages, 'stage')}${left()}`
  }
}

/** What stages print is among the events only where somebody asks for it. */
export const jsonRenderer = (output: Output, verbose: boolean): Emit => {
  const { write, flush } = gatherWrites((text) => output.write(text))
  return (event) => {
    if (event.type === 'stage-printed' && !verbose) return
    write(`${JSON.stringify(event)}\n`)
    if (!canWait(event)) flush()
  }
}

const stacksOf = ({ stack, causes = [] }: ThrownError): readonly string[] => [
  ...(stack === undefined ? [] : [stack]),
  ...causes.flatMap(stacksOf),
]

export const withStack = (text: string, event: RunEvent, verbose: boolean): string =>
  verbose && event.type === 'stage-failed' ? [text, ...stacksOf(event)].join('\n') : text

/** `teacher | what it printed`, each line. */
export const describePrinted = (label: string, lines: readonly string[]): string =>
  lines.map((line) => `${label} | ${harmless(line)}`).join('\n')

const textRenderer = (linesOn: (output: Output) => StageLines, output: Output, verbose: boolean): Emit => {
  const describe = briefDescriber()
  const footAfter = runFoot()
  const { write, flush } = gatherWrites((text) => output.write(new Control(text)))
  const lines = linesOn({
    write: (...parts) => write(visibleText(parts)),
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
      case 'stage-printed':
        return verbose ? lines.print(describePrinted(event.stage, event.lines)) : undefined
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
