/**
 * Everything about a graph's stages that is known before any of them runs: order, kind, code, external files, engine.
 * What is missing for a fingerprint afterwards is only the content of the inputs.
 */
import * as Effect from 'effect/Effect'
import { mapValues } from '../../base/objects.js'
import type { StageNode } from '../../dsl/nodes.js'
import { canonical, hashOf } from '../canonical.js'
import { type CodeEntry, CodeReader, type CodeState } from '../code/code-reader.js'
import type { StageGraph } from '../definition/stage-graph.js'
import { orderStages } from '../definition/stage-order.js'
import { capturesError, isRepeated, isUserStageNode, userStageKind } from '../definition/user-stage.js'
import { sentenceOf } from '../../base/errors.js'
import { StageError, UsageError } from '../errors.js'
import type { Reason } from '../events.js'
import { FileIndex } from '../file-identity.js'
import { hashSource, isFolderSource, sourceIdentity } from '../folder-source.js'
import { fingerprintOf, keyScheme, type Reuse, type StageIdentity } from '../fingerprint.js'
import { type InParts, inParts } from '../in-parts.js'
import { type MachineIdentity, machineOf } from '../machine.js'
import { projectRootOf, ReadsNow } from '../reads.js'
import { Engines, type ResolvedEngine, StageKinds } from '../services.js'
import type { StageKind } from '../stage-contract.js'
import type { SourceFile } from '../store/sealed-inputs.js'
import { Store } from '../store/store.js'
import { identifyingParams } from './extension.js'

export interface PreparedStage {
  readonly node: StageNode
  readonly kind: StageKind
  readonly sources: Readonly<Record<string, SourceFile>>
  /**
   * An external file that is not there, where that was to be told rather than raised: such a stage has no identity yet.
   */
  readonly missing?: MissingSource
  /** Where its code begins, and the packages that count as its engine's and not as its code's. */
  readonly codeEntry: CodeEntry
  readonly codeWithout: readonly string[]
  /** sha256 of its code. */
  readonly code: string
  /** What of its code cannot be followed: with any, its result is not taken from the store. */
  readonly opaque: CodeState['opaque']
  /** Below which folder paths in its trace are relative. */
  readonly root: string
  /** The identity, given the content of each input. */
  readonly identify: (inputs: Readonly<Record<string, string>>) => StageIdentity
}

type MissingSource = Extract<Reason, { type: 'source-missing' }>

export interface Prepared {
  readonly stages: readonly PreparedStage[]
  readonly code: CodeReader
  readonly reuse: Reuse
  /** What things outside the store are from now on. */
  readonly readsNow: () => ReadsNow
}

interface PrepareOptions {
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

const entryOf = ({ module, entry }: StageKind): CodeEntry =>
  'export' in entry ? { module, export: entry.export } : { module, call: entry.call, place: entry.place }

/** Runs a part of a stage's preparation; what it throws is told with the stage's name. */
export const ofStage = async <A>(node: StageNode, part: () => Promise<A>): Promise<A> => {
  try {
    return await part()
  } catch (cause) {
    const hint = cause instanceof StageError && cause.hint !== undefined ? { hint: cause.hint } : {}
    throw new UsageError({ message: `stage '${node.name}': ${sentenceOf(cause)}`, ...hint, cause })
  }
}

/** As an effect, a UsageError with which `run` rejects fails; all else is a defect. */
export const usage = <A>(run: (signal: AbortSignal) => Promise<A>): Effect.Effect<A, UsageError> =>
  Effect.tryPromise({ try: run, catch: (cause) => cause }).pipe(
    Effect.catch((cause) => (cause instanceof UsageError ? Effect.fail(cause) : Effect.die(cause))),
  )

/** Stages whose code is read at once: the compiler is a process of its own. */
const sideBySide = 8

/** Reads code and external files, the ones that changed. Fails with a UsageError where the definition cannot be run. */
export const prepare = Effect.fnUntraced(function* (graph: StageGraph, options: PrepareOptions) {
  const store = yield* Store
  const kinds = yield* StageKinds
  const engines = yield* Engines
  const nodes = yield* orderStages(graph, options.only)
  const code = new CodeReader(store.root)
  const hashes = new FileIndex<string>(store.place('index', 'sources.json'), 'sha256')
  const readsNow = (): ReadsNow => new ReadsNow(hashes)

  const readSource = async (path: string, signal: AbortSignal): Promise<SourceFile> => {
    const readAt = Date.now()
    const unreadable = (cause: unknown): StageError => new StageError({ message: sentenceOf(cause), path, cause })
    const looking = <A>(begin: () => InParts<A>): Promise<A> =>
      Effect.runPromise(Effect.mapError(inParts(begin), unreadable), { signal })
    const identity = await looking(() => sourceIdentity(path))
    if (identity === undefined) throw new StageError({ message: `${path} does not exist`, path })
    const known = hashes.peek(path, identity)
    if (known !== undefined) return { path, sha256: known, identity }
    const index = isFolderSource(path) ? store.place('index', `folder-${hashOf([path])}.list`) : undefined
    const sha256 = await looking(() => hashSource(path, index))
    hashes.remember(path, identity, sha256, readAt)
    return { path, sha256, identity }
  }
  /** Stages that read one file wait for the one that came first. */
  const reading = new Map<string, Promise<SourceFile>>()
  const source = (path: string, signal: AbortSignal): Promise<SourceFile> => {
    const file = reading.get(path) ?? readSource(path, signal)
    reading.set(path, file)
    return file
  }
  const roots = new Map<string, string>()
  const rootOf = (module: string): string => {
    const root = roots.get(module) ?? projectRootOf(module)
    roots.set(module, root)
    return root
  }

  let knownMachine: MachineIdentity | undefined
  const machine = (): MachineIdentity => (knownMachine ??= machineOf(engines.deviceName(options.engine)))

  const sourcesOf = async (
    kind: StageKind,
    node: StageNode,
    signal: AbortSignal,
  ): Promise<Pick<PreparedStage, 'sources' | 'missing'>> => {
    try {
      const found: Record<string, SourceFile> = {}
      for (const [role, path] of Object.entries(kind.sources?.(node.params, options.baseDir, node.inputs) ?? {})) {
        found[role] = await source(path, signal)
      }
      return { sources: found }
    } catch (cause) {
      if (options.tellMissing !== true || !(cause instanceof StageError)) throw cause
      const { path = null, message, hint } = cause
      return {
        sources: {},
        missing: { type: 'source-missing', path, message, ...(hint === undefined ? {} : { hint }) },
      }
    }
  }

  const prepareStage = async (node: StageNode, signal: AbortSignal): Promise<PreparedStage> => {
    const kind = isUserStageNode(node) ? userStageKind(node, options.file) : kinds.find(node.kind)
    if (kind === undefined) {
      throw new UsageError({ message: `stage '${node.name}' is of an unknown kind '${node.kind}'` })
    }
    const codeEntry = entryOf(kind)
    // What an engine brings counts where that engine computes, in its identity: not wherever its adapter is imported.
    const codeWithout = kind.usesEngine ? engines.packages : []
    const {
      missing,
      sources,
      code: read,
    } = await ofStage(node, async () => {
      const found = await sourcesOf(kind, node, signal)
      // Parameters that are no plain data are found here, before anything has run.
      canonical(node.params, 'stage.params')
      return { ...found, code: await code.read(codeEntry, codeWithout) }
    })
    const { digest, opaque, captures } = read
    if (captures === true && isUserStageNode(node) && isRepeated(graph.repeatedCalls, node)) throw capturesError(node)
    const hashesOfSources = mapValues(sources, (file) => file.sha256)
    const params = identifyingParams(kind, node.params)
    const identify = (inputs: Readonly<Record<string, string>>): StageIdentity => ({
      scheme: keyScheme,
      kind: node.kind,
      params,
      inputs,
      sources: hashesOfSources,
      code: digest,
      engine: kind.usesEngine ? options.engine.identity : null,
      ...(kind.onMachine === true ? { machine: machine() } : {}),
      ...(isUserStageNode(node) ? { trusts: node.trusts } : {}),
    })
    return {
      node,
      kind,
      sources,
      ...(missing && { missing }),
      codeEntry,
      codeWithout,
      code: digest,
      opaque,
      root: rootOf(kind.module),
      identify,
    }
  }
  const stages = yield* usage(async (signal) => {
    const prepared: PreparedStage[] = []
    for (let at = 0; at < nodes.length; at += sideBySide) {
      const some = await Promise.allSettled(nodes.slice(at, at + sideBySide).map((node) => prepareStage(node, signal)))
      for (const each of some) {
        if (each.status === 'rejected') throw each.reason
        prepared.push(each.value)
      }
    }
    return prepared
  })
  hashes.save()
  code.save()
  return { stages, code, reuse: options.reuse ?? 'same-engine', readsNow } satisfies Prepared
})

/**
 * What each stage is, whatever has been computed so far: two definitions' stages of one key give the same artifact. It
 * is the stage's identity with the keys of its inputs in place of their content. Fingerprints are known only once all
 * inputs are there; keys are known before anything has run, so that plans can be compared.
 */
export const stageKeys = ({ stages }: Pick<Prepared, 'stages'>): ReadonlyMap<StageNode, string> => {
  const keys = new Map<StageNode, string>()
  for (const { node, identify } of stages) {
    const inputs = Object.entries(node.inputs).map(([input, from]) => [input, keys.get(from)!])
    keys.set(node, fingerprintOf(identify(Object.fromEntries(inputs))))
  }
  return keys
}
