/**
 * How long stages took: one line a computed stage in the store's `index/times.ndjson`, appended when it ends. In a
 * store that has none, made by an older version say, they are gathered once from the manifests. Only estimates depend
 * on it.
 */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { countPathMacs } from '../../dsl/counting.js'
import type { StageNode } from '../../dsl/nodes.js'
import type { VitConfig } from '../../dsl/vit-config.js'
import { readTextIfThere } from '../../base/files.js'
import { hashOf } from '../canonical.js'
import { isUserStageNode } from '../definition/user-stage.js'
import type { Emit, RunEvent } from '../events.js'
import type { EngineIdentity } from '../fingerprint.js'
import type { MachineIdentity } from '../machine.js'
import { valueAt } from '../plan/extension.js'
import type { PreparedStage } from '../plan/prepare.js'
import type { StageKind } from '../stage-contract.js'
import type { Store } from '../store/store.js'
import { manifestsNow } from '../store/stored-entries.js'

/** Parameters that say how much a stage has to do. */
interface Telling {
  readonly train?: { readonly epochs?: unknown }
  readonly epochs?: unknown
  readonly model?: unknown
  readonly take?: unknown
}

const macsOf = (described: unknown): number | undefined => {
  try {
    const model = described as VitConfig
    const macs = countPathMacs([{ model, blocks: model.depth }], 'all')
    return Number.isFinite(macs) && macs > 0 ? macs : undefined
  } catch {
    // Not a model as this package describes one: a stage of the user's own may call anything so.
    return undefined
  }
}

const images = new WeakMap<StageNode, number | null>()

/** Images that the data hold which the stage reads, where a subset of known size was asked for. */
const imagesOf = (node: StageNode): number | null => {
  const known = images.get(node)
  if (known !== undefined) return known
  const { take } = node.params as Telling
  const found =
    typeof take === 'number'
      ? take
      : (Object.values(node.inputs)
          .map(imagesOf)
          .find((number) => number !== null) ?? null)
  images.set(node, found)
  return found
}

/** What is left of a stage that goes on from what it was after `at`, as a share of the whole. */
export const shareAfter = (at: number, { extends: by }: Pick<StageKind, 'extends'>, params: object): number => {
  const end = by === undefined ? undefined : valueAt(params, by.at)
  return typeof end === 'number' && end > at ? (end - at) / end : 1
}

/** How much a stage has to do, as far as its parameters say: by that a time of one stage tells of another's. */
interface StageWork {
  /** Epochs times multiply-accumulates of one image; 1 where the parameters name neither. */
  readonly steps: number
  /** Null where the whole data set is used, or none. */
  readonly images: number | null
}

export const workOf = (node: StageNode): StageWork => {
  const { train, epochs: own, model } = node.params as Telling
  const epochs = train?.epochs ?? own
  const repeats = typeof epochs === 'number' && epochs > 0 ? epochs : 1
  return { steps: repeats * (macsOf(model) ?? 1), images: imagesOf(node) }
}

/** How many times as long as `known` a stage with this work is expected to take. */
export const workRatio = (wanted: StageWork, known: StageWork): number =>
  (wanted.steps / known.steps) *
  (wanted.images === null || known.images === null ? 1 : Math.max(1, wanted.images) / Math.max(1, known.images))

export interface StageTime {
  readonly kind: string
  readonly stage: string
  /** The definition that it was part of; null where that is not known. */
  readonly definition: string | null
  /** Hash of kind and parameters. */
  readonly params: string
  /** Hash of these and of the same of everything that it reads; null where that is not known. */
  readonly whole: string | null
  readonly work: StageWork
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

/** Stages of the user's own are each a kind. */
export const timedKind = (node: StageNode): string => (isUserStageNode(node) ? `stage ${node.call.name}` : node.kind)

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
        work: workOf(node),
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

/** Hears a run's events and keeps how long each stage computed, for later estimates. */
export const timeRecorder = (store: Store['Service'], stages: readonly PreparedStage[], here: TimedHere): Emit => {
  let byName: ReadonlyMap<string, PreparedStage> | undefined
  const started = new Map<string, Started>()
  const keep = ({ node, kind }: PreparedStage, from: Started, ms: number, end: StageTime['end']): void => {
    const share = from.goesOnFrom === undefined ? 1 : shareAfter(from.goesOnFrom.at, kind, node.params)
    rememberTime(store, {
      kind: timedKind(node),
      stage: node.name,
      definition: here.definition,
      params: paramsKey(node),
      whole: wholeKey(node),
      work: workOf(node),
      engine: kind.usesEngine ? `${here.engine.engine}/${here.engine.device}` : null,
      machine: machineKey(here.machine),
      fingerprint: from.fingerprint,
      ms: Math.round(ms / share),
      end,
      resumes: from.resumes,
    })
  }
  return (event) => {
    if (event.type === 'stage-started') started.set(event.stage, event)
    if (event.type !== 'stage-finished' && event.type !== 'stage-interrupted') return
    byName ??= new Map(stages.map((stage) => [stage.node.name, stage]))
    const stage = byName.get(event.stage)
    const from = started.get(event.stage)
    if (stage === undefined || from === undefined) return
    keep(stage, from, event.ms, event.type === 'stage-finished' ? 'finished' : 'interrupted')
  }
}
