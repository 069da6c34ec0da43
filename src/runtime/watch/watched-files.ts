/**
 * Every file that can change what a pipeline is or gives, and what of them has changed since they were last looked at.
 */
import * as fs from 'node:fs'
import * as path from 'node:path'
import * as Effect from 'effect/Effect'
import { CodeReader } from '../code/code-reader.js'
import { sentenceOf } from '../../base/errors.js'
import { StageError, UsageError } from '../errors.js'
import { changedAtMs, clockTickMs, hashInParts, identityIfAny, identityOf, mtimeOf } from '../file-identity.js'
import { isFolderSource, sourceIdentity, watchableFolders } from '../folder-source.js'
import type { InParts } from '../in-parts.js'
import { isUserStageNode } from '../definition/user-stage.js'
import type { LastKnown } from '../plan/last-known.js'
import type { Prepared } from '../plan/prepare.js'
import { partsOfRead, type Reads, valueNow } from '../reads.js'
import { Store } from '../store/store.js'
import { Ways } from './ways.js'

export interface ReachedFile {
  /** Absolute. */
  readonly path: string
  /** Of a file whose bytes were hashed for the plan. */
  readonly sha256?: string
  /** Of a folder that is watched with all that is below it: which it was for the plan. */
  readonly identity?: string
  /** It is no longer what a stage has read. */
  readonly isChanged?: boolean
}

/** Where the package.json may be that says how the file is to be read. */
const manifestsAbove = (file: string): readonly string[] => {
  const manifests: string[] = []
  for (let at = path.dirname(file); ; at = path.dirname(at)) {
    manifests.push(path.join(at, 'package.json'))
    if (fs.existsSync(manifests.at(-1)!) || path.dirname(at) === at) return manifests
  }
}

/** What the definition imports; also of one that cannot be loaded. */
export const reachOfDefinition = Effect.fnUntraced(function* (
  file: string,
): Effect.fn.Return<readonly ReachedFile[], UsageError, Store> {
  const store = yield* Store
  const absolute = path.resolve(file)
  const paths = yield* Effect.tryPromise({
    try: async () => [...(await new CodeReader(store.root).reached(absolute)), ...manifestsAbove(absolute)],
    catch: (cause) => new UsageError({ message: `cannot tell what ${file} imports: ${sentenceOf(cause)}`, cause }),
  })
  return paths.map((each) => ({ path: each }))
})

/** The code and the external files of all stages. */
export const reachOfStages = ({ stages, code }: Prepared): readonly ReachedFile[] => {
  const files = new Map<string, ReachedFile>()
  for (const { codeEntry, codeWithout, sources } of stages) {
    for (const each of code.dependsOn(codeEntry, codeWithout)) files.set(each, { path: each })
    for (const { path: each, sha256, identity } of Object.values(sources)) {
      if (!isFolderSource(each)) files.set(each, { path: each, sha256 })
      else if (watchableFolders(each).length > 0) files.set(each, { path: each, identity })
    }
  }
  return [...files.values()]
}

/** What stages read besides when they were last computed: the files and folders of it, and what all of it is now. */
export function* tracedOf(
  { stages, readsNow }: Prepared,
  last: LastKnown,
  store: Store['Service'],
): InParts<{ readonly files: readonly ReachedFile[]; readonly reads: Readonly<Record<string, Reads>> }> {
  const now = readsNow()
  const files = new Map<string, ReachedFile>()
  const reads: Record<string, Reads> = {}
  for (const { node, root } of stages) {
    const known = isUserStageNode(node) ? last.fingerprint(node.name) : undefined
    const { identity, made } = (known === undefined ? undefined : store.lookup(known)) ?? {}
    const before = identity?.reads
    if (before === undefined) continue
    const startedAt = Date.parse(made!.at)
    // A file that it writes to itself would have it run for ever.
    const isItsOwn = (file: string): boolean => {
      const at = mtimeOf(identityOf(file) ?? '')
      return at >= startedAt - clockTickMs && at <= startedAt + made!.ms + clockTickMs
    }
    reads[node.name] = yield* now.valuesOf(root, before)
    for (const name of Object.keys(before)) {
      const { kind, what } = partsOfRead(name)
      const place = path.resolve(root, what)
      const isChanged = before[name] !== reads[node.name]![name]
      if (['file', 'module', 'path', 'link', 'folder', 'scope'].includes(kind) && !isItsOwn(place)) {
        files.set(place, { path: place, isChanged })
      }
      const manifest = path.join(place, 'package.json')
      if (kind === 'package') files.set(manifest, { path: manifest, isChanged })
    }
  }
  return { files: [...files.values()], reads }
}

/** The external file that keeps a definition from being run, where that is what this error says. */
export const reachOfError = (error: UsageError): readonly ReachedFile[] =>
  error.cause instanceof StageError && error.cause.path !== undefined ? [{ path: error.cause.path }] : []

export interface FileChange {
  readonly path: string
  readonly change: 'edited' | 'created' | 'deleted'
}

interface Seen {
  /** Undefined where there is no file, as the content is. */
  readonly identity: string | undefined
  readonly sha256: string | undefined
  /** Where its path leads: code that is found from there is another one once it leads elsewhere. */
  readonly at: string
}

/** Of a folder, of what is in it. Undefined where nothing is that can be read. */
function* sha256Of(file: string): InParts<string | undefined> {
  try {
    if (fs.statSync(file).isDirectory()) return valueNow(path.dirname(file), 'folder', file) ?? undefined
    return yield* hashInParts(file)
  } catch {
    return undefined
  }
}

/** Of a folder that is watched with all that is below it, of all of that. */
function* identityNow(file: string): InParts<string | undefined> {
  if (!isFolderSource(file)) return identityIfAny(file)
  try {
    return yield* sourceIdentity(file)
  } catch {
    return undefined
  }
}

function* read(file: string, ways: Ways): InParts<Seen> {
  const identity = yield* identityNow(file)
  // The bytes of many files are read where they are needed, by the plan.
  const sha256 = isFolderSource(file) ? identity : yield* sha256Of(file)
  return { identity, sha256, at: ways.follow(file).at }
}

/** What the watched files held when they were last looked at: an event only says that it is worth looking again. */
export class SeenFiles {
  readonly #seen = new Map<string, Seen>()

  get paths(): readonly string[] {
    return [...this.#seen.keys()]
  }

  /**
   * Makes these the watched files, `known` by somebody who began to read them at `since`. Gives those that changed
   * after that: their reader may have seen either state.
   */
  *adopt(known: readonly ReachedFile[], since: number): InParts<readonly FileChange[]> {
    const wanted = new Map(known.map((file) => [file.path, file]))
    for (const path of this.paths) if (!wanted.has(path)) this.#seen.delete(path)
    return yield* this.add([...wanted.values()], since)
  }

  /**
   * The same beside those that are watched already. What is in `changes` has been found, also where the work is given
   * up.
   */
  *add(known: readonly ReachedFile[], since: number, changes: FileChange[] = []): InParts<readonly FileChange[]> {
    const ways = new Ways()
    for (const { path, sha256, identity: planned, isChanged = false } of known) {
      if (this.#seen.has(path)) continue
      const identity = yield* identityNow(path)
      const { at, linkedAtMs } = ways.follow(path)
      const changedAt = Math.max(identity === undefined ? 0 : changedAtMs(identity), linkedAtMs)
      const isOther = planned !== undefined && planned !== identity
      const hasChanged = isChanged || isOther || changedAt > since - clockTickMs
      const isKnown = sha256 !== undefined && !hasChanged
      this.#seen.set(path, isKnown ? { identity, sha256, at } : yield* read(path, ways))
      if (hasChanged) changes.push({ path, change: 'edited' })
    }
    return changes
  }

  /**
   * What holds other bytes than when it was last looked at, or holds them elsewhere. A file that was only touched, or
   * written again as it was, does not. What is in `changes` is not found again.
   */
  *look(changes: FileChange[] = []): InParts<readonly FileChange[]> {
    const ways = new Ways()
    for (const [path, before] of this.#seen) {
      if ((yield* identityNow(path)) === before.identity && ways.follow(path).at === before.at) continue
      const now = yield* read(path, ways)
      this.#seen.set(path, now)
      if (now.sha256 === before.sha256 && (now.sha256 === undefined || now.at === before.at)) continue
      const change = before.sha256 === undefined ? 'created' : now.sha256 === undefined ? 'deleted' : 'edited'
      changes.push({ path, change })
    }
    return changes
  }
}
