/** What every engine can do on every device of this machine; each is examined in a process of its own. */
import { runChild } from '../base/own-program.js'
import { failureOf, missing, withDevice } from '../engine/choice/failure.js'
import type { Adapter } from '../engine/choice/gpus.js'
import { patienceMs, type Trial } from '../engine/choice/trial.js'
import { RememberedTrials, surroundingsKey } from '../engine/choice/remembered-trials.js'
import { resolveEngine, type ChosenEngine } from '../engine/choice/resolve.js'
import { candidatesOf, nameOf, type Candidate, type Wish } from '../engine/choice/wish.js'
import { installedVersions } from '../engine/installed.js'

export { parseWish } from '../engine/choice/wish.js'

/** What was found of one engine on one device. */
export interface Examination extends Candidate {
  readonly loads: boolean
  /** Why it does not load, or what failed after it had loaded: a clause, without a full stop. */
  readonly problem: string | null
  /** What to do about it. */
  readonly hint: string | null
  /** Numeric packages and their versions. */
  readonly versions: Readonly<Record<string, string>>
  /** The native library's name and version, as it reports them. */
  readonly native: string | null
  /** Name of the processor or GPU that it computes on. */
  readonly on: string | null
  /** 10⁹ operations a second in products of float32 matrices, `matmulSize` square. */
  readonly gflops: number | null
  readonly matmulSize: number | null
  /** Milliseconds of a training step of a transformer of width 64, depth 6 and 17 tokens, batch 64. */
  readonly stepMs: number | null
  /** Whether `stepMs` was measured with a smaller batch and scaled up. */
  readonly stepEstimated: boolean
  /** Whether `auto` chooses this one. */
  readonly auto: boolean
  readonly adapter?: Adapter
}

/** What was found on this machine. */
export interface Diagnosis {
  readonly examinations: readonly Examination[]
  /** What `auto` chooses; undefined where nothing loads, or where not everything was examined. */
  readonly auto: ChosenEngine | undefined
}

interface ExamineOptions {
  /** Which engines and devices are examined. */
  readonly wish: Wish
  readonly signal: AbortSignal
  /** The environment that stages run in, so that what is measured is what will run. */
  readonly env: NodeJS.ProcessEnv
  /** Called when the examination of an engine on a device begins. */
  readonly onStart: (name: string) => void
  readonly onNoise: (said: string) => void
}

/** How long a library may be silent; each measurement that it reports counts as a sign of life. */
const usualSeconds = 40

const nothingKnown = {
  loads: false,
  problem: null,
  hint: null,
  native: null,
  on: null,
  gflops: null,
  matmulSize: null,
  stepMs: null,
  stepEstimated: false,
  auto: false,
}

type Answer =
  | { readonly type: 'found'; readonly facts: Partial<Examination> }
  | { readonly type: 'failed'; readonly message: string }

const examine = async (candidate: Candidate, { signal, env, onNoise }: ExamineOptions): Promise<Examination> => {
  const known = { ...nothingKnown, ...candidate, versions: installedVersions(candidate.engine) }
  const absent = missing(candidate)
  if (absent !== undefined) return { ...known, problem: absent.reason, hint: absent.hint ?? null }
  let found: Partial<Examination> = {}
  let message: string | undefined
  const end = await runChild({
    beside: import.meta.url,
    script: 'examine-main',
    argument: candidate,
    timeoutMs: patienceMs(usualSeconds),
    signal,
    env,
    onAnswer: (given) => {
      const answer = given as Answer
      if (answer.type === 'found') found = { ...found, ...answer.facts }
      else message = answer.message
    },
  })
  if (end.said.trim() !== '') onNoise(end.said.trim())
  const examined = { ...known, ...found }
  if (end.code === 0 && examined.loads) return examined
  const { reason, hint = null } = withDevice(candidate, failureOf(candidate, end, message))
  return { ...examined, problem: examined.loads ? `it loads, but training fails: ${reason}` : reason, hint }
}

const trialOf = ({ loads, problem, hint, adapter, gflops }: Examination, cpuGflops: number | null): Trial => {
  if (!loads || problem !== null) return { loads: false, reason: problem ?? '', ...(hint === null ? {} : { hint }) }
  const known = adapter?.kind !== 'unknown' || gflops === null || cpuGflops === null
  const speedup = known ? {} : { speedup: gflops / cpuGflops }
  return { loads, ...(adapter === undefined ? {} : { adapter }), ...speedup }
}

const anything = { engine: undefined, device: undefined }

/** Examines one after the other, so that they do not slow each other down. Rejects only when `signal` aborts. */
export const diagnose = async (options: ExamineOptions): Promise<Diagnosis> => {
  const examinations: Examination[] = []
  for (const candidate of candidatesOf(options.wish)) {
    options.onStart(nameOf(candidate))
    examinations.push(await examine(candidate, options))
  }
  const onCpu = examinations.find(({ engine, device }) => engine === 'onnxruntime' && device === 'cpu')
  const trials = new Map(examinations.map((one) => [nameOf(one), trialOf(one, onCpu?.gflops ?? null)]))
  // Runs choose their engine by these trials: the next one need not try again, and forgets what is no longer true.
  const remembered = new RememberedTrials(surroundingsKey())
  for (const [name, trial] of trials) remembered.set(name, trial)
  if (options.wish.engine !== undefined || options.wish.device !== undefined) return { examinations, auto: undefined }
  const auto = await resolveEngine(anything, { toCompute: true, signal: options.signal, trials }).catch(
    (error: unknown) => {
      options.signal.throwIfAborted()
      if (error instanceof Error && error.name === 'EngineError') return undefined
      throw error
    },
  )
  const isAuto = ({ engine, device }: Candidate): boolean => engine === auto?.engine && device === auto.device
  return { examinations: examinations.map((one) => ({ ...one, auto: isAuto(one) })), auto }
}
