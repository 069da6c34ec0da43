/**
 * How long stages took: one line a computed stage in the store's `index/times.ndjson`, appended when it ends. In a
 * store that has none, made by an older version say, they are gathered once from the manifests. Only estimates depend
 * on it.
 */
import * as fs from 'node:fs'
import * as path from 'node:path'
import type { StageNode } from '../../dsl/nodes.js'
import { readTextIfThere } from '../../base/files.js'
import { hashOf } from '../canonical.js'
import type { Emit, RunEvent } from '../events.js'
import type { EngineIdentity } from '../fingerprint.js'
import type { MachineIdentity } from '../machine.js'
import { valueAt } from '../plan/extension.js'
import type { ImagesOf } from '../plan/foresee.js'
import type { PreparedStage } from '../plan/prepare.js'
import type { StageKind } from '../stage-contract.js'
import type { Store } from '../store/store.js'
import { manifestsNow } from '../store/stored-entries.js'
import { growthOf, type PhaseTime, type StageWork, timedKind, workOf } from './stage-work.js'

/** What is left of a stage that goes on from what it was after `at`, as a share of the whole. */
export const shareAfter = (at: number, { extends: by }: Pick<StageKind, 'extends'>, params: object): number => {
  const end = by === undefined ? undefined : valueAt(params, by.at)
  return typeof end === 'number' && end > at ? (end - at) / end : 1
}

export interface StageTime {
  readonly kind: string
  readonly stage: string
  /** The definition that it was part of; null where that is not known. */
  readonly definition: string | null
  /** Hash of kind and parameters. */
  readonly params: string
  /** Hash of these and of the same of everything that it reads; null where that is not known. */
  readonly whole: string | null
  /** Absent from times of versions that did not keep it. */
  readonly work?: StageWork
  /** The phases in which it reported steps; the rest of its time is none of theirs. */
  readonly phases?: readonly PhaseTime[]
  /** `onnxruntime/cpu`; null where no engine computes. */
  readonly engine: string | null
  /** Null where that is not known. */
  readonly machine: string | null
  readonly fingerprint: string
  /** Of the stage in whole, where it went on from a shorter one: measured was the rest. */
  readonly ms: number
  readonly end: 'finished' | 'interrupted'
  /** It went on from what an interrupted one had left. */
  readonly resumes: boolean
}

export const machineKey = ({ processor, cores, device }: MachineIdentity): string =>
  [processor, cores, ...(device === undefined ? [] : [device])].join('|')

export const paramsKey = (node: StageNode): string => hashOf([timedKind(node), node.params]).slice(0, 16)

const wholeKeys = new WeakMap<StageNode, string>()

/** What the definition says of a stage and of all behind it: the same stage, whatever code or engine computes it. */
export const wholeKey = (node: StageNode): string => {
  const known = wholeKeys.get(node)
  if (known !== undefined) return known
  const inputs = Object.fromEntries(Object.entries(node.inputs).map(([input, from]) => [input, wholeKey(from)]))
  const key = hashOf([paramsKey(node), inputs]).slice(0, 16)
  wholeKeys.set(node, key)
  return key
}

const fileOf = (store: Store['Service']): string => store.place('index', 'times.ndjson')

const write = (store: Store['Service'], times: readonly StageTime[]): void => {
  try {
    fs.mkdirSync(path.dirname(fileOf(store)), { recursive: true })
    fs.appendFileSync(fileOf(store), times.map((time) => `${JSON.stringify(time)}\n`).join(''))
  } catch {
    // A run has its results; only later estimates are poorer.
  }
}

/** From the manifests: which machine it was and what was behind a stage is not known any more. */
const gathered = (store: Store['Service']): readonly StageTime[] =>
  manifestsNow(store)
    // Their time was that of a part of the stage, and which part is not known.
    .filter(({ made }) => made.goesOnFrom === undefined)
    .sort((a, b) => (a.made.at < b.made.at ? -1 : 1))
    .map(({ stage, fingerprint, identity, made }) => {
      const kind = identity.kind === 'stage' ? `stage ${stage}` : identity.kind
      const node = { kind, name: stage, params: identity.params, inputs: {} }
      return {
        kind,
        stage,
        definition: null,
        params: paramsKey(node),
        whole: null,
        engine: identity.engine === null ? null : `${identity.engine.engine}/${identity.engine.device}`,
        machine: null,
        fingerprint,
        ms: made.ms,
        end: 'finished',
        resumes: false,
      }
    })

/** Oldest first. What was interrupted counts with what it led to. */
export const readTimes = (store: Store['Service']): readonly StageTime[] => {
  const text = readTextIfThere(fileOf(store))
  if (text === undefined) {
    const times = gathered(store)
    if (times.length > 0) write(store, times)
    return times
  }
  const before = new Map<string, number>()
  const times: StageTime[] = []
  for (const line of text.split('\n')) {
    let time: StageTime
    try {
      time = JSON.parse(line) as StageTime
    } catch {
      // Cut by a kill, or the end of the file.
      continue
    }
    const earlier = time.resumes ? (before.get(time.fingerprint) ?? 0) : 0
    if (time.end === 'interrupted') before.set(time.fingerprint, earlier + time.ms)
    else {
      before.delete(time.fingerprint)
      times.push({ ...time, ms: earlier + time.ms })
    }
  }
  return times
}

const rememberTime = (store: Store['Service'], time: StageTime): void => {
  // What older versions have left is gathered before the first line hides it.
  if (!fs.existsSync(fileOf(store))) {
    const times = gathered(store).filter(({ fingerprint }) => fingerprint !== time.fingerprint)
    write(store, [...times, time])
  } else write(store, [time])
}

/** Where times are measured, or expected. */
export interface TimedHere {
  /** The definition, as `remembered.as` names it. */
  readonly definition: string
  readonly engine: Pick<EngineIdentity, 'engine' | 'device'>
  readonly machine: MachineIdentity
}

type Started = Extract<RunEvent, { type: 'stage-started' }>
type Progressed = Extract<RunEvent, { type: 'stage-progress' }>

/** By the last report of each phase. */
const phaseTimes = (node: StageNode, phases: ReadonlyMap<string, Progressed>): readonly PhaseTime[] =>
  [...phases].flatMap(([phase, last]) =>
    last.stepMs === undefined
      ? []
      : [{ phase, ms: Math.round(last.stepMs * last.steps), growsWith: growthOf(node, last) }],
  )

/** Hears a run's events and keeps how long each stage computed, for later estimates; `keep` hears of each too. */
export const timeRecorder = (
  store: Store['Service'],
  stages: readonly PreparedStage[],
  here: TimedHere,
  images: ImagesOf,
  keep: (time: StageTime) => void,
): Emit => {
  let byName: ReadonlyMap<string, PreparedStage> | undefined
  const started = new Map<string, Started>()
  /** By stage, what each of its phases reported last. */
  const reported = new Map<string, Map<string, Progressed>>()
  const remember = ({ node, kind }: PreparedStage, from: Started, ms: number, end: StageTime['end']): void => {
    const share = from.goesOnFrom === undefined ? 1 : shareAfter(from.goesOnFrom.at, kind, node.params)
    const time: StageTime = {
      kind: timedKind(node),
      stage: node.name,
      definition: here.definition,
      params: paramsKey(node),
      whole: wholeKey(node),
      work: workOf({ node, kind }, images),
      phases: phaseTimes(node, reported.get(node.name) ?? new Map()),
      engine: kind.usesEngine ? `${here.engine.engine}/${here.engine.device}` : null,
      machine: machineKey(here.machine),
      fingerprint: from.fingerprint,
      ms: Math.round(ms / share),
      end,
      resumes: from.resumes,
    }
    rememberTime(store, time)
    if (end === 'finished') keep(time)
  }
  return (event) => {
    if (event.type === 'stage-progress') {
      const phases = reported.get(event.stage)
      if (phases === undefined) reported.set(event.stage, new Map([[event.phase, event]]))
      else phases.set(event.phase, event)
      return
    }
    if (event.type === 'stage-started') started.set(event.stage, event)
    if (event.type === 'stage-started' || event.type === 'stage-retrying') reported.delete(event.stage)
    if (event.type !== 'stage-finished' && event.type !== 'stage-interrupted') return
    byName ??= new Map(stages.map((stage) => [stage.node.name, stage]))
    const stage = byName.get(event.stage)
    const from = started.get(event.stage)
    if (stage === undefined || from === undefined) return
    remember(stage, from, event.ms, event.type === 'stage-finished' ? 'finished' : 'interrupted')
  }
}
