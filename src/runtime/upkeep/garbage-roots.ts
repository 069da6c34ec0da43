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
import { readRun } from '../records/run-log.js'
import { Engines, type StageKinds } from '../services.js'
import { liveRuns } from '../store/lock.js'
import type { Manifest } from '../store/manifest.js'
import { Store } from '../store/store.js'
import { entriesIn } from '../store/stored-entries.js'

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

/** Fingerprints that the definition reaches, on the engine that it was run on. */
const reached = Effect.fnUntraced(function* (target: Omit<KnownTarget, 'name'>, graph: StageGraph) {
  const store = yield* Store
  const { file, device, reuse } = target
  const engine = yield* (yield* Engines).resolve({ engine: target.engine, device, toCompute: false })
  const baseDir = path.dirname(file)
  const prepared = yield* prepare(graph, { engine, baseDir, file, reuse, tellMissing: true })
  const last = new LastKnown(store, graph.remembered)
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

/** Fingerprints by root, of the runs that are going on. */
export const liveRoots = Effect.fnUntraced(function* () {
  const store = yield* Store
  const roots: Root[] = []
  for (const run of liveRuns(store)) {
    const fingerprints = fingerprintsOf((yield* readRun(run))?.events ?? [])
    roots.push({ label: `run ${run}, going on`, kind: 'live', fingerprints, wanted: fingerprints })
  }
  return roots
})

export const tagRoots = Effect.fnUntraced(function* () {
  const store = yield* Store
  const roots: Root[] = []
  const warnings: string[] = []
  for (const { name, path: place } of entriesIn(store.place('tags'))) {
    const run = yield* Effect.try(() => fs.readFileSync(place, 'utf8').trim()).pipe(Effect.orElseSucceed(() => ''))
    const record = yield* readRun(run)
    if (record === undefined) warnings.push(`the tag ${name} names the run '${run}', which is not recorded`)
    const fingerprints = fingerprintsOf(record?.events ?? [])
    roots.push({ label: `tag ${name}, run ${run}`, kind: 'tag', fingerprints, wanted: new Set() })
  }
  return { roots, warnings }
})

export interface NamedTarget extends Omit<KnownTarget, 'name'> {
  /** As the user wrote it. */
  readonly label: string
}

const isThere = ({ target }: { readonly target: KnownTarget }): boolean => fs.existsSync(target.file)

const noNames: ReadonlyMap<string, string> = new Map()

/**
 * All of them. Fails with a UsageError where a named definition cannot be loaded, or the record of a known one is
 * damaged; of one that is only known and cannot be loaded all is kept that its stages were when they last stood
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
  for (const { target } of known.filter(isThere)) {
    const label = labelOf(target)
    const found = yield* graphOf(target).pipe(
      Effect.flatMap((graph) => reached(target, graph)),
      Effect.catchTag('UsageError', (error) =>
        Effect.sync(() => {
          warnings.push(`${label}: ${error.message}; what its stages were when they last stood finished is kept`)
          const last = new LastKnown(store, { as: target.name, names: noNames }).all()
          return { fingerprints: new Set(last), wanted: new Set(last) }
        }),
      ),
    )
    roots.push({ label, kind: 'known', ...found })
  }
  const tags = yield* tagRoots()
  return {
    roots: [...roots, ...tags.roots, ...(yield* liveRoots())],
    gone: known.filter((each) => !isThere(each)),
    warnings: [...warnings, ...tags.warnings],
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

/**
 * Which artifacts are kept, and by what: those that a root names, those that were made in the last `keepDays`, and what
 * any of these was made from.
 */
export const markKept = (
  manifests: readonly Manifest[],
  roots: readonly Root[],
  keepDays: number,
  now = Date.now(),
): Marks => {
  const byFingerprint = new Map(manifests.map((manifest) => [manifest.fingerprint, manifest]))
  const byContent = new Map<string, string[]>()
  for (const { content, fingerprint } of manifests) {
    const alike = byContent.get(content)
    if (alike === undefined) byContent.set(content, [fingerprint])
    else alike.push(fingerprint)
  }
  const young = manifests.filter(({ made }) => now - Date.parse(made.at) < keepDays * dayMs)
  const by = new Map<Pick<Root, 'label' | 'kind'> | 'young', ReadonlySet<string>>(
    roots.map((root) => [root, withInputs(root.fingerprints, byFingerprint, byContent)]),
  )
  const youngest = young.map(({ fingerprint }) => fingerprint)
  if (youngest.length > 0) by.set('young', withInputs(youngest, byFingerprint, byContent))
  return { kept: new Set([...by.values()].flatMap((kept) => [...kept])), by }
}
