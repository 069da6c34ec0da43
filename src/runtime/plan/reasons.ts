/** Why a stage is not what it was: named rules over two identities, each with what was before and what is now. */
import { isObject } from '../../base/objects.js'
import type { Json } from '../../dsl/nodes.js'
import { canonical } from '../canonical.js'
import type { CodeRecord } from '../code/code-record.js'
import { codeReasons } from '../code/code-reasons.js'
import type { Reason } from '../events.js'
import type { EngineIdentity, StageIdentity } from '../fingerprint.js'
import type { MachineIdentity } from '../machine.js'
import { partsOfEscape, partsOfRead } from '../reads.js'

type Rule = (before: StageIdentity, now: StageIdentity) => readonly Reason[]
type Values = Readonly<Record<string, string>>
/** What a digest of code stands for, where that is known. */
export type CodeRecords = (digest: string) => CodeRecord | undefined

const keysOf = (...records: readonly object[]): readonly string[] => [...new Set(records.flatMap(Object.keys))].sort()

/** Paths of all leaves, of which a list is one: `train.lr` → 0.001. */
export const leavesOf = (value: unknown, path = '', out = new Map<string, Json>()): ReadonlyMap<string, Json> => {
  if (!isObject(value)) return out.set(path, value as Json)
  for (const [key, item] of Object.entries(value)) leavesOf(item, path === '' ? key : `${path}.${key}`, out)
  return out
}

const parameters: Rule = (before, now) => {
  const old = leavesOf(before.params)
  const current = leavesOf(now.params)
  return [...new Set([...old.keys(), ...current.keys()])]
    .map((parameter) => ({ parameter, before: old.get(parameter) ?? null, now: current.get(parameter) ?? null }))
    .filter((change) => canonical(change.before) !== canonical(change.now))
    .map((change) => ({ type: 'parameter-changed', ...change }))
}

const inputs =
  (stageOf: Values): Rule =>
  (before, now) =>
    keysOf(before.inputs, now.inputs)
      .filter((input) => before.inputs[input] !== now.inputs[input])
      .map((input) => ({ type: 'input-changed', input, stage: stageOf[input] ?? input }))

const sources =
  (pathOf: Values): Rule =>
  (before, now) =>
    keysOf(before.sources, now.sources)
      .filter((source) => before.sources[source] !== now.sources[source])
      .map((source) => ({ type: 'source-changed', source, path: pathOf[source] ?? '' }))

const code =
  (recordOf: CodeRecords): Rule =>
  (before, now) =>
    before.code === now.code ? [] : codeReasons(recordOf(before.code), recordOf(now.code))

const describeEngine = (engine: EngineIdentity | null): string =>
  engine === null
    ? 'none'
    : `${engine.engine} on ${engine.device} (${Object.entries(engine.versions)
        .map(([name, version]) => `${name} ${version}`)
        .join(', ')})`

const engine: Rule = (before, now) => {
  const [old, current] = [describeEngine(before.engine), describeEngine(now.engine)]
  return old === current ? [] : [{ type: 'engine-changed', before: old, now: current }]
}

const describeMachine = (machine: MachineIdentity | undefined): string => {
  if (machine === undefined) return 'none'
  const { processor, cores, device } = machine
  return `${processor}, ${cores} ${cores === 1 ? 'core' : 'cores'}${device === undefined ? '' : `, ${device}`}`
}

const machine: Rule = (before, now) => {
  const [old, current] = [describeMachine(before.machine), describeMachine(now.machine)]
  return old === current ? [] : [{ type: 'machine-changed', before: old, now: current }]
}

const reads: Rule = ({ reads: before = {} }, { reads: now = {} }) =>
  Object.keys(before).flatMap((name): readonly Reason[] => {
    const { kind, what } = partsOfRead(name)
    if (kind === 'escape') return [{ type: 'escape', ...partsOfEscape(what) }]
    const [old, current] = [before[name] ?? null, now[name] ?? null]
    return old === current ? [] : [{ type: 'read-changed', what: name, before: old, now: current }]
  })

const trusts: Rule = ({ trusts: before = [] }, { trusts: now = [] }) =>
  canonical(before) === canonical(now)
    ? []
    : [{ type: 'parameter-changed', parameter: 'trusts', before: [...before], now: [...now] }]

/** All that differs. `stageOf` names the stage behind each input, `pathOf` the file behind each source. */
export const reasonsBetween = (
  before: StageIdentity,
  now: StageIdentity,
  stageOf: Values,
  pathOf: Values,
  recordOf: CodeRecords,
): readonly Reason[] =>
  before.scheme === now.scheme
    ? [parameters, inputs(stageOf), sources(pathOf), code(recordOf), engine, machine, trusts, reads].flatMap((rule) =>
        rule(before, now),
      )
    : [{ type: 'scheme-changed', before: before.scheme, now: now.scheme }]
