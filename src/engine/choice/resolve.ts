/** Which engine runs on which device: what was asked for, or the fastest that loads here. */
import { EngineError } from '../engine.js'
import { installedVersions } from '../installed.js'
import type { DeviceName, EngineName } from '../request.js'
import { type Failure, missing, missingDevice } from './failure.js'
import { visibleGpuName } from './gpus.js'
import { RememberedTrials, surroundingsKey } from './remembered-trials.js'
import type { Trial } from './trial.js'
import { type Candidate, candidatesOf, nameOf, type Wish } from './wish.js'

export interface ChosenEngine {
  readonly engine: EngineName
  readonly device: DeviceName
  readonly deviceIndex?: number
  /** Numeric packages and their versions. */
  readonly versions: Readonly<Record<string, string>>
  /** One clause for the user. */
  readonly why: string
}

/** Nothing that was asked for loads. */
export class EngineUnavailable extends EngineError {
  /** What to do about it. */
  readonly hint: string | undefined
  /** What the libraries printed. */
  readonly said: string | undefined

  constructor(message: string, hint: string | undefined, said: string | undefined) {
    super(message)
    this.hint = hint
    this.said = said
  }
}

interface ResolveOptions {
  /**
   * Whether the engine is to compute now. Where it is not, one that was asked for by name together with its device need
   * not load: results of another machine can be looked at.
   */
  readonly toCompute: boolean
  readonly signal?: AbortSignal | undefined
  /** Found out already, by the candidates' names. */
  readonly trials?: ReadonlyMap<string, Trial>
}

/** How many times as fast as the CPU a device has to be to be preferred to it. */
const enough = 1.5

/** Why a device that works is passed over unless it was asked for by name. */
export const tooSlow = (trial: Extract<Trial, { loads: true }>): Failure | undefined => {
  const { adapter, speedup } = trial
  if (adapter?.kind === 'software')
    return { reason: `WebGPU's only adapter is ${adapter.name}, which computes on the CPU` }
  if (speedup !== undefined && speedup < enough) return { reason: 'WebGPU is no faster than the CPU here' }
  return undefined
}

/**
 * What is known of the candidate, or is found out now. The only candidate is tried again after a failure: the user may
 * have put right what was wrong in a way that no file shows.
 */
const trialOf = async (
  candidate: Candidate,
  isOnly: boolean,
  remembered: () => RememberedTrials,
  options: ResolveOptions,
): Promise<Trial> => {
  const name = nameOf(candidate)
  const given = options.trials?.get(name)
  if (given !== undefined) return given
  const known = remembered().get(name)
  if (known !== undefined && (known.loads || !isOnly)) return known
  const { tryEngine } = await import('./trial.js')
  const trial = await tryEngine(candidate, options.signal)
  remembered().set(name, trial)
  return trial
}

const resolved = (candidate: Candidate, why: string): ChosenEngine => ({
  ...candidate,
  versions: installedVersions(candidate.engine),
  why,
})

const unavailable = (wish: Wish, failures: ReadonlyMap<Candidate, Failure>): EngineUnavailable => {
  const all = [...failures.values()]
  const said = all.flatMap((failure) => failure.said ?? []).join('\n')
  const printed = said === '' ? undefined : said
  const index = wish.deviceIndex === undefined ? '' : `:${wish.deviceIndex}`
  const on = wish.device === undefined ? '' : ` on ${wish.device}${index}`
  const what = wish.engine === undefined ? `no engine loads${on}` : `the engine ${wish.engine} does not load${on}`
  const reasons = [...new Set(all.map(({ reason }) => reason))]
  const [only] = all
  if (reasons.length === 1 && only !== undefined)
    return new EngineUnavailable(`${what}: ${only.reason}`, only.hint, printed)
  const each = [...failures].map(([candidate, { reason }]) => `${nameOf(candidate)}: ${reason}`)
  return new EngineUnavailable(`${what} (${each.join('; ')})`, 'genepool doctor says what to do', printed)
}

const because = (wish: Wish, passedOver: readonly Failure[]): string => {
  if (wish.engine !== undefined && wish.device !== undefined) return 'it was asked for'
  const reasons = [...new Set(passedOver.map(({ reason }) => reason))]
  return reasons.length === 0 ? 'the fastest' : `the fastest that loads: ${reasons.join('; ')}`
}

/** Throws an EngineUnavailable where nothing that was asked for loads. */
export const resolveEngine = async (wish: Wish, options: ResolveOptions): Promise<ChosenEngine> => {
  const candidates = candidatesOf(wish)
  const isOnly = candidates.length === 1
  const failures = new Map<Candidate, Failure>()
  let opened: RememberedTrials | undefined
  const remembered = (): RememberedTrials => (opened ??= new RememberedTrials(surroundingsKey()))
  for (const candidate of candidates) {
    const absent = (wish.device === undefined ? missingDevice(candidate) : undefined) ?? missing(candidate)
    if (absent !== undefined) {
      failures.set(candidate, absent)
      continue
    }
    const trial =
      isOnly && !options.toCompute ? ({ loads: true } as const) : await trialOf(candidate, isOnly, remembered, options)
    const failure = !trial.loads ? trial : wish.device === undefined ? tooSlow(trial) : undefined
    if (failure === undefined) return resolved(candidate, because(wish, [...failures.values()]))
    failures.set(candidate, failure)
  }
  throw unavailable(wish, failures)
}

/** The name of a candidate's GPU, where the driver or an earlier trial tells it; loads nothing. */
export const deviceName = (candidate: Candidate): string | undefined => {
  switch (candidate.device) {
    case 'cpu':
      return undefined
    case 'cuda':
      return visibleGpuName(candidate.deviceIndex ?? 0)
    case 'webgpu': {
      const trial = new RememberedTrials(surroundingsKey()).get(nameOf(candidate))
      return trial?.loads === true ? trial.adapter?.name : undefined
    }
  }
}
