/**
 * How long stages took: one line a computed stage in the store's `index/times.ndjson`, appended when it ends. In a store that
 * has none, made by an older version say, they are gathered once from the manifests. Only estimates depend on it.
 */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { readTextIfThere } from '../atomic-file.js'
import type { StageNode } from '../../dsl/nodes.js'
import { hashOf } from '../canonical.js'
import type { MachineIdentity } from '../plan/fingerprint.js'
import { isUserStageNode } from '../definition/user-stage.js'
import { workOf, type StageWork } from './stage-work.js'
import type { Store } from '../store/store.js'
import { manifestsNow } from '../store/stored-manifests.js'

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
    // How much of it that was is not known.
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

export const rememberTime = (store: Store['Service'], time: StageTime): void => {
  // What older versions have left is gathered before the first line hides it.
  if (!fs.existsSync(fileOf(store))) {
    const times = gathered(store).filter(({ fingerprint }) => fingerprint !== time.fingerprint)
    write(store, [...times, time])
  } else write(store, [time])
}
