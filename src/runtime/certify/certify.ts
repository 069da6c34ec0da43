/** Computes stages of a finished pipeline or suite again from clean, and holds the results against the stored ones. */
import { createHash } from 'node:crypto'
import * as path from 'node:path'
import * as Clock from 'effect/Clock'
import * as Effect from 'effect/Effect'
import type { StageNode } from '../../dsl/nodes.js'
import { hashOf } from '../canonical.js'
import type { StageGraph } from '../definition/stage-graph.js'
import { UsageError } from '../errors.js'
import type { Emit } from '../events.js'
import type { Reuse } from '../fingerprint.js'
import { machineOf } from '../machine.js'
import type { Plan } from '../plan/plan.js'
import type { Prepared, PreparedStage } from '../plan/prepare.js'
import { readGitState } from '../records/git-state.js'
import { environmentOf, type RecordedEnvironment } from '../records/run-environment.js'
import { readRun } from '../records/run-log.js'
import { Engines, type ResolvedEngine } from '../services.js'
import { notStored } from '../store/find-store.js'
import { type Manifest, Store } from '../store/store.js'
import { type Certificate, type CertifiedStage, sealCertificate } from './certificate.js'
import { recompute } from './recompute.js'
import { defaultTolerances, figuresIn, type Tolerances } from './tolerance.js'
import { comparisonFor, type ComputedHere, isGood, judge } from './verdict.js'

/** A number from 0 up to but not including `below`, the same for the same words. */
const numberFrom = (words: string, below: number): number =>
  Number(createHash('sha256').update(words).digest().readBigUInt64BE(0) % BigInt(below))

/**
 * Which stages a sample takes: one of each of equal stretches of the order, so that the last ones are not always
 * missed. Indices below `total`, ascending: all of them where `wanted` is no smaller.
 */
export const drawStages = (total: number, wanted: number, seed: number): readonly number[] =>
  wanted >= total
    ? Array.from({ length: total }, (_, index) => index)
    : Array.from({ length: wanted }, (_, stretch) => {
        const from = Math.floor((stretch * total) / wanted)
        const to = Math.floor(((stretch + 1) * total) / wanted)
        return from + numberFrom(`${seed} ${stretch}`, to - from)
      })

interface CertifyOptions {
  readonly graph: StageGraph
  readonly prepared: Prepared
  readonly plan: Plan
  readonly engine: ResolvedEngine
  /** In the words of the command line. */
  readonly asked: { readonly engine: string; readonly device: string }
  readonly reuse: Reuse
  readonly jobs: number
  readonly file: string
  readonly baseDir: string
  /** How many stages; undefined: all. */
  readonly sample: number | undefined
  /** Draws them. */
  readonly seed: number
  readonly tolerances: Tolerances
  /** Told of a stage's progress. */
  readonly emit: Emit
  readonly onStage: (stage: CertifiedStage, index: number, of: number) => void
  readonly onStart: (stage: string, index: number, of: number) => void
}

interface Stored {
  readonly stage: PreparedStage
  readonly manifest: Manifest
}

const definitionHash = (prepared: Prepared): string =>
  hashOf(
    prepared.stages.map(({ node }) => [
      node.name,
      node.kind,
      node.params,
      Object.fromEntries(Object.entries(node.inputs).map(([input, from]) => [input, from.name])),
    ]),
    'definition',
  )

/** A figure that no stage has is a typing mistake. */
const checkTolerances = (tolerances: Tolerances, stored: readonly Stored[]): Effect.Effect<void, UsageError> => {
  const figures = new Set(stored.flatMap(({ manifest }) => [...figuresIn(manifest.summary).keys()]))
  const known = new Set([...figures, ...[...figures].map((figure) => figure.split('.').at(-1)!), '*'])
  const stranger = Object.keys(tolerances).find((name) => !known.has(name))
  return stranger === undefined
    ? Effect.void
    : Effect.fail(
        new UsageError({
          message: `no stage has a figure '${stranger}'`,
          hint: `there are ${[...figures].slice(0, 20).join(', ')}`,
        }),
      )
}

/** What is damaged of the artifact or of what it was made from; undefined where every byte is as it was stored. */
const damageOf = Effect.fnUntraced(function* (
  { stage, manifest }: Stored,
  manifests: ReadonlyMap<StageNode, Manifest>,
) {
  const store = yield* Store
  for (const each of [manifest, ...Object.values(stage.node.inputs).map((from) => manifests.get(from)!)]) {
    const damage = yield* store.verify(each).pipe(
      Effect.as(undefined),
      Effect.catchTag('CorruptArtifact', (corrupt) => Effect.succeed(corrupt.message)),
    )
    if (damage !== undefined) return damage
  }
  return undefined
})

const certifyStage = Effect.fnUntraced(function* (
  { stage, manifest }: Stored,
  here: ComputedHere,
  then: RecordedEnvironment | null,
  options: CertifyOptions,
) {
  const store = yield* Store
  const { node, kind } = stage
  const began = yield* Clock.currentTimeMillis
  const about = {
    stage: node.name,
    kind: node.kind,
    fingerprint: manifest.fingerprint,
    content: manifest.content,
    compared: comparisonFor(kind, manifest, here, then),
    files: Object.keys(manifest.files).length,
    made: manifest.made,
  }
  const none = { contentNow: null, difference: null, figures: [] }
  const damage = yield* damageOf({ stage, manifest }, options.plan.manifests)
  if (damage !== undefined) {
    return { ...about, ...none, verdict: 'damaged', failure: { message: damage }, ms: 0 } satisfies CertifiedStage
  }
  const { graph, plan, asked, reuse, jobs, file, baseDir, emit, tolerances } = options
  const settings = { ...asked, reuse, jobs, file, baseDir, emit }
  return yield* Effect.scoped(
    Effect.gen(function* () {
      const again = yield* recompute(graph, node, plan.manifests, settings)
      const ms = (yield* Clock.currentTimeMillis) - began
      if (again.type === 'failed') {
        return { ...about, ...none, verdict: 'failed', failure: again.failure, ms } satisfies CertifiedStage
      }
      const judgement = judge(manifest, again.manifest, about.compared, tolerances, (name) => [
        store.blob(manifest.files[name]!),
        again.pathOf(name),
      ])
      return { ...about, ...judgement, contentNow: again.manifest.content, failure: null, ms } satisfies CertifiedStage
    }),
  )
})

/** Fails with a UsageError where the store has nothing of it. */
export const certify = Effect.fnUntraced(function* (options: CertifyOptions) {
  const { graph, prepared, plan, engine, sample, seed } = options
  const store = yield* Store
  const began = yield* Clock.currentTimeMillis
  const stored = prepared.stages.flatMap((stage): readonly Stored[] => {
    const manifest = plan.manifests.get(stage.node)
    return manifest === undefined ? [] : [{ stage, manifest }]
  })
  if (stored.length === 0) {
    return yield* notStored({
      message: `there is nothing to certify: the store has no artifact of '${graph.name}' as it stands`,
      hint: 'run it first; genepool plan says what is missing',
    })
  }
  yield* checkTolerances(options.tolerances, stored)
  const deviceName = (yield* Engines).deviceName(engine)
  const controller = new AbortController()
  const git = yield* Effect.promise(() => readGitState(path.resolve(options.baseDir), controller.signal))
  const environment = { ...environmentOf(store, { ...options, deviceName }), git }
  const here = { engine: engine.identity, machine: machineOf(deviceName) }
  const drawn = drawStages(stored.length, sample ?? stored.length, seed).map((index) => stored[index]!)
  const runs = new Map<string, RecordedEnvironment | null>()
  const stages: CertifiedStage[] = []
  for (const [index, each] of drawn.entries()) {
    const { run } = each.manifest.made
    if (!runs.has(run)) runs.set(run, (yield* readRun(run))?.environment ?? null)
    options.onStart(each.stage.node.name, index, drawn.length)
    const certified = yield* certifyStage(each, here, runs.get(run) ?? null, options)
    options.onStage(certified, index, drawn.length)
    stages.push(certified)
  }
  const now = yield* Clock.currentTimeMillis
  return sealCertificate({
    type: 'genepool-certificate',
    version: 1,
    pipeline: graph.name,
    certified: stages.every(({ verdict }) => isGood(verdict)),
    at: new Date(now).toISOString(),
    ms: now - began,
    definition: definitionHash(prepared),
    seeds: graph.seeds,
    sample: { seed, of: stored.length, drawn: drawn.length },
    environment,
    runs: Object.fromEntries(runs),
    tolerance: { named: options.tolerances, defaults: defaultTolerances },
    stages,
    key: stored.map(({ stage, manifest: { fingerprint, content } }) => ({
      stage: stage.node.name,
      fingerprint,
      content,
    })),
    missing: prepared.stages.flatMap(({ node }) => (plan.manifests.has(node) ? [] : [node.name])),
  }) satisfies Certificate
})
