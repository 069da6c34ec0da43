/**
 * What a stage read that nobody could name before it ran: files that it opened, folders that it listed, paths that it
 * looked for, environment variables, the time zone. The process that computes it writes them down
 * (`execute/tracer.ts`); an artifact is a hit while each of them is what it was.
 */
import { createHash } from 'node:crypto'
import * as fs from 'node:fs'
import * as path from 'node:path'
import { type Escape, ESCAPES } from '../dsl/option-tables.js'
import { readTextIfThere } from '../base/files.js'
import { type FileIndex, hashInParts, identityOf } from './file-identity.js'
import type { InParts } from './in-parts.js'
import {
  flagShape,
  mapShape,
  nullableShape,
  optionalShape,
  readerOf,
  recordShape,
  soundShape,
  textShape,
  valueShape,
  WrongShape,
} from './shape.js'

/**
 * Name of what was read (`file data/labels.json`) → its value then: a sha256 of bytes, of a folder's names or of a
 * variable's text, else the thing itself; null for what was not there. Paths are relative to the project's root where
 * they are below it.
 */
export type Reads = Readonly<Record<string, string | null>>

const readKinds = [
  'file',
  'module',
  'folder',
  'path',
  'link',
  'scope',
  'package',
  'env',
  'cwd',
  'zone',
  'locale',
  'escape',
] as const

/** What can be read, by the first word of its name; of `escape` no value is ever what it was. */
type ReadKind = (typeof readKinds)[number]

export const readName = (kind: ReadKind, what: string): string => `${kind} ${what}`

export const partsOfRead = (name: string): { readonly kind: ReadKind; readonly what: string } => {
  const space = name.indexOf(' ')
  return { kind: name.slice(0, space) as ReadKind, what: name.slice(space + 1) }
}

/** What leaves the trace, in words that follow "it uses". */
export const escapeWords: Readonly<Record<Escape, string>> = {
  addon: 'a native addon',
  child_process: 'another program',
  clock: 'the clock',
  network: 'the network',
  randomness: 'randomness that is not its own',
  vm: 'node:vm',
  worker_threads: 'a thread',
}

/** `clock src/run.ts:12` → its parts; `changed` is a file that was another one before the stage had ended. */
export const partsOfEscape = (what: string): { readonly escape: Escape | 'changed'; readonly place: string } => {
  const space = what.indexOf(' ')
  return { escape: what.slice(0, space) as Escape | 'changed', place: what.slice(space + 1) }
}

const namePattern = new RegExp(
  `^(${readKinds.filter((kind) => kind !== 'escape').join('|')}|escape (${ESCAPES.join('|')}|changed)) `,
)

const isReadName = (value: unknown): value is string => typeof value === 'string' && namePattern.test(value)

export const readsShape = soundShape(mapShape(nullableShape(textShape)), (reads) => {
  const wrong = Object.keys(reads).find((name) => !isReadName(name))
  return wrong === undefined ? undefined : { path: [wrong], message: 'is nothing that can be read' }
})

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

/** The nearest folder with a package.json, else the file's own. */
export const projectRootOf = (file: string): string => {
  for (let at = path.dirname(file); ; at = path.dirname(at)) {
    if (fs.existsSync(path.join(at, 'package.json'))) return at
    if (path.dirname(at) === at) return path.dirname(file)
  }
}

/** A path as names have it. */
export const shownPath = (root: string, file: string): string => {
  const below = path.relative(root, file)
  const isBelow = below !== '..' && !below.startsWith(`..${path.sep}`) && !path.isAbsolute(below)
  return (isBelow ? below || '.' : file).split(path.sep).join('/')
}

/** A line of the trace; a file's value is found out when the stage has ended, unless it may change unnoticed. */
export interface TracedRead {
  readonly name: string
  readonly value?: string | null
  readonly file?: string
  readonly identity?: string
  /** The module for whose sake it was looked at. */
  readonly of?: string | undefined
  /** The stage has written over it since: its value is what it was before. */
  readonly isReplaced?: boolean
}

export interface TraceOptions {
  /** The file that lines are added to. */
  readonly log: string
  readonly root: string
  /** Files and folders that the stage is given, or makes. */
  readonly given: readonly string[]
  readonly trusts: readonly Escape[]
}

const kindOf = (stat: fs.Stats): string => (stat.isDirectory() ? 'folder' : stat.isFile() ? 'file' : 'other')

/** Environment variables that a worker is given, or that no result depends on. */
export const givenVariables =
  /^(GENEPOOL_(CACHE|LEASES|PATIENCE|WORKER)|MALLOC_(MMAP_THRESHOLD_|TRIM_THRESHOLD_|ARENA_MAX))$/

/** sha256 of a variable's text, or of all of them (`*`); null where it is not set. */
export const variable = (environment: Readonly<Record<string, string | undefined>>, name: string): string | null => {
  const all = () => Object.entries(environment).filter(([each]) => !givenVariables.test(each))
  const value = name === '*' ? JSON.stringify(all().sort()) : environment[name]
  return value === undefined ? null : sha256(value)
}

/** Null where what `look` asks for is not there, or cannot be looked at. */
const orNull = (look: () => string): string | null => {
  try {
    return look()
  } catch {
    return null
  }
}

interface InstalledAs {
  readonly name?: string
  readonly version?: string
}

/** The version of a package, with its name where that of its folder is another: `npm:other@1.0.0`. */
export const installedAs = (folder: string, { name, version }: InstalledAs): string | undefined => {
  const isAlias = name !== undefined && !folder.split(path.sep).join('/').endsWith(`/${name}`)
  return isAlias ? `${name}@${version}` : version
}

/** What a tsconfig.json says, with the files that it names as what it extends. */
const settingsOf = (file: string, seen: readonly string[] = []): readonly string[] => {
  const text = fs.readFileSync(file, 'utf8')
  const [, one, many = ''] = /"extends"\s*:\s*(?:"([^"]*)"|\[([^\]]*)\])/.exec(text) ?? []
  const named = one === undefined ? [...many.matchAll(/"([^"]*)"/g)].map(([, name]) => name!) : [one]
  const files = named.flatMap((name) => {
    const at = path.resolve(path.dirname(file), name)
    return [at, `${at}.json`].filter((each) => /^[./]/.test(name) && !seen.includes(each) && fs.existsSync(each))
  })
  return [text, ...files.flatMap((each) => settingsOf(each, [...seen, file]))]
}

/** Of everything but a file's bytes: what it is now. */
export const valueNow = (root: string, kind: Exclude<ReadKind, 'file' | 'module' | 'escape'>, what: string) => {
  const place = path.resolve(root, what)
  switch (kind) {
    case 'folder':
      return orNull(() => {
        const entries = fs.readdirSync(place, { withFileTypes: true })
        const targetOf = (name: string) =>
          orNull(() => {
            const target = fs.readlinkSync(path.join(place, name))
            return path.isAbsolute(target) ? shownPath(root, target) : target
          })
        const kinds = entries.map((each) => [
          each.name,
          each.isSymbolicLink() ? targetOf(each.name) : each.isDirectory(),
        ])
        return sha256(JSON.stringify(kinds.sort()))
      })
    case 'path':
      return orNull(() => kindOf(fs.statSync(place)))
    case 'link': {
      const said = orNull(() => fs.readlinkSync(place))
      const text = said !== null && path.isAbsolute(said) ? `/${shownPath(root, said)}` : said
      const real = orNull(() => shownPath(root, fs.realpathSync(place)))
      return text === null ? real : `${real ?? 'nothing'} by ${text}`
    }
    case 'scope':
      return orNull(() => {
        if (path.basename(place) !== 'package.json') return sha256(settingsOf(place).join('\0'))
        const text = fs.readFileSync(place, 'utf8')
        const { name, type, main, imports, exports } = JSON.parse(text) as Readonly<Record<string, unknown>>
        return sha256(JSON.stringify([name, type, main, imports, exports]))
      })
    case 'package':
      return orNull(() => {
        const manifest = JSON.parse(readTextIfThere(path.join(place, 'package.json')) ?? '{}') as InstalledAs
        return installedAs(place, manifest) ?? 'without a version'
      })
    case 'env':
      return variable(process.env, what)
    case 'cwd':
      return shownPath(root, process.cwd())
    case 'zone':
      // One that has no name, such as FOO+5, is its variable alone.
      return String(Intl.DateTimeFormat().resolvedOptions().timeZone ?? process.env['TZ'])
    case 'locale':
      return Intl.DateTimeFormat().resolvedOptions().locale
  }
}

/** What things are at one moment: each is looked at once. */
export class ReadsNow {
  readonly #hashes: FileIndex<string>
  readonly #known = new Map<string, string | null>()

  constructor(hashes: FileIndex<string>) {
    this.#hashes = hashes
  }

  /** sha256 of a file's bytes; null where there is none. */
  *bytesOf(file: string): InParts<string | null> {
    const readAt = Date.now()
    const known = this.#hashes.peek(file)
    if (known !== undefined) return known
    try {
      const identity = identityOf(file)!
      const sha256 = yield* hashInParts(file)
      this.#hashes.remember(file, identity, sha256, readAt)
      return sha256
    } catch {
      return null
    }
  }

  *value(root: string, name: string): InParts<string | null> {
    const { kind, what } = partsOfRead(name)
    const key = `${root}\0${name}`
    const known = this.#known.get(key)
    if (known !== undefined) return known
    const value =
      kind === 'escape'
        ? null
        : kind === 'file' || kind === 'module'
          ? yield* this.bytesOf(path.resolve(root, what))
          : valueNow(root, kind, what)
    this.#known.set(key, value)
    return value
  }

  /** The same names with what they are now. */
  *valuesOf(root: string, reads: Reads): InParts<Reads> {
    const values: Record<string, string | null> = {}
    for (const name of Object.keys(reads)) values[name] = yield* this.value(root, name)
    return values
  }

  /** Keeps what was hashed for the next run. */
  save(): void {
    this.#hashes.save()
  }

  *areAsThen(root: string, reads: Reads): InParts<boolean> {
    for (const [name, then] of Object.entries(reads)) if ((yield* this.value(root, name)) !== then) return false
    return true
  }
}

const tracedShape = recordShape<TracedRead>({
  name: valueShape(isReadName, 'name of what can be read'),
  value: optionalShape(nullableShape(textShape)),
  file: optionalShape(textShape),
  identity: optionalShape(textShape),
  of: optionalShape(textShape),
  isReplaced: optionalShape(flagShape),
})

const readTraced = readerOf(tracedShape)

/** Whether the code's own digest stands for a module or a package, and so for what was looked at to find it. */
export type IsCovered = (line: TracedRead) => boolean

/** Half a line of a process that was killed is none. Throws a WrongShape for one that no tracer wrote. */
const linesOf = (log: string): readonly TracedRead[] =>
  (readTextIfThere(log) ?? '').split('\n').flatMap((line) => {
    let written: unknown
    try {
      written = JSON.parse(line)
    } catch {
      return []
    }
    return [tracedShape.is(written) ? written : readTraced(written)]
  })

/** Whether two attempts, or two moments of one, have found a thing as two different things. */
const differ = (one: TracedRead, other: TracedRead): boolean =>
  one.identity !== other.identity || (one.value !== other.value && one.value !== undefined && other.value !== undefined)

/**
 * What the trace in a file says, once its stage has ended. Of a file that is no longer the one that was opened nobody
 * knows what it held: the stage's result then counts for this run alone.
 */
export function* readsOf(log: string, now: ReadsNow, root: string, isCovered: IsCovered): InParts<Reads | undefined> {
  const byName = new Map<string, TracedRead>()
  const reads: Record<string, string | null> = {}
  for (const line of linesOf(log)) {
    if (isCovered(line)) continue
    const before = byName.get(line.name)
    if (before !== undefined && differ(before, line))
      reads[readName('escape', `changed ${partsOfRead(line.name).what}`)] = ''
    byName.set(line.name, { ...before, ...line })
  }
  for (const { name, value, file, identity, isReplaced } of byName.values()) {
    const bytes = file === undefined || isReplaced === true ? (value ?? null) : yield* now.bytesOf(file)
    const isOther =
      file !== undefined && isReplaced !== true && (identityOf(file) !== identity || (value ?? bytes) !== bytes)
    if (isOther) reads[readName('escape', `changed ${shownPath(root, file)}`)] = ''
    else reads[name] = bytes
  }
  now.save()
  return Object.keys(reads).length === 0 ? undefined : reads
}

/** Whether nothing that a trace names has changed: what an interrupted stage has read is then read for the rest. */
export const isTraceAsThen = (log: string, root: string, isCovered: IsCovered): boolean => {
  const isAsThen = (line: TracedRead): boolean => {
    const { name, value, file, identity } = line
    if (isCovered(line)) return true
    const { kind, what } = partsOfRead(name)
    if (kind === 'escape') return true
    if (kind === 'file' || kind === 'module') return file !== undefined && identityOf(file) === identity
    return valueNow(root, kind, what) === value
  }
  try {
    return linesOf(log).every(isAsThen)
  } catch (cause) {
    // What is damaged says nothing of what has been read.
    if (cause instanceof WrongShape) return false
    throw cause
  }
}
