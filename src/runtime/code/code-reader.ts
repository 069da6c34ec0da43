/**
 * The code of stages: its digest for fingerprints, and the record of what that is. A run in which nothing changed reads
 * one index and asks for the identities of files; nothing is parsed.
 */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { createHash } from 'node:crypto'
import { isRefused } from '../definition/compiler.js'
import { writeFileAtomic } from '../../base/files.js'
import { FileIndex, hashFile, identityOf } from '../file-identity.js'
import { ownPackage } from '../definition/own-package.js'
import { readAcceptedEdits, withAccepted } from './accepted-edits.js'
import { type BuiltCode, readBuiltCode } from './built-code.js'
import { digestOf, type CodeRecord } from './code-record.js'
import {
  type CallPlace,
  type DefinitionCode,
  definitionCode,
  parseDefinitionFile,
  type ParsedFile,
} from './definition-code.js'
import { EntryIndex } from './entry-index.js'
import { FileStates, FilesSeen, type Identities } from './files-seen.js'
import { entryName, ErasedFiles, type FlatProgram, flatten, Labels } from './flat-program.js'
import { anyModule, isCode, opaqueMark } from './literal-files.js'
import { Packages } from './packages.js'
import { recordOfProgram } from './program-symbols.js'
import { acceptedPath, readCodeRecord, recordPath } from './record-store.js'
import { ownConditions, packageName, Resolver } from './resolve-import.js'
import { placeInSource } from './source-place.js'

/** Where a stage begins in the module that a worker imports: an export, or the call `stage('name', { run })`. */
export type CodeEntry =
  | { readonly module: string; readonly export: string }
  | { readonly module: string; readonly call: string; readonly place: CallPlace }

/** The code of one stage as it was read. */
export interface CodeState {
  /** sha256 of what the code is. */
  readonly digest: string
  /** What cannot be followed, in a file by its absolute path: the digest does not say what is there. */
  readonly opaque: readonly { readonly file: string; readonly line: number; readonly what: string }[]
  /** Of a `stage(…)` call, all files of its program. */
  readonly program?: readonly string[]
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

interface Walked {
  readonly record: CodeRecord
  readonly files: ReadonlyMap<string, string>
}

export class CodeReader {
  readonly #root: string
  readonly #entries: EntryIndex
  /** sha256 of the texts that were read, by the identities of their files at that time. */
  readonly #texts = new Map<string, string>()
  /** The same, kept between runs: of each file the last. */
  #index: FileIndex<string> | undefined
  readonly #known = new Map<string, Known>()
  readonly #walked = new Map<string, Walked>()
  /** By call, what is being read. */
  readonly #reading = new Map<string, Promise<Known>>()
  #states = new FileStates()
  #packages = new Packages()
  readonly #erased = new ErasedFiles()
  readonly #parsed = new Map<string, ParsedFile>()
  /** By module, the files of its program and all that was looked at for them. */
  readonly #programs = new Map<string, Promise<{ readonly files: readonly string[]; readonly looked: Identities }>>()

  /** Over the store in this folder, which need not be there. */
  constructor(root: string) {
    this.#root = root
    this.#entries = new EntryIndex(path.join(root, 'index', 'code-entries.json'))
  }

  /** Packages named in `without` count only where others need them too. Rejects where a file cannot be read. */
  async read(entry: CodeEntry, without: readonly string[] = []): Promise<CodeState> {
    const key = keyOf(entry, without)
    const known = this.#known.get(key)
    if (known !== undefined) return known
    const remembered = this.#entries.find(key, this.#states) ?? this.#ofSameCall(entry, without)
    if (remembered !== undefined) {
      this.#known.set(key, remembered)
      return remembered
    }
    // What is being read for one stage of a call may hold for the next.
    const shared = 'call' in entry ? keyOf(ofAnyName(entry), without) : key
    const before = this.#reading.get(shared)
    if (before !== undefined) {
      await before.catch(() => {})
      return this.read(entry, without)
    }
    const reading = this.#walk(entry, without)
    this.#reading.set(shared, reading)
    try {
      const state = await reading
      this.#known.set(key, state)
      this.#remember(entry, without, state)
      return state
    } finally {
      this.#reading.delete(shared)
    }
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
  async recordOf(entry: CodeEntry, without: readonly string[] = []): Promise<CodeRecord | undefined> {
    const { digest } = await this.read(entry, without)
    const known = this.record(digest)
    if (known !== undefined) return known
    // Of another digest where the files have changed since, or none where they are gone: then nobody knows any more.
    await this.#walkAgain(entry, without)
    return this.record(digest)
  }

  /** The record of the code as it is now; code of the same digest, with an edit accepted, may have left another. */
  async current(entry: CodeEntry, without: readonly string[] = []): Promise<CodeRecord | undefined> {
    const { digest } = await this.read(entry, without)
    if (!this.#walked.has(digest)) await this.#walkAgain(entry, without)
    return this.record(digest)
  }

  /** Keeps the record in the store, beside the artifacts whose fingerprints hold its digest. */
  async keep(entry: CodeEntry, without: readonly string[] = []): Promise<void> {
    const { digest } = await this.read(entry, without)
    const file = recordPath(this.#root, digest)
    const record = fs.existsSync(file) ? undefined : await this.recordOf(entry, without)
    // Without one the artifact is as good; only what is said of it later is poorer.
    if (record !== undefined) writeFileAtomic(file, JSON.stringify(record))
  }

  /**
   * A file because of which the code of an entry is no longer what was read, if there is one. Edits of what it does not
   * reach are none. One that was edited and is as before is: a process may have loaded it in between. One that is no
   * longer there is too.
   */
  async changedSinceRead(entry: CodeEntry, without: readonly string[] = []): Promise<string | undefined> {
    const key = keyOf(entry, without)
    const known = this.#known.get(key)
    if (known === undefined) return undefined
    const touched = [...known.identities].filter(([file, identity]) => (identityOf(file) ?? null) !== identity)
    if (touched.length === 0) return undefined
    const accepted = acceptedPath(this.#root)
    const reverted = touched.find(([file, identity]) => file !== accepted && this.#isSameText(file, identity))
    if (reverted !== undefined) return reverted[0]
    this.#states = new FileStates()
    this.#packages = new Packages()
    this.#parsed.clear()
    this.#programs.clear()
    const now = await this.#walkAgain(entry, without)
    if (now?.digest !== known.digest) return touched[0]![0]
    this.#known.set(key, now)
    this.#remember(entry, without, now)
    return undefined
  }

  /** All that the digest of an entry that was read depends on, also files that are not there: absolute paths. */
  dependsOn(entry: CodeEntry, without: readonly string[] = []): readonly string[] {
    return [...(this.#known.get(keyOf(entry, without))?.identities.keys() ?? [])]
  }

  /** What the digest stands for: these files, and these versions of packages whatever they hold. */
  async covers(
    entry: CodeEntry,
    without: readonly string[] = [],
  ): Promise<{ readonly files: ReadonlySet<string>; readonly packages: CodeRecord['packages'] }> {
    const { program } = await this.read(entry, without)
    const record = await this.recordOf(entry, without)
    return { files: new Set(program), packages: record?.packages ?? {} }
  }

  /** All files of a module's program, used or not, and the places where a missing file is expected. */
  async reached(module: string): Promise<readonly string[]> {
    const seen = new FilesSeen(this.#states)
    seen.note(module)
    if (!fs.existsSync(module)) return [module]
    await this.#filesOf(fs.realpathSync(module), seen)
    this.#index?.save()
    return [...seen.identities.keys()]
  }

  /** Keeps what was found out for the next run. */
  save(): void {
    this.#index?.save()
    this.#entries.save()
  }

  #isSameText(file: string, identity: string | null): boolean {
    this.#keepText(file)
    const before = this.#texts.get(`${identity}`)
    return before !== undefined && fs.existsSync(file) && before === hashFile(file)
  }

  #files(): FileIndex<string> {
    return (this.#index ??= new FileIndex(path.join(this.#root, 'index', 'code.json'), '5'))
  }

  /** The text of a file that is noted as seen. */
  #text(file: string, seen: FilesSeen): string {
    let bytes: Buffer | undefined
    this.#hash(file, seen, () => sha256((bytes = fs.readFileSync(file))))
    return (bytes ?? fs.readFileSync(file)).toString('utf8')
  }

  /** sha256 of the bytes of a file that is noted as seen; `read` where that is not known since it last changed. */
  #hash(file: string, seen: FilesSeen, read = () => hashFile(file)): string {
    const identity = seen.note(file)
    if (identity === null) throw new Error(`${file} has disappeared while its code was being read`)
    const readAt = Date.now()
    this.#keepText(file)
    const known = this.#files().peek(file)
    const hash = known ?? read()
    if (known === undefined) this.#files().remember(file, identity, hash, readAt)
    this.#keepText(file)
    return hash
  }

  /** What the index has of a file, before it has something newer. */
  #keepText(file: string): void {
    const last = this.#files().last(file)
    if (last !== undefined) this.#texts.set(last.identity, last.known)
  }

  /** Code of the user's that a module loads, the module first; of this package what runs is loaded already. */
  async #filesOf(module: string, seen: FilesSeen): Promise<readonly string[]> {
    const program = this.#programs.get(module) ?? this.#findFiles(module)
    this.#programs.set(module, program)
    const { files, looked } = await program
    for (const file of looked.keys()) seen.note(file)
    return files
  }

  async #findFiles(module: string): Promise<{ readonly files: readonly string[]; readonly looked: Identities }> {
    const seen = new FilesSeen(this.#states)
    const labels = new Labels(this.#packages, seen, module)
    const resolver = new Resolver(this.#packages)
    const isFollowed = (specifier: string): boolean => packageName(specifier) !== ownPackage.name
    await flatten({
      entry: `import ${JSON.stringify(module)}`,
      rewritten: new Map(),
      labels,
      resolve: (from, specifier, kind) =>
        isFollowed(specifier) ? resolver.resolve(from, specifier, seen, kind) : { type: 'builtin' },
      mayAct: () => true,
      read: (file) => this.#text(file, seen),
      isModule: () => true,
      hash: (file) => this.#hash(file, seen),
      erased: this.#erased,
      isTraced: true,
    }).catch((cause: unknown) => {
      // What is no program has its files all the same.
      if (!isRefused(cause)) throw cause
    })
    return { files: [...labels.files.values()], looked: seen.identities }
  }

  /** The walk of code that was read before; undefined where its files have been moved, deleted or broken since. */
  async #walkAgain(entry: CodeEntry, without: readonly string[]): Promise<Known | undefined> {
    try {
      return await this.#walk(entry, without)
    } catch {
      return undefined
    }
  }

  async #walk(entry: CodeEntry, without: readonly string[]): Promise<Known> {
    const readAt = Date.now()
    const seen = new FilesSeen(this.#states)
    const module = fs.realpathSync(entry.module)
    const definition = 'call' in entry ? await this.#definitionOf(module, entry, seen) : undefined
    const walked =
      'call' in entry
        ? await this.#flat(module, definition!, seen)
        : (readBuiltCode(module) ?? (await this.#flat(module, exportEntry(module, entry.export), seen)))
    // Also of files that the build has read: one that is edited and taken back is to be told from one that is not.
    for (const file of walked.files.values()) if (seen.note(file) !== null) this.#hash(file, seen)
    const found = walked.packages.flatMap(({ name, from }) => this.#packages.find(name, path.dirname(from), seen) ?? [])
    const packages = this.#packages.versions(
      found.filter(({ name }) => !without.includes(name)),
      seen,
    )
    const accepted = acceptedPath(this.#root)
    seen.note(accepted)
    const record = withAccepted({ ...walked.record, packages }, readAcceptedEdits(accepted))
    const digest = digestOf(record)
    this.#walked.set(digest, { record, files: walked.files })
    const opaque = record.opaque.map(({ file: name, line, column, what }) => {
      const place = placeInSource({ file: walked.files.get(name)!, line, column })
      return { file: place.file, line: place.line, what }
    })
    const { namesElsewhere, captures } = definition ?? {}
    const more = {
      ...(namesElsewhere && { namesElsewhere }),
      ...(captures === true && { captures }),
      ...('call' in entry && { program: [...walked.files.values()] }),
    }
    return { digest, opaque, identities: seen.identities, readAt, ...more }
  }

  async #definitionOf(module: string, { call, place }: CallEntry, seen: FilesSeen): Promise<DefinitionCode> {
    const files = (await this.#filesOf(module, seen)).filter(isCode)
    const parsed = files.map((file) => {
      const known = this.#parsed.get(file) ?? parseDefinitionFile(file, this.#text(file, seen))
      this.#parsed.set(file, known)
      return known
    })
    return definitionCode(module, parsed, call, withoutLinks(place))
  }

  /**
   * The code of an entry, found in its files. Where these are no program, their bytes are what it is, as far as it is
   * known.
   */
  async #flat(
    module: string,
    { entry, rewritten, lineOf, which, isOwn }: ProgramEntry,
    seen: FilesSeen,
  ): Promise<BuiltCode> {
    const labels = new Labels(this.#packages, seen, module)
    const { files } = labels
    labels.of(module)
    const resolver = new Resolver(this.#packages)
    try {
      const put = (follow: (specifier: string) => boolean, more = ''): Promise<FlatProgram> =>
        flatten({
          entry: `${entry}\n${more}`,
          rewritten,
          labels,
          resolve: (from, specifier, kind) =>
            follow(specifier) ? resolver.resolve(from, specifier, seen, kind) : { type: 'builtin' },
          mayAct: isOwn ? () => true : isForeign,
          read: (file) => this.#text(file, seen),
          isModule: (file) => {
            const root = this.#packages.rootOf(path.dirname(file), seen)
            return root !== undefined && this.#packages.manifest(root, seen)?.type === 'module'
          },
          hash: (file) => this.#hash(file, seen),
          erased: this.#erased,
          isTraced: isOwn !== true,
        })
      const isNamed = (specifier: string): boolean => packageName(specifier) === ownPackage.name
      // What a definition only builds with is gone by now: this package is followed where a stage computes with it.
      const alone = isOwn === true ? undefined : await put((specifier) => !isNamed(specifier))
      const computesWithIt = alone !== undefined && [...alone.outside].some(isNamed) && !onlyBuilds(alone.text)
      const follow = alone === undefined || computesWithIt ? () => true : (specifier: string) => !isNamed(specifier)
      const named = alone === undefined || computesWithIt ? await put(follow) : alone
      const flat = named.text.includes(anyModuleMark) ? await put(follow, wholeModules(named, files)) : named
      const record = recordOfProgram(flat, {
        files,
        which,
        lineOf: (label, line) => lineOf(files.get(label)!, line),
      })
      return { record, packages: flat.packages, files }
    } catch (cause) {
      if (!isRefused(cause)) throw cause
      return { record: recordOfBytes(files, cause.errors[0]?.text ?? cause.message), packages: [], files }
    }
  }

  /** The code of an export as its files have it, for the build to keep; finding the places of all of it takes long. */
  async built(module: string, name: string): Promise<BuiltCode> {
    const read = await this.#flat(module, exportEntry(module, name), new FilesSeen(this.#states))
    return { ...read, record: inSources(read) }
  }
}

const anyModuleMark = `${opaqueMark}(${JSON.stringify(anyModule)}`

/** All exports of all modules of a program: what loads any of them may use them. */
const wholeModules = ({ code }: FlatProgram, files: ReadonlyMap<string, string>): string => {
  const modules = [...code.keys()].sort().map((label) => JSON.stringify(files.get(label)))
  const imports = modules.map((file, index) => `import * as all${index} from ${file}`)
  return `${imports.join('\n')}\nexport const genepoolAll = [${modules.map((_, index) => `all${index}`).join(', ')}]`
}

/** What a program begins with. */
interface ProgramEntry extends Pick<DefinitionCode, 'entry' | 'rewritten' | 'lineOf' | 'which'> {
  /** Whether it is this package's. */
  readonly isOwn?: boolean
}

/** Whether a flat program imports of this package nothing but what definitions are built with. */
const onlyBuilds = (text: string): boolean => {
  const all = text.match(new RegExp(`from "${ownPackage.name}(/[^"]*)?"`, 'g')) ?? []
  const named = [...text.matchAll(new RegExp(`import \\{([^}]*)\\} from "${ownPackage.name}"`, 'g'))]
  const names = named.flatMap(([, list]) => list!.split(',').map((each) => each.trim().split(' ')[0]!))
  return named.length === all.length && names.every((name) => ['pipeline', 'stage', 'suite'].includes(name))
}

/** Of this package, which runs a definition, nothing acts in it but what it uses. */
const isForeign = (from: string, specifier: string): boolean =>
  packageName(specifier) !== ownPackage.name &&
  !from.startsWith(`${fs.realpathSync(path.dirname(ownPackage.manifest))}/`)

const exportEntry = (module: string, name: string): ProgramEntry => ({
  entry: `import { ${name} } from ${JSON.stringify(module)}\nexport const ${entryName} = ${name}`,
  rewritten: new Map(),
  which: '',
  lineOf: (_file, line) => line,
  isOwn: true,
})

const recordOfBytes = (files: ReadonlyMap<string, string>, why: string): CodeRecord => {
  const symbols = [...files].map(([label, file]): [string, CodeRecord['symbols'][string]] => {
    const hash = fs.existsSync(file) ? hashFile(file) : 'missing'
    const name = 'contents'
    return [`${label}:${name}`, { file: label, name, line: 1, column: 1, hash, syntax: hash, through: null, uses: {} }]
  })
  return {
    entry: symbols[0]?.[0] ?? '',
    symbols: Object.fromEntries(symbols.sort(([a], [b]) => (a < b ? -1 : 1))),
    packages: {},
    order: [],
    opaque: [...files.keys()].slice(0, 1).map((file) => ({ file, line: 1, column: 1, what: `no program: ${why}` })),
    accepted: [],
    loadedBy: {},
  }
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/** A stack may name a file that is not there, or none. */
const withoutLinks = <Place extends { readonly file: string }>(place: Place): Place =>
  fs.existsSync(place.file) ? { ...place, file: fs.realpathSync(place.file) } : { ...place, file: '' }

type CallEntry = Extract<CodeEntry, { readonly call: string }>

/** No stage has an empty name. */
const ofAnyName = (entry: CallEntry): CallEntry => ({ ...entry, call: '' })

const conditionsKey = JSON.stringify(ownConditions)

/** Asked for each of thousands of stages; no path and no name has a NUL in it. */
const keyOf = (entry: CodeEntry, without: readonly string[]): string => {
  const place = 'export' in entry ? undefined : entry.place
  const begin = place === undefined ? '' : `${place.file}\0${place.line}\0${place.column}`
  const called = 'export' in entry ? entry.export : entry.call
  const packages = without.length > 1 ? [...without].sort() : without
  return `${entry.module}\0${called}\0${begin}\0${packages.join()}\0${conditionsKey}`
}

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
