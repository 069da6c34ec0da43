/**
 * The code of stages: its digest for fingerprints, and the record of what that is. A run in which nothing changed reads
 * one index and asks for the identities of files; nothing is parsed.
 */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { createHash } from 'node:crypto'
import { writeFileAtomic } from '../../base/files.js'
import { FileIndex, identityOf } from '../file-identity.js'
import { readAcceptedEdits, withAccepted } from './accepted-edits.js'
import { digestOf, type CodeRecord } from './code-record.js'
import { EntryIndex } from './entry-index.js'
import type { FileCode } from './file-code.js'
import { FileStates, FilesSeen, type Identities } from './files-seen.js'
import { Packages } from './packages.js'
import { parseFile, specifiersOf } from './parse-file.js'
import { isCode, Program } from './program.js'
import { encodeRecord } from './record-text.js'
import { acceptedPath, readCodeRecord, recordPath } from './record-store.js'
import { ownConditions, packageName, Resolver } from './resolve-import.js'
import { placeInSource } from './source-place.js'
import { CodeWalk, type CodeEntry } from './walk.js'

/** The code of one stage as it was read. */
export interface CodeState {
  /** sha256 of what the code is. */
  readonly digest: string
  /** What cannot be followed, in a file by its absolute path: the digest does not say what is there. */
  readonly opaque: readonly { readonly file: string; readonly line: number; readonly what: string }[]
  /** The function of a `stage(…)` call reads variables of functions around it: its code does not say what they hold. */
  readonly captures?: boolean
}

interface Known extends CodeState {
  readonly identities: Identities
  /** When the reading began, in milliseconds since 1970. */
  readonly readAt: number
  /** Where it holds for stages of other names too: names for which it does not. */
  readonly namesElsewhere?: readonly string[]
}

interface FileKnown {
  readonly code: FileCode
  /** sha256 of the text. */
  readonly text: string
}

interface Walked {
  readonly record: CodeRecord
  readonly files: ReadonlyMap<string, string>
}

export class CodeReader {
  readonly #root: string
  readonly #entries: EntryIndex
  #index: FileIndex<FileKnown> | undefined
  readonly #known = new Map<string, Known>()
  readonly #walked = new Map<string, Walked>()
  #states = new FileStates()
  #packages = new Packages()

  /** Over the store in this folder, which need not be there. */
  constructor(root: string) {
    this.#root = root
    this.#entries = new EntryIndex(path.join(root, 'index', 'code-entries.json'))
  }

  /** Packages named in `without` count only where others need them too. Throws where a file cannot be read. */
  read(entry: CodeEntry, without: readonly string[] = []): CodeState {
    const key = keyOf(entry, without)
    const known = this.#known.get(key)
    if (known !== undefined) return known
    const remembered = this.#entries.find(key, this.#states) ?? this.#ofSameCall(entry, without)
    const state = remembered ?? this.#walk(entry, without)
    this.#known.set(key, state)
    if (remembered === undefined) this.#remember(entry, without, state)
    return state
  }

  /** Thousands of stages may come from one call in a loop: what it reaches is the same for all of them. */
  #ofSameCall(entry: CodeEntry, without: readonly string[]): Known | undefined {
    if (!('call' in entry)) return undefined
    const known = this.#entries.find(keyOf(ofAnyName(entry), without), this.#states)
    return known?.namesElsewhere?.includes(entry.call) === false ? known : undefined
  }

  #remember(entry: CodeEntry, without: readonly string[], state: Known): void {
    const shared = 'call' in entry && state.namesElsewhere !== undefined ? ofAnyName(entry) : entry
    this.#entries.set(keyOf(shared, without), state)
  }

  /** What the digest stands for, with places in sources; undefined where nobody knows any more. */
  record(digest: string): CodeRecord | undefined {
    const walked = this.#walked.get(digest)
    return walked === undefined ? readCodeRecord(this.#root, digest) : inSources(walked)
  }

  /** The record of code that was read in this process; found again where only its digest was remembered. */
  recordOf(entry: CodeEntry, without: readonly string[] = []): CodeRecord | undefined {
    const { digest } = this.read(entry, without)
    const known = this.record(digest)
    if (known !== undefined) return known
    // Of another digest where the files have changed since, or none where they are gone: then nobody knows any more.
    this.#walkAgain(entry, without)
    return this.record(digest)
  }

  /** The record of the code as it is now; code of the same digest, with an edit accepted, may have left another. */
  current(entry: CodeEntry, without: readonly string[] = []): CodeRecord | undefined {
    const { digest } = this.read(entry, without)
    if (!this.#walked.has(digest)) this.#walkAgain(entry, without)
    return this.record(digest)
  }

  /** Keeps the record in the store, beside the artifacts whose fingerprints hold its digest. */
  keep(entry: CodeEntry, without: readonly string[] = []): void {
    const { digest } = this.read(entry, without)
    const file = recordPath(this.#root, digest)
    const record = fs.existsSync(file) ? undefined : this.recordOf(entry, without)
    // Without one the artifact is as good; only what is said of it later is poorer.
    if (record !== undefined) writeFileAtomic(file, encodeRecord(record))
  }

  /**
   * A file because of which the code of an entry is no longer what was read, if there is one. Edits of what it does not
   * reach are none. One that was edited and is as before is: a process may have loaded it in between. One that is no
   * longer there is too.
   */
  changedSinceRead(entry: CodeEntry, without: readonly string[] = []): string | undefined {
    const key = keyOf(entry, without)
    const known = this.#known.get(key)
    if (known === undefined) return undefined
    const touched = [...known.identities].filter(([file, identity]) => (identityOf(file) ?? null) !== identity)
    if (touched.length === 0) return undefined
    const accepted = acceptedPath(this.#root)
    const reverted = touched.find(([file]) => file !== accepted && this.#isSameText(file))
    if (reverted !== undefined) return reverted[0]
    this.#states = new FileStates()
    this.#packages = new Packages()
    const now = this.#walkAgain(entry, without)
    if (now?.digest !== known.digest) return touched[0]![0]
    this.#known.set(key, now)
    this.#remember(entry, without, now)
    return undefined
  }

  /** All that the digest of an entry depends on, also files that are not there: absolute paths. */
  dependsOn(entry: CodeEntry, without: readonly string[] = []): readonly string[] {
    this.read(entry, without)
    return [...this.#known.get(keyOf(entry, without))!.identities.keys()]
  }

  /** All files of a module's program, used or not, and the places where a missing file is expected. */
  reached(module: string): readonly string[] {
    const seen = new FilesSeen(this.#states)
    seen.note(module)
    if (!fs.existsSync(module)) return [module]
    const resolver = new Resolver(this.#packages)
    const found = new Set([fs.realpathSync(module)])
    // A set is walked in the order of its growth.
    for (const file of found) {
      const code = this.#fileCode(file, seen)
      for (const specifier of code === undefined ? [] : specifiersOf(code)) {
        const resolved = resolver.resolve(file, specifier, seen)
        // This package runs already: what is edited of it is not loaded again.
        if (resolved.type === 'file' && packageName(specifier) !== 'genepool') found.add(resolved.file)
      }
    }
    this.#index?.save()
    return [...seen.identities.keys()]
  }

  /** Keeps what was found out for the next run. */
  save(): void {
    this.#index?.save()
    this.#entries.save()
  }

  #isSameText(file: string): boolean {
    const before = this.#files().last(file)
    return before !== undefined && fs.existsSync(file) && before.text === sha256(fs.readFileSync(file, 'utf8'))
  }

  #files(): FileIndex<FileKnown> {
    return (this.#index ??= new FileIndex(path.join(this.#root, 'index', 'code.json'), '4'))
  }

  #fileCode(file: string, seen: FilesSeen): FileCode | undefined {
    const identity = seen.note(file)
    if (!isCode(file)) return undefined
    if (identity === null) throw new Error(`${file} has disappeared while its code was being read`)
    const index = this.#files()
    const known = index.peek(file)
    if (known !== undefined) return known.code
    const readAt = Date.now()
    const text = fs.readFileSync(file, 'utf8')
    const code = parseFile(file, text)
    index.remember(file, identity, { code, text: sha256(text) }, readAt)
    return code
  }

  /** The walk of code that was read before; undefined where its files have been moved, deleted or broken since. */
  #walkAgain(entry: CodeEntry, without: readonly string[]): Known | undefined {
    try {
      return this.#walk(entry, without)
    } catch {
      return undefined
    }
  }

  #walk(entry: CodeEntry, without: readonly string[]): Known {
    const readAt = Date.now()
    const seen = new FilesSeen(this.#states)
    const codes = new Map<string, FileCode | undefined>()
    const read = (file: string): FileCode | undefined => {
      if (!codes.has(file)) codes.set(file, this.#fileCode(file, seen))
      return codes.get(file)
    }
    const module = fs.realpathSync(entry.module)
    const walk = new CodeWalk(new Program(read, new Resolver(this.#packages), seen), this.#packages, module)
    const walked =
      'export' in entry
        ? walk.fromExport(module, entry.export)
        : walk.fromCall(module, entry.call, withoutLinks(entry.place))
    const packages = this.#packages.versions(
      walk.packages.filter(({ name }) => !without.includes(name)),
      seen,
    )
    const accepted = acceptedPath(this.#root)
    seen.note(accepted)
    const record = withAccepted({ ...walked, packages }, readAcceptedEdits(accepted))
    const digest = digestOf(record)
    this.#walked.set(digest, { record, files: walk.files })
    const opaque = record.opaque.map(({ file: name, line, column, what }) => {
      const place = placeInSource({ file: walk.files.get(name)!, line, column })
      return { file: place.file, line: place.line, what }
    })
    const { namesElsewhere, captures } = walk
    const more = { ...(namesElsewhere && { namesElsewhere }), ...(captures && { captures }) }
    return { digest, opaque, identities: seen.identities, readAt, ...more }
  }
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

/** A stack may name a file that is not there, or none. */
const withoutLinks = <Place extends { readonly file: string }>(place: Place): Place =>
  fs.existsSync(place.file) ? { ...place, file: fs.realpathSync(place.file) } : { ...place, file: '' }

type CallEntry = Extract<CodeEntry, { readonly call: string }>

/** No stage has an empty name. */
const ofAnyName = (entry: CallEntry): CallEntry => ({ ...entry, call: '' })

const keyOf = (entry: CodeEntry, without: readonly string[]): string =>
  JSON.stringify([
    entry.module,
    'export' in entry ? entry.export : [entry.call, entry.place.file, entry.place.line, entry.place.column],
    [...without].sort(),
    ownConditions,
  ])

/** The record with places where people look: in the source, not in what was compiled from it. */
const inSources = ({ record, files }: Walked): CodeRecord => {
  const place = (file: string, line: number, column: number) => {
    const absolute = files.get(file)
    if (absolute === undefined || line === 0) return { file, line, column }
    const found = placeInSource({ file: absolute, line, column })
    if (found.file === absolute) return { file, line, column }
    // The source lies as far from the compiled file as their names in the record do.
    const way = path.relative(path.dirname(absolute), found.file).split(path.sep).join('/')
    return { ...found, file: path.posix.join(path.posix.dirname(file), way) }
  }
  const placeOf = (at: string): string => {
    const [, file, line] = /^(.*):(\d+)$/.exec(at)!
    const found = place(file!, Number(line), 1)
    return `${found.file}:${found.line}`
  }
  return {
    ...record,
    symbols: Object.fromEntries(
      Object.entries(record.symbols).map(([key, symbol]) => [
        key,
        {
          ...symbol,
          ...place(symbol.file, symbol.line, symbol.column),
          uses: Object.fromEntries(
            Object.entries(symbol.uses).map(([name, { means, at }]) => [
              name,
              at === undefined ? { means } : { means, at: placeOf(at) },
            ]),
          ),
        },
      ]),
    ),
    opaque: record.opaque,
  }
}
