/**
 * Everything about a graph's stages that is known before any of them runs: order, kind, code, external files, engine.
 * What is missing for a fingerprint afterwards is only the content of the inputs.
 */
import * as Effect from 'effect/Effect'
import type { StageNode } from '../dsl/nodes.js'
import { canonical } from './canonical.js'
import { CodeReader, type CodeState } from './code/code-reader.js'
import type { CodeEntry } from './code/walk.js'
import { StageError, UsageError, sentenceOf } from './errors.js'
import type { Reason } from './events.js'
import { FileIndex, hashFile, identityOf } from './file-identity.js'
import { identifyingParams } from './extension.js'
import { keyScheme, type MachineIdentity, type StageIdentity } from './fingerprint.js'
import { orderStages } from './graph.js'
import { machineOf } from './machine.js'
import { Engines, StageKinds, type ResolvedEngine } from './services.js'
import type { StageGraph } from './stage-graph.js'
import type { StageKind } from './stage-contract.js'
import { Store } from './store.js'
import { isUserStageNode, userStageKind } from './user-stage.js'

export interface SourceFile {
  readonly path: string
  readonly sha256: string
  /** The file's identity when it was hashed: what a finished stage is held against. */
  readonly identity: string
}

export interface PreparedStage {
  readonly node: StageNode
  readonly kind: StageKind
  readonly sources: Readonly<Record<string, SourceFile>>
  /** An external file that is not there, where that was to be told rather than raised: such a stage has no identity yet. */
  readonly missing?: MissingSource
  /** Where its code begins, and the packages that count as its engine's and not as its code's. */
  readonly codeEntry: CodeEntry
  readonly codeWithout: readonly string[]
  /** sha256 of its code. */
  readonly code: string
  /** What of its code cannot be followed: with any, its result is not taken from the store. */
  readonly opaque: CodeState['opaque']
  /** No other stage of this run reads its artifact: it is what the run is for. */
  readonly isResult: boolean
  /** The identity, given the content of each input. */
  readonly identify: (inputs: Readonly<Record<string, string>>) => StageIdentity
}

export type MissingSource = Extract<Reason, { type: 'source-missing' }>

/** Whether an artifact that another engine, device or version made will do as well. */
export type Reuse = 'same-engine' | 'any-engine'

export interface Prepared {
  readonly stages: readonly PreparedStage[]
  readonly code: CodeReader
  readonly reuse: Reuse
}

export interface PrepareOptions {
  readonly engine: ResolvedEngine
  /** Relative paths of external files start here. */
  readonly baseDir: string
  /** The definition's file, where it comes from one: workers import it for stages of the user's own. */
  readonly file?: string
  readonly only?: string
  /** Default `same-engine`. */
  readonly reuse?: Reuse
  /** Whether an external file that is not there is told by its stage (`missing`) instead of an error; default false. */
  readonly tellMissing?: boolean
}

const mapValues = <A, B>(record: Readonly<Record<string, A>>, f: (value: A, key: string) => B): Record<string, B> =>
  Object.fromEntries(Object.entries(record).map(([key, value]) => [key, f(value, key)]))

const entryOf = ({ module, entry }: StageKind): CodeEntry =>
  'export' in entry ? { module, export: entry.export } : { module, call: entry.call, place: entry.place }

const usageErrorOf = (node: StageNode) => (cause: unknown) =>
  new UsageError({
    message: `stage '${node.name}': ${sentenceOf(cause)}`,
    ...(cause instanceof StageError && cause.hint !== undefined ? { hint: cause.hint } : {}),
    cause,
  })

/** Reads code and external files, the ones that changed. Fails with a UsageError where the definition cannot be run. */
export const prepare = Effect.fnUntraced(function* (graph: StageGraph, options: PrepareOptions) {
  const store = yield* Store
  const kinds = yield* StageKinds
  const engines = yield* Engines
  const nodes = yield* orderStages(graph, options.only)
  const code = new CodeReader(store.root)
  const hashes = new FileIndex<string>(store.place('index', 'sources.json'), 'sha256')

  const source = (path: string): SourceFile => {
    const readAt = Date.now()
    const identity = identityOf(path)
    if (identity === undefined) throw new StageError({ message: `${path} does not exist`, path })
    const known = hashes.peek(path)
    const sha256 = known ?? hashFile(path)
    if (known === undefined) hashes.remember(path, identity, sha256, readAt)
    return { path, sha256, identity }
  }

  let knownMachine: MachineIdentity | undefined
  const machine = (): MachineIdentity => (knownMachine ??= machineOf(engines.deviceName(options.engine)))

  const read = new Set(nodes.flatMap((node) => Object.values(node.inputs)))
  const stages: PreparedStage[] = []
  for (const node of nodes) {
    const kind = isUserStageNode(node) ? userStageKind(node, options.file) : kinds.find(node.kind)
    if (kind === undefined) {
      return yield* new UsageError({ message: `stage '${node.name}' is of an unknown kind '${node.kind}'` })
    }
    let missing: MissingSource | undefined
    const sources = yield* Effect.try({
      try: () => mapValues(kind.sources?.(node.params, options.baseDir) ?? {}, source),
      catch: (cause) => cause,
    }).pipe(
      Effect.catch((cause) => {
        if (options.tellMissing !== true || !(cause instanceof StageError))
          return Effect.fail(usageErrorOf(node)(cause))
        missing = { type: 'source-missing', path: cause.path ?? null, message: cause.message }
        return Effect.succeed({})
      }),
    )
    const codeEntry = entryOf(kind)
    // What an engine brings counts where that engine computes, in its identity: not wherever its adapter is imported.
    const codeWithout = kind.usesEngine ? engines.packages : []
    const { digest, opaque } = yield* Effect.try({
      try: () => code.read(codeEntry, codeWithout),
      catch: usageErrorOf(node),
    })
    const identify = (inputs: Readonly<Record<string, string>>): StageIdentity => ({
      scheme: keyScheme,
      kind: node.kind,
      params: identifyingParams(kind, node.params),
      inputs,
      sources: mapValues(sources, (file) => file.sha256),
      code: digest,
      engine: kind.usesEngine ? options.engine.identity : null,
      ...(kind.onMachine === true ? { machine: machine() } : {}),
    })
    // Parameters that are no plain data are found here, before anything has run.
    yield* Effect.try({ try: () => canonical(node.params, 'stage.params'), catch: usageErrorOf(node) })
    stages.push({
      node,
      kind,
      sources,
      ...(missing && { missing }),
      codeEntry,
      codeWithout,
      code: digest,
      opaque,
      isResult: !read.has(node),
      identify,
    })
  }
  hashes.save()
  code.save()
  return { stages, code, reuse: options.reuse ?? 'same-engine' } satisfies Prepared
})
