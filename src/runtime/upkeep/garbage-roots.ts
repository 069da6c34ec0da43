/**
 * What keeps artifacts: definitions that are named or that have been run and whose file is still there, tagged runs,
 * runs that are going on, and time. A definition keeps what it reaches as it stands now, and what each of its stages
 * was when it last stood finished: that is all that is known of stages behind one that has to run again.
 */
import * as fs from 'node:fs'
import * as path from 'node:path'
import * as Effect from 'effect/Effect'
import { loadDefinition } from '../definition/load.js'
import { selectCell } from '../definition/select-cell.js'
import { cellGraph, stageGraph, type StageGraph } from '../definition/stage-graph.js'
import { type StoreError, UsageError } from '../errors.js'
import type { RunEvent } from '../events.js'
import { fingerprintOf } from '../fingerprint.js'
import { LastKnown } from '../plan/last-known.js'
import { planStages } from '../plan/plan.js'
import { prepare } from '../plan/prepare.js'
import { type KnownTarget, knownTargets } from '../records/known-targets.js'
import { hasEnd, readRun } from '../records/run-log.js'
import { allTags } from '../records/run-tags.js'
import { Engines, type StageKinds } from '../services.js'
import { liveRuns } from '../store/lock.js'
import type { Manifest } from '../store/manifest.js'
import { Store } from '../store/store.js'
import type { FoundManifest } from '../store/stored-entries.js'

interface Root {
  /** What it is called to the user: a file, a tag, a run. */
  readonly label: string
  readonly kind: 'named' | 'known' | 'tag' | 'live'
  readonly fingerprints: ReadonlySet<string>
  /** Of stages that it would run: their checkpoints are worth keeping. */
  readonly wanted: ReadonlySet<string>
}

export interface Roots {
  readonly roots: readonly Root[]
  /** Files where a definition was remembered that is not there any more. */
  readonly gone: readonly { readonly target: KnownTarget; readonly entry: string }[]
  readonly warnings: readonly string[]
}

const graphOf = Effect.fnUntraced(function* (target: Pick<KnownTarget, 'file' | 'cell'>) {
  const graph = yield* stageGraph(yield* loadDefinition(target.file))
  if (target.cell === undefined || graph.kind === 'pipeline') return graph
  return cellGraph(graph, yield* selectCell(graph, target.cell))
})

/**
 * Fingerprints that the definition reaches, on the engine that it was run on. Fails with a UsageError where nobody can
 * tell what its stages were.
 */
const reached = Effect.fnUntraced(function* (target: Omit<KnownTarget, 'name'>, graph: StageGraph) {
  const store = yield* Store
  const { file, device, reuse } = target
  const engine = yield* (yield* Engines).resolve({ engine: target.engine, device, toCompute: false })
  const baseDir = path.dirname(file)
  const prepared = yield* prepare(graph, { engine, baseDir, file, reuse, tellMissing: true })
  const last = new LastKnown(store, graph.remembered)
  if (last.isDamaged) {
    return yield* new UsageError({
      message: `${last.path}, which says what its stages were when they last stood finished, is damaged`,
      hint: `run ${file} again, which mends it, or remove the file to let go of what it named`,
    })
  }
  const { manifests } = yield* planStages(prepared, last)
  const fingerprints = new Set([...manifests.values()].map(({ fingerprint }) => fingerprint))
  const wanted = new Set<string>()
  for (const stage of prepared.stages) {
    const known = last.fingerprint(stage.node.name)
    if (known !== undefined) fingerprints.add(known)
    const inputs = Object.entries(stage.node.inputs).map(([input, from]) => [input, manifests.get(from)?.content])
    if (manifests.has(stage.node) || stage.missing !== undefined || inputs.some(([, content]) => !content)) continue
    wanted.add(fingerprintOf(stage.identify(Object.fromEntries(inputs))))
  }
  return { fingerprints, wanted }
})

const labelOf = ({ file, cell }: KnownTarget): string => {
  const shown = path.relative(process.cwd(), file)
  const name = shown.startsWith('..') ? file : shown
  return cell === undefined ? name : `${name}#${cell}`
}

/** Every fingerprint that a run found or made. */
const fingerprintsOf = (events: readonly RunEvent[]): ReadonlySet<string> =>
  new Set(
    events.flatMap((event) => [
      ...('fingerprint' in event ? [event.fingerprint] : []),
      ...('goesOnFrom' in event && event.goesOnFrom !== undefined ? [event.goesOnFrom.fingerprint] : []),
    ]),
  )

/** Fingerprints by root, of the runs that are going on. Fails with a UsageError where nobody can tell them. */
export const liveRoots = Effect.fnUntraced(function* () {
  const store = yield* Store
  const roots: Root[] = []
  for (const run of liveRuns(store)) {
    const record = yield* readRun(run)
    if (record?.damage !== undefined) {
      return yield* new UsageError({
        message: `which artifacts the run ${run} has found, which goes on, cannot be told: ${record.damage}`,
        hint: 'collect garbage when it has ended',
      })
    }
    const fingerprints = fingerprintsOf(record?.events ?? [])
    roots.push({ label: `run ${run}, going on`, kind: 'live', fingerprints, wanted: fingerprints })
  }
  return roots
})

/** Fails with a UsageError where nobody can tell what a tag keeps. */
export const tagRoots = Effect.fnUntraced(function* () {
  const store = yield* Store
  const live = new Set(liveRuns(store))
  const roots: Root[] = []
  for (const [name, { run, damage, isSealed }] of yield* allTags()) {
    const record = run === undefined ? undefined : yield* readRun(run)
    const isCut = record !== undefined && !isSealed && !hasEnd(record) && !live.has(record.run)
    const wrong =
      damage ??
      record?.damage ??
      (isCut ? `the record of its run ${run} has no end: the run was killed, or it is cut` : undefined)
    if (record === undefined || wrong !== undefined) {
      return yield* new UsageError({
        message: `which artifacts the tag ${name} keeps cannot be told: ${wrong}`,
        hint:
          (isCut ? `genepool runs tag ${run} ${name} keeps what the record names, ` : '') +
          `genepool runs untag ${name} lets go of what it kept`,
      })
    }
    roots.push({
      label: `tag ${name}, run ${run}`,
      kind: 'tag',
      fingerprints: fingerprintsOf(record.events),
      wanted: new Set(),
    })
  }
  return roots
})

export interface NamedTarget extends Omit<KnownTarget, 'name'> {
  /** As the user wrote it. */
  readonly label: string
}

const isThere = ({ target }: { readonly target: KnownTarget }): boolean => fs.existsSync(target.file)

const noNames: ReadonlyMap<string, string> = new Map()

/**
 * All of them. Fails with a UsageError where a named definition cannot be loaded, or what keeps artifacts cannot be
 * read; of a definition that is only known and cannot be loaded all is kept that its stages were when they last stood
 * finished.
 */
export const findRoots = Effect.fnUntraced(function* (
  named: readonly NamedTarget[],
  namedOnly: boolean,
): Effect.fn.Return<Roots, UsageError | StoreError, Store | Engines | StageKinds> {
  const store = yield* Store
  const roots: Root[] = []
  const warnings: string[] = []
  for (const target of named) {
    roots.push({ label: target.label, kind: 'named', ...(yield* reached(target, yield* graphOf(target))) })
  }
  const { whole: known, damaged } = namedOnly ? { whole: [], damaged: [] } : knownTargets(store)
  if (damaged.length > 0) {
    return yield* new UsageError({
      message:
        `${damaged.join(', ')} ${damaged.length === 1 ? 'is' : 'are'} damaged: ` +
        'which pipeline it was that keeps its artifacts cannot be told',
      hint: 'run the pipelines of this store again, which mends it, or remove the file to let go of what it named',
    })
  }
  for (const { target, entry } of known.filter(isThere)) {
    const label = labelOf(target)
    const found = yield* graphOf(target).pipe(
      Effect.flatMap((graph) => reached(target, graph)),
      Effect.catchTag('UsageError', (error) => {
        const last = new LastKnown(store, { as: target.name, names: noNames })
        if (last.isLost) {
          const isDefinition = !error.message.startsWith(last.path)
          return new UsageError({
            message:
              `what ${label} keeps cannot be told: ${error.message}` +
              (isDefinition ? ', and what its stages were is not recorded' : ''),
            hint: isDefinition
              ? `mend the definition, or remove ${entry} to let go of what it keeps`
              : 'run it again, which mends the file, or remove that to let go of what it named',
          })
        }
        warnings.push(`${label}: ${error.message}; what its stages were when they last stood finished is kept`)
        return Effect.succeed({ fingerprints: new Set(last.all()), wanted: new Set(last.all()) })
      }),
    )
    roots.push({ label, kind: 'known', ...found })
  }
  return {
    roots: [...roots, ...(yield* tagRoots()), ...(yield* liveRoots())],
    gone: known.filter((each) => !isThere(each)),
    warnings,
  }
})

/** Artifacts by the root that keeps them; one may be kept by several. */
export interface Marks {
  readonly kept: ReadonlySet<string>
  readonly by: ReadonlyMap<Pick<Root, 'label' | 'kind'> | 'young', ReadonlySet<string>>
}

export const dayMs = 86_400_000

/** The artifacts and, all the way up, those that have the contents that they were made from. */
const withInputs = (
  fingerprints: Iterable<string>,
  byFingerprint: ReadonlyMap<string, Manifest>,
  byContent: ReadonlyMap<string, readonly string[]>,
): ReadonlySet<string> => {
  const kept = new Set<string>()
  const contents = new Set<string>()
  const pending = [...fingerprints]
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const manifest = byFingerprint.get(next)
    if (manifest === undefined || kept.has(next)) continue
    kept.add(next)
    for (const content of Object.values(manifest.identity.inputs)) {
      if (contents.has(content)) continue
      contents.add(content)
      pending.push(...(byContent.get(content) ?? []))
    }
  }
  return kept
}

/** Fingerprints of what was made, or came into the store, in the last `keepDays`. */
export const youngIn = (found: readonly FoundManifest[], keepDays: number, now = Date.now()): readonly string[] =>
  found.flatMap(({ manifest, arrivedAt }) => {
    if (manifest === undefined) return []
    const age = now - Math.max(Date.parse(manifest.made.at), arrivedAt)
    return age < keepDays * dayMs ? [manifest.fingerprint] : []
  })

/** Which artifacts are kept, and by what: those that a root names, `young` ones, and what these were made from. */
export const markKept = (
  manifests: readonly Manifest[],
  roots: readonly Root[],
  young: readonly string[] = [],
): Marks => {
  const byFingerprint = new Map(manifests.map((manifest) => [manifest.fingerprint, manifest]))
  const byContent = new Map<string, string[]>()
  for (const { content, fingerprint } of manifests) {
    const alike = byContent.get(content)
    if (alike === undefined) byContent.set(content, [fingerprint])
    else alike.push(fingerprint)
  }
  const by = new Map<Pick<Root, 'label' | 'kind'> | 'young', ReadonlySet<string>>(
    roots.map((root) => [root, withInputs(root.fingerprints, byFingerprint, byContent)]),
  )
  if (young.length > 0) by.set('young', withInputs(young, byFingerprint, byContent))
  return { kept: new Set([...by.values()].flatMap((kept) => [...kept])), by }
}
