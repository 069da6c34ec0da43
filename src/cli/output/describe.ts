/** What happens in a run as sentences: events, reasons, estimates, and what became of a suite's cells. */
import { dirname, relative } from 'node:path'
import type { Json } from '../../dsl/nodes.js'
import type { Place } from '../../dsl/place.js'
import { isShare } from '../../results/figures.js'
import { bytes, count, duration, percent, plural } from '../../results/format.js'
import type { ThrownError } from '../../runtime/errors.js'
import {
  type CellOutcome,
  type Reason,
  type RunEstimate,
  type RunEvent,
  type Sharing,
  type StageFailure,
  unreachable,
} from '../../runtime/events.js'
import { describeScheme, type EngineIdentity } from '../../runtime/fingerprint.js'
import { escapeWords, partsOfRead } from '../../runtime/reads.js'
import type { TimeShares } from '../../runtime/stage-contract.js'
import { shellWord } from './print.js'

/** `about 4:10`, `2:05 to 4:10`, `at least 4:10 (3 stages are not known yet)`. */
export const describeEstimate = ({ leastMs, mostMs, unknown }: RunEstimate): string => {
  const open = unknown === 0 ? '' : ` (not counting ${unknown} ${unknown === 1 ? 'stage' : 'stages'} without history)`
  if (leastMs !== mostMs) return `${duration(leastMs)} to ${duration(mostMs)}${open}`
  return `${unknown === 0 ? 'about' : 'at least'} ${duration(mostMs)}${open}`
}

/** `27 cells, 189 stages of which 46 are distinct`. */
export const describeSharing = ({ cells, asked, distinct }: Sharing): string =>
  `${plural(cells, 'cell')}, ${plural(asked, 'stage')} of which ${distinct} are distinct`

/** At most so many cells are named for one reason, and at most so many reasons are told. */
const [mostCells, mostReasons] = [5, 10]

/** Cells that failed for the same reason stand together, each with the stage that failed. */
const describeFailures = (outcomes: readonly CellOutcome[]): readonly string[] => {
  const byMessage = new Map<string, string[]>()
  let failed = 0
  for (const { name, failure } of outcomes) {
    if (failure === undefined) continue
    failed += 1
    const cells = byMessage.get(failure.message) ?? []
    cells.push(`    ${name}  in ${failure.stage}`)
    byMessage.set(failure.message, cells)
  }
  if (failed === 0) return []
  const reasons = [...byMessage]
  const others = reasons.slice(mostReasons).reduce((sum, [, cells]) => sum + cells.length, 0)
  return [
    `${failed} of ${plural(outcomes.length, 'cell')} failed`,
    ...reasons
      .slice(0, mostReasons)
      .flatMap(([message, cells]) => [
        `  ${message}`,
        ...cells.slice(0, mostCells),
        ...(cells.length > mostCells ? [`    and ${cells.length - mostCells} more`] : []),
      ]),
    ...(others === 0 ? [] : [`  and ${others} more for other reasons`]),
  ]
}

/** Lines for the end of a run; `ran` is the number of stages that were computed. */
const describeOutcomes = (
  { asked, distinct, outcomes }: Sharing & { readonly outcomes: readonly CellOutcome[] },
  ran: number,
): readonly string[] => [`stages asked for ${asked}, distinct ${distinct}, run ${ran}`, ...describeFailures(outcomes)]

const value = (json: Json): string => (typeof json === 'string' ? json : JSON.stringify(json))

/** `kdLoss (src/stages/losses.ts:41) changed, reached through trainStep`. */
const describeCodeChange = (reason: Extract<Reason, { type: 'code-changed' }>): string => {
  const where = reason.file === '' ? '' : ` (${reason.file}:${reason.line})`
  const change = reason.change === 'edited' ? 'changed' : reason.change
  const through = reason.through === null ? '' : `, reached through ${reason.through}`
  return `${reason.symbol}${where} ${change}${through}`
}

/** `config.json, which it read, changed`. */
const describeRead = ({ what: name, before, now }: Extract<Reason, { type: 'read-changed' }>): string => {
  const { kind, what } = partsOfRead(name)
  switch (kind) {
    case 'env':
      if (what === '*') return 'the environment, all of which it reads, changed'
      return now === null
        ? `the environment variable ${what} is not set any more`
        : `the environment variable ${what} changed`
    case 'cwd':
      return `the working directory ${before} → ${now}`
    case 'zone':
      return `the time zone ${before} → ${now}`
    case 'locale':
      return `the locale ${before} → ${now}`
    case 'package':
      return `package ${what} ${before} → ${now}`
    case 'folder':
      return `the folder ${what}, which it lists, has other entries`
    default:
      if (before === null) return `${what}, which it looks for, is there now`
      return now === null ? `${what}, which it reads, is gone` : `${what}, which it reads, changed`
  }
}

export const describeReason = (reason: Reason): string => {
  switch (reason.type) {
    case 'never-ran':
      return 'has no result yet'
    case 'parameter-changed':
      return `${reason.parameter} ${value(reason.before)} → ${value(reason.now)}`
    case 'input-changed':
      return `${reason.stage} gives something else`
    case 'source-changed':
      return `${reason.path} changed`
    case 'code-changed':
      return describeCodeChange(reason)
    case 'code-opaque':
      return (
        `${reason.what} (${relative(process.cwd(), reason.file)}:${reason.line}) cannot be followed, ` +
        'so it is computed every time'
      )
    case 'read-changed':
      return describeRead(reason)
    case 'escape':
      if (reason.escape === 'changed') return `${reason.place}, which it reads, changed while it ran`
      return `it uses ${escapeWords[reason.escape]} (${reason.place}), so it is computed every time`
    case 'package-changed':
      return `package ${reason.name} ${reason.before} → ${reason.now}`
    case 'engine-changed':
      return `engine ${reason.before} → ${reason.now}`
    case 'machine-changed':
      return `machine ${reason.before} → ${reason.now}`
    case 'scheme-changed':
      return `keys are ${describeScheme(reason.now)} now, its artifact has scheme ${reason.before}`
    case 'source-missing':
      return reason.message
    case 'artifact-missing':
      return 'its artifact is not in the store any more'
    case 'artifact-corrupt':
      return 'its artifact was damaged'
    case 'artifact-unverified':
      return 'files of its artifact were touched, or are not verified yet: a run reads them'
    case 'input-unverified':
      return `${reason.stage} may be made again first`
    case 'input-pending':
      return `${reason.stage} is made first`
    case 'goes-on':
      return `goes on from ${reason.unit} ${reason.at}`
    case 'from-start':
      return `trains from the start: ${reason.because}`
    default:
      return unreachable(reason)
  }
}

/** `made by onnxruntime 1.30.0 on cpu`. The engine's own library is the last of its packages. */
export const describeMaker = ({ engine, device, versions }: EngineIdentity): string => {
  const version = Object.values(versions).at(-1)
  return `made by ${engine}${version === undefined ? '' : ` ${version}`} on ${device}`
}

/** `cuda:1`. */
const describeDevice = ({ device, deviceIndex }: { readonly device: string; readonly deviceIndex?: number }): string =>
  deviceIndex === undefined ? device : `${device}:${deviceIndex}`

/** Something that the runs of one machine share, as a stage waits for it. */
const describeResource = (resource: string): string =>
  resource === 'cpu' ? 'a free core' : resource === 'machine' ? 'the machine to itself' : resource

const expectedAfter = (estimate: RunEstimate): string => {
  if (estimate.mostMs > 0) return `, expected to take ${describeEstimate(estimate)}`
  return estimate.unknown > 0 ? ', how long it takes is not known yet' : ''
}

const manyReasons = 3

/** The first few reasons in one line. */
export const describeReasons = (reasons: readonly Reason[]): string => {
  const shown = reasons.slice(0, manyReasons).map(describeReason)
  const rest = reasons.length - shown.length
  return shown.join('; ') + (rest > 0 ? `; and ${rest} more` : '')
}

/** Figures of a finished stage: `top1 97.20 %, params 174 k`. */
export const describeSummary = (summary: Readonly<Record<string, Json>>): string =>
  Object.entries(summary)
    .filter((entry): entry is [string, number] => typeof entry[1] === 'number')
    .map(([name, figure]) => `${name} ${isShare(name) ? percent(figure) : count(figure)}`)
    .join(', ')

/** `about 2:10 left`, where `how` is what stands before a time. */
export const leftText = (ms: number, how = ''): string =>
  ms < 1_000 ? 'less than 1 s left' : `${how}${duration(ms)} left`

type Progress = Extract<RunEvent, { type: 'stage-progress' }>

/** Nothing once the phase is done: of what follows it says nothing. */
const phaseLeft = ({ step, steps, secondsLeft }: Progress): string =>
  secondsLeft === undefined || step >= steps ? '' : leftText(secondsLeft * 1_000)

export const describeProgress = (event: Progress): string =>
  [
    event.phase,
    event.epoch !== undefined && event.epochs !== undefined ? `epoch ${event.epoch}/${event.epochs}` : '',
    `step ${event.step}/${event.steps}`,
    event.loss !== undefined ? `loss ${event.loss.toFixed(4)}` : '',
    event.validationTop1 !== undefined ? `validation ${percent(event.validationTop1)}` : '',
    event.imagesPerSecond !== undefined ? `${Math.round(event.imagesPerSecond)} images/s` : '',
    event.shares !== undefined ? describeWaits(event.shares) : '',
    phaseLeft(event),
  ]
    .filter((part) => part !== '')
    .join('  ')

/** `steps 93 %, images 2 %, teacher 5 %`: shares of a phase's time. */
export const describeShares = ({ input, teacher, step }: TimeShares): string =>
  [`steps ${wholePercent(step)}`, `images ${wholePercent(input)}`, `teacher ${wholePercent(teacher)}`].join(', ')

const wholePercent = (share: number): string => `${Math.round(100 * share)} %`

/** What steps wait for, where it is worth a word. */
const describeWaits = ({ input, teacher }: TimeShares): string => {
  const waits = Object.entries({ images: input, teacher }).filter(([, share]) => share >= 0.01)
  return waits.length === 0
    ? ''
    : `waits ${waits.map(([what, share]) => `${wholePercent(share)} for ${what}`).join(', ')}`
}

const describePlace = ({ file, line, column }: Place): string => {
  const within = relative(process.cwd(), file)
  return `${within.startsWith('..') ? file : within}:${line}:${column}`
}

const describeCause = ({ message, place, causes = [] }: ThrownError): readonly string[] => [
  `caused by ${message}${place === undefined ? '' : ` (${describePlace(place)})`}`,
  ...causes.flatMap(describeCause).map((line) => `  ${line}`),
]

/** What is known of a failure beside its message, in lines: what caused it, where it was thrown, what to do. */
export const describeOrigin = ({
  causes,
  place,
  hint,
}: {
  readonly [Part in 'causes' | 'place' | 'hint']?: StageFailure[Part] | null
}): readonly string[] => [
  ...(causes ?? []).flatMap(describeCause),
  ...(place ? [`at ${describePlace(place)}`] : []),
  ...(hint ? [hint] : []),
]

/** How what it printed is looked at. The file lies in a folder of the store. */
const describeLog = (stage: string, log: string): string => {
  const store = relative(process.cwd(), dirname(dirname(log)))
  const inStore = store === '.genepool' ? '' : ` --store ${shellWord(store)}`
  return `what it printed: genepool logs ${shellWord(stage)}${inStore}`
}

/** What a person reads of an event; undefined for what only the live line shows. */
const describeEvent = (event: RunEvent): string | undefined => {
  switch (event.type) {
    case 'run-started': {
      const { engine, suite, expected } = event
      const size = suite === undefined ? plural(event.stages, 'stage') : describeSharing(suite)
      const on = `engine ${engine.engine} on ${describeDevice(engine)} (${engine.why})`
      return `${event.pipeline}: ${size}, ${on}${expected === undefined ? '' : expectedAfter(expected)}`
    }
    case 'stage-cached':
      return `✓ ${event.stage}  cached${event.madeBy === undefined ? '' : ` (${describeMaker(event.madeBy)})`}`
    case 'stage-started': {
      const how = event.resumes ? 'goes on from its checkpoint' : `started: ${describeReasons(event.reasons)}`
      return `▶ ${event.stage}  ${how}`
    }
    case 'stage-waiting':
      return event.resource === undefined
        ? `… ${event.stage}  is being made by ${event.holder}; waiting for it`
        : `… ${event.stage}  waits for ${describeResource(event.resource)}, which ${event.holder} uses`
    case 'stage-retrying':
      return `↻ ${event.stage}  ${event.because}; attempt ${event.attempt} of ${event.of} in ${duration(event.delayMs)}`
    case 'stage-saving':
      return `… ${event.stage}  saves its checkpoint (${bytes(event.bytes)}); Ctrl-C again ends it without`
    case 'stage-progress':
    case 'run-progress':
    case 'stage-milestone':
    case 'stage-printed':
      return undefined
    case 'stage-finished': {
      const figures = describeSummary(event.summary)
      const same = event.unchanged ? '  (same bytes as before)' : ''
      return `✓ ${event.stage}  ${duration(event.ms)}${figures === '' ? '' : `  ${figures}`}${same}`
    }
    case 'stage-failed': {
      const log = event.log === undefined ? [] : [describeLog(event.stage, event.log)]
      return [`✗ ${event.stage}  ${event.message}`, ...describeOrigin(event), ...log].join('\n    ')
    }
    case 'stage-skipped':
      return `- ${event.stage}  not run: ${event.because}`
    case 'stage-interrupted':
      return `! ${event.stage}  interrupted after ${duration(event.ms)}; the next run ${
        event.resumable ? 'goes on from its checkpoint' : 'begins it anew: it left no checkpoint'
      }`
    case 'warning':
      return `warning: ${event.message}`
    case 'run-finished': {
      const parts = [`${event.ran} ran`, `${event.cached} cached`]
      if (event.failed > 0) parts.push(`${event.failed} failed`)
      if (event.skipped > 0) parts.push(`${event.skipped} not run`)
      const end = `${event.interrupted ? 'interrupted' : 'finished'} in ${duration(event.ms)}: ${parts.join(', ')}`
      return event.suite === undefined ? end : [end, ...describeOutcomes(event.suite, event.ran)].join('\n')
    }
    default:
      return unreachable(event)
  }
}

/** At most so many stages that are not run have a line each, and so many causes a count of the other stages. */
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

/**
 * `describeEvent` for the events of one run in their order: many stages that are not run for the same cause are told
 * once, as a count before the run's end.
 */
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
