/** Events and reasons as sentences. */
import { relative } from 'node:path'
import type { Json } from '../../dsl/nodes.js'
import { isShare } from '../../results/cell-figures.js'
import { unreachable, type Reason, type RunEvent } from '../../runtime/events.js'
import type { EngineIdentity } from '../../runtime/plan/fingerprint.js'
import type { RunEstimate } from '../../runtime/records/run-estimate.js'
import { describeEstimate } from './describe-estimate.js'
import { describeScheme } from '../../runtime/plan/key-schemes.js'
import { describeOutcomes, describeSharing } from './describe-suite.js'
import { bytes, count, duration, percent } from '../../results/format.js'

const value = (json: Json): string => (typeof json === 'string' ? json : JSON.stringify(json))

/** `kdLoss (src/stages/losses.ts:41) changed, reached through trainStep`. */
const describeCodeChange = (reason: Extract<Reason, { type: 'code-changed' }>): string => {
  const where = reason.file === '' ? '' : ` (${reason.file}:${reason.line})`
  const change = reason.change === 'edited' ? 'changed' : reason.change
  const through = reason.through === null ? '' : `, reached through ${reason.through}`
  return `${reason.symbol}${where} ${change}${through}`
}

export const describeReason = (reason: Reason): string => {
  switch (reason.type) {
    case 'never-ran':
      return 'has not run yet'
    case 'parameter-changed':
      return `${reason.parameter} ${value(reason.before)} → ${value(reason.now)}`
    case 'input-changed':
      return `${reason.stage} gives something else`
    case 'source-changed':
      return `${reason.path} changed`
    case 'code-changed':
      return describeCodeChange(reason)
    case 'code-opaque':
      return `${reason.what} (${relative(process.cwd(), reason.file)}:${reason.line}) cannot be followed, so it is computed every time`
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

/** What runs of one machine share. */
const describeResource = (resource: string): string =>
  resource === 'cpu' ? 'a free core' : resource === 'machine' ? 'the machine to itself' : resource

/** Nothing where all that is known is that nothing is known. */
const expectedAfter = (estimate: RunEstimate): string =>
  estimate.mostMs === 0 ? '' : `, expected to take ${describeEstimate(estimate)}`

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

type Progress = Extract<RunEvent, { type: 'stage-progress' }>

export const describeProgress = (event: Progress): string =>
  [
    event.phase,
    event.epoch !== undefined && event.epochs !== undefined ? `epoch ${event.epoch}/${event.epochs}` : '',
    `step ${event.step}/${event.steps}`,
    event.loss !== undefined ? `loss ${event.loss.toFixed(4)}` : '',
    event.imagesPerSecond !== undefined ? `${Math.round(event.imagesPerSecond)} images/s` : '',
    event.secondsLeft !== undefined ? `${duration(event.secondsLeft * 1_000)} left` : '',
  ]
    .filter((part) => part !== '')
    .join('  ')

/** What a person reads of an event; undefined for what only the live line shows. */
export const describeEvent = (event: RunEvent): string | undefined => {
  switch (event.type) {
    case 'run-started':
      return `${event.pipeline}: ${event.suite === undefined ? `${event.stages} stages` : describeSharing(event.suite)}, engine ${event.engine.engine} on ${describeDevice(event.engine)} (${event.engine.why})${event.expected === undefined ? '' : expectedAfter(event.expected)}`
    case 'stage-cached':
      return `✓ ${event.stage}  cached${event.madeBy === undefined ? '' : ` (${describeMaker(event.madeBy)})`}`
    case 'stage-started':
      return `▶ ${event.stage}  ${event.resumes ? 'goes on from its checkpoint' : `started: ${describeReasons(event.reasons)}`}`
    case 'stage-waiting':
      return event.resource === undefined
        ? `… ${event.stage}  is being made by ${event.holder}; waiting for it`
        : `… ${event.stage}  waits for ${describeResource(event.resource)}, which ${event.holder} uses`
    case 'stage-retrying':
      return `↻ ${event.stage}  ${event.because}; attempt ${event.attempt} of ${event.of} in ${duration(event.delayMs)}`
    case 'stage-saving':
      return `… ${event.stage}  saves its checkpoint (${bytes(event.bytes)}); Ctrl-C again ends it without`
    case 'stage-progress':
    case 'stage-milestone':
      return undefined
    case 'stage-finished': {
      const figures = describeSummary(event.summary)
      return `✓ ${event.stage}  ${duration(event.ms)}${figures === '' ? '' : `  ${figures}`}${event.unchanged ? '  (same bytes as before)' : ''}`
    }
    case 'stage-failed':
      return `✗ ${event.stage}  ${event.message}${event.hint === undefined ? '' : `\n    ${event.hint}`}`
    case 'stage-skipped':
      return `- ${event.stage}  not run: ${event.because}`
    case 'stage-interrupted':
      return `! ${event.stage}  interrupted after ${duration(event.ms)}; the next run goes on from its checkpoint`
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
