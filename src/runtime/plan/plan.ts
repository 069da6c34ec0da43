/** What a run would do, without doing any of it. */
import * as Effect from 'effect/Effect'
import type { StageNode } from '../../dsl/nodes.js'
import { canonical } from '../canonical.js'
import type { CodeReader } from '../code/code-reader.js'
import type { StoreError } from '../errors.js'
import type { PlannedStage, Reason } from '../events.js'
import { type EngineIdentity, fingerprintOf, type Reuse, type StageIdentity } from '../fingerprint.js'
import { type InParts, inParts } from '../in-parts.js'
import type { Reads, ReadsNow } from '../reads.js'
import { type Manifest, Store } from '../store/store.js'
import { beginningOf, refusalOf } from './extension.js'
import type { LastKnown } from './last-known.js'
import type { Prepared, PreparedStage } from './prepare.js'
import { type CodeRecords, reasonsBetween } from './reasons.js'

export interface FoundArtifact {
  readonly manifest: Manifest
  /** Whether its bytes are known to be as published, so that it may be used without a further look. */
  readonly isWhole: boolean
  /** What made it, where that is not the engine, device and versions of this run. */
  readonly madeBy?: EngineIdentity
}

const isSameEngine = (one: StageIdentity, other: StageIdentity): boolean =>
  canonical(one.engine) === canonical(other.engine)

/** One that read what is still as it was, of this engine or, where any will do, of another. */
function* findLike(
  store: Store['Service'],
  identity: StageIdentity,
  reuse: Reuse,
  isAsThen: (reads: Reads) => InParts<boolean>,
): InParts<FoundArtifact | undefined> {
  const any = reuse === 'any-engine' && identity.engine !== null && identity.machine === undefined
  for (const found of store.findLike(identity)) {
    const { identity: made } = found.manifest
    const isOfSame = isSameEngine(made, identity)
    if (!any && (made.reads === undefined || !isOfSame)) continue
    if (made.reads !== undefined && !(yield* isAsThen(made.reads))) continue
    return { ...found, ...(isOfSame || made.engine === null ? {} : { madeBy: made.engine }) }
  }
  return undefined
}

/**
 * The stored artifact that will do for a stage run: one whose stage read what is still as it was (`isAsThen`). Its own,
 * else with `any-engine` one that differs in engine, device or versions besides: of the same engine where there is one,
 * the newest of these. What was measured on a machine and its engine is taken for nothing else.
 */
export const findArtifact = (
  store: Store['Service'],
  identity: StageIdentity,
  reuse: Reuse,
  isAsThen: (reads: Reads) => InParts<boolean>,
): Effect.Effect<FoundArtifact | undefined> => {
  const own = store.find(fingerprintOf(identity))
  if (own !== undefined) return Effect.succeed(own)
  return Effect.orDie(inParts(() => findLike(store, identity, reuse, isAsThen)))
}

/** What the stage is now, if it reads what it read when `before` was made. */
const withReads = (
  identity: StageIdentity,
  { reads }: StageIdentity,
  now: ReadsNow,
  root: string,
): Effect.Effect<StageIdentity> => {
  if (reads === undefined) return Effect.succeed(identity)
  return inParts(() => now.valuesOf(root, reads)).pipe(
    Effect.orDie,
    Effect.map((values) => ({ ...identity, reads: values })),
  )
}

export interface Plan {
  readonly stages: readonly PlannedStage[]
  /** The artifacts that are there, by stage. */
  readonly manifests: ReadonlyMap<StageNode, Manifest>
  /** The same with what made them, where that is another engine. */
  readonly found: ReadonlyMap<StageNode, FoundArtifact>
}

/** Of a store that cannot be read: its stages say so themselves when they run. */
export const noPlan: Plan = { stages: [], manifests: new Map(), found: new Map() }

const stagesOfInputs = (node: StageNode): Record<string, string> =>
  Object.fromEntries(Object.entries(node.inputs).map(([input, from]) => [input, from.name]))

const pathsOfSources = (stage: PreparedStage): Record<string, string> =>
  Object.fromEntries(Object.entries(stage.sources).map(([source, file]) => [source, file.path]))

/** Records of code, that of the stage as it stands found again where only its digest was remembered. */
const codeRecordsOf = Effect.fnUntraced(function* (
  code: CodeReader,
  { codeEntry, codeWithout, code: digest }: PreparedStage,
  before: StageIdentity,
) {
  const now = before.code === digest ? undefined : yield* Effect.promise(() => code.recordOf(codeEntry, codeWithout))
  return ((wanted) => (wanted === digest ? now : code.record(wanted))) satisfies CodeRecords
})

const opaqueReasons = ({ opaque }: PreparedStage): readonly Reason[] =>
  opaque.map((each) => ({ type: 'code-opaque', ...each }))

/** Why a stage whose artifact is not there has to run, measured against the last time it stood finished. */
export const explainMiss = Effect.fnUntraced(function* (
  stage: PreparedStage,
  identity: StageIdentity,
  last: LastKnown,
  { code, readsNow }: Pick<Prepared, 'code' | 'readsNow'>,
  now = readsNow(),
): Effect.fn.Return<readonly Reason[], StoreError, Store> {
  const store = yield* Store
  // Which code made a stored one is not known.
  if (stage.opaque.length > 0) return opaqueReasons(stage)
  const beginning = yield* beginningOf(stage.kind, identity)
  const known = last.fingerprint(stage.node.name)
  const before = known === undefined ? undefined : store.lookup(known)
  const current = before === undefined ? identity : yield* withReads(identity, before.identity, now, stage.root)
  const fingerprint = fingerprintOf(current)
  if (yield* store.isDamaged(fingerprint)) return [{ type: 'artifact-corrupt' }, ...beginning]
  if (known === undefined) return [{ type: 'never-ran' }, ...beginning]
  if (before === undefined) {
    const isDamaged = yield* store.isDamaged(known)
    return [{ type: isDamaged ? 'artifact-corrupt' : 'artifact-missing' }, ...beginning]
  }
  const recordOf = yield* codeRecordsOf(code, stage, before.identity)
  const reasons = reasonsBetween(before.identity, current, stagesOfInputs(stage.node), pathsOfSources(stage), recordOf)
  if (reasons.length === 0) return [{ type: 'artifact-missing' }, ...beginning]
  return [...reasons, ...refusalOf(stage.kind, identity.params, reasons), ...beginning]
})

/** Whether only reading the artifact's files could tell that they are as they were published. */
const isUnverified = ({ blobs }: Store['Service'], { manifest, isWhole }: FoundArtifact): boolean =>
  !isWhole && Object.values(manifest.files).some((file) => blobs.isUnverified(file))

/**
 * Each stage `cached`, `run` or `maybe`: an input is made anew first, and the same bytes would leave this one alone; or
 * files of its artifact, or of one that it reads, were touched, and a run finds out whether they are damaged. Reads no
 * artifact.
 */
export const planStages = Effect.fnUntraced(function* (prepared: Prepared, last: LastKnown) {
  const store = yield* Store
  const manifests = new Map<StageNode, Manifest>()
  const hits = new Map<StageNode, FoundArtifact>()
  const stages: PlannedStage[] = []
  /** Stages whose artifacts are there and may have to be made again all the same. */
  const unsure = new Set<StageNode>()
  const now = prepared.readsNow()
  for (const stage of prepared.stages) {
    const { node } = stage
    const pending: Reason[] = []
    const doubts: Reason[] = []
    const contents: Record<string, string> = {}
    for (const [input, from] of Object.entries(node.inputs)) {
      const manifest = manifests.get(from)
      if (manifest === undefined) pending.push({ type: 'input-pending', input, stage: from.name })
      else contents[input] = manifest.content
      if (unsure.has(from)) doubts.push({ type: 'input-unverified', input, stage: from.name })
    }
    const planned = { stage: node.name, kind: node.kind }
    if (stage.missing !== undefined) {
      stages.push({ ...planned, status: 'run', reasons: [stage.missing, ...pending] })
      continue
    }
    if (pending.length === 0) {
      const identity = stage.identify(contents)
      const isAsThen = (reads: Reads) => now.areAsThen(stage.root, reads)
      const found = stage.opaque.length > 0 ? undefined : yield* findArtifact(store, identity, prepared.reuse, isAsThen)
      if (found !== undefined) {
        manifests.set(node, found.manifest)
        hits.set(node, found)
        const madeBy = found.madeBy === undefined ? {} : { madeBy: found.madeBy }
        if (isUnverified(store, found)) doubts.unshift({ type: 'artifact-unverified' })
        if (doubts.length > 0) unsure.add(node)
        stages.push({ ...planned, status: doubts.length > 0 ? 'maybe' : 'cached', reasons: doubts, ...madeBy })
      } else {
        stages.push({ ...planned, status: 'run', reasons: yield* explainMiss(stage, identity, last, prepared, now) })
      }
      continue
    }
    // Inputs that are still to come are taken as unchanged: only what is this stage's own can make it run for sure.
    const expected = (before: StageIdentity): Record<string, string> =>
      Object.fromEntries(
        Object.keys(node.inputs).map((input) => [input, contents[input] ?? before.inputs[input] ?? '']),
      )
    const known = last.fingerprint(node.name)
    const before = known === undefined ? undefined : store.lookup(known)?.identity
    const all: readonly Reason[] =
      before === undefined
        ? [{ type: known === undefined ? 'never-ran' : 'artifact-missing' }]
        : [
            ...opaqueReasons(stage),
            ...reasonsBetween(
              before,
              yield* withReads(stage.identify(expected(before)), before, now, stage.root),
              stagesOfInputs(node),
              pathsOfSources(stage),
              yield* codeRecordsOf(prepared.code, stage, before),
            ),
          ]
    // Where any engine will do, another one is no reason to compute again; times hold for one.
    const own =
      prepared.reuse === 'any-engine' && stage.kind.onMachine !== true
        ? all.filter(({ type }) => type !== 'engine-changed')
        : all
    const refusal = refusalOf(stage.kind, node.params, own)
    stages.push({ ...planned, status: own.length > 0 ? 'run' : 'maybe', reasons: [...own, ...refusal, ...pending] })
  }
  now.save()
  return { stages, manifests, found: hits } satisfies Plan
})

/** By stage that has to run or may, the stages behind it that run only if it gives something else than before. */
export const cutOffBehind = ({ stages }: Prepared, plan: Plan): ReadonlyMap<StageNode, readonly string[]> => {
  const behind = new Map<StageNode, Set<string>>()
  const status = new Map(stages.map(({ node }, index) => [node, plan.stages[index]!.status]))
  const above = new Map<StageNode, Set<StageNode>>()
  // Inputs come first.
  for (const { node } of stages) {
    const all = new Set<StageNode>()
    for (const from of Object.values(node.inputs)) {
      if (status.get(from) === undefined || status.get(from) === 'cached') continue
      all.add(from)
      for (const further of above.get(from) ?? []) all.add(further)
    }
    above.set(node, all)
    if (status.get(node) !== 'maybe') continue
    for (const from of all) behind.set(from, (behind.get(from) ?? new Set()).add(node.name))
  }
  return new Map([...behind].map(([node, names]) => [node, [...names]]))
}
