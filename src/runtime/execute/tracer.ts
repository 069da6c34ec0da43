/**
 * In a worker: writes down what a stage of the user's own reads besides what it is given, and notices when it leaves
 * what can be written down.
 */
import fs from 'node:fs'
import { createRequire, isBuiltin, Module, syncBuiltinESMExports } from 'node:module'
import * as path from 'node:path'
import { fileURLToPath } from 'node:url'
import { inspect } from 'node:util'
import type { Escape } from '../../dsl/option-tables.js'
import { sentenceOf } from '../../base/errors.js'
import { cacheFolder } from '../../base/cache-folder.js'
import { changedAtMs, clockTickMs, hashFile, identityOf } from '../file-identity.js'
import {
  partsOfEscape,
  partsOfRead,
  givenVariables,
  readName,
  shownPath,
  type TracedRead,
  type TraceOptions,
  valueNow,
  variable,
} from '../reads.js'
import { clockGetters, escapes, optionOf, words } from './escapes.js'
import { hookLoader, type LoaderMessage, loaderHooksAreNear } from './loader-hooks.js'
import {
  type Before,
  type Callable,
  type Caller,
  callerOf,
  handedOn,
  handsOnVariables,
  isForAProgram,
  isTimeForNode,
  isNodesOwn,
  isOfNodesLibrary,
  isOwnCall,
  isOwnFile,
  placeOfSite,
  replace,
  replaceGetter,
  told,
  vouchedFor,
} from './traced-calls.js'

/** The path that a function of `fs` is given; undefined for a descriptor. */
const pathOf = (given: unknown): string | undefined => {
  if (typeof given === 'string') return path.resolve(given)
  if (given instanceof Uint8Array) return path.resolve(Buffer.from(given).toString())
  if (typeof given !== 'object' || given === null || Reflect.get(given, 'protocol') !== 'file:') return undefined
  try {
    return fileURLToPath(given as URL)
  } catch {
    // Node refuses it too.
    return undefined
  }
}

/** Of the options of a function that writes. */
const flagOf = (options: unknown): unknown => optionOf(options, 'flag') ?? optionOf(options, 'flags')

/** Whether a file is opened to be read, by the flags of `open`. */
const opensToRead = (flags: unknown): boolean =>
  typeof flags === 'number'
    ? (flags & 3) !== fs.constants.O_WRONLY
    : !/^(w|a)x?s?$/.test(typeof flags === 'string' ? flags : 'r')
const opensToWrite = (flags: unknown): boolean =>
  typeof flags === 'number'
    ? (flags & 3) !== fs.constants.O_RDONLY
    : /[wa+]/.test(typeof flags === 'string' ? flags : 'r')
const empties = (flags: unknown): boolean =>
  typeof flags === 'number' ? (flags & fs.constants.O_TRUNC) !== 0 : typeof flags === 'string' && flags.startsWith('w')

/** What is looked at for one module is not looked at for another, of which other things may stand for it. */
const keyOf = ({ name, of }: TracedRead): string => (of === undefined ? name : `${name}\0${of}`)

/** Of a package its version stands for its files; what is linked from elsewhere has a path of its own. */
const packageOf = (file: string): string | undefined =>
  /^(.*[\\/]node_modules[\\/](?:@[^\\/]+[\\/])?[^\\/.][^\\/]*)[\\/]/.exec(file)?.[1]

/** Whether Node's loader reads ES modules by a function that can be replaced. */
const readsByPromises = process.versions.node.startsWith('20.')

const isUsers = (module: string): boolean => packageOf(module) === undefined && !isOwnFile(module)

type LoadModule = (module: { readonly exports: SessionsHolder }, file: string) => void

/** The native part of onnxruntime, which reads models whose paths it is told. */
interface SessionsHolder {
  InferenceSession: new () => { readonly loadModel: (...given: unknown[]) => unknown }
}

/** Links followed, where it is there. */
const realOf = (file: string): string => {
  try {
    return fs.realpathSync(file)
  } catch {
    return file
  }
}

/** Where a link leads that leads to nothing. */
const linkTarget = (file: string): string | undefined => {
  try {
    return path.resolve(path.dirname(file), fs.readlinkSync(file))
  } catch {
    return undefined
  }
}

/** The same with `part` replaced wherever it is in plain objects, lists, maps and sets; itself where it is not. */
const replacedIn = (whole: unknown, part: unknown, by: unknown, done = new Map<unknown, unknown>()): unknown => {
  if (whole === part) return by
  if (typeof whole !== 'object' || whole === null) return whole
  if (done.has(whole)) return done.get(whole)
  const isObject = [Object.prototype, null].includes(Object.getPrototypeOf(whole) as object | null)
  const again = (each: unknown): unknown => replacedIn(each, part, by, done)
  if (!isObject && !Array.isArray(whole) && !(whole instanceof Map) && !(whole instanceof Set)) return whole
  const copy = isObject
    ? {}
    : Array.isArray(whole)
      ? []
      : whole instanceof Map
        ? new Map<unknown, unknown>()
        : new Set()
  done.set(whole, copy)
  if (whole instanceof Map && copy instanceof Map) for (const [key, value] of whole) copy.set(again(key), again(value))
  else if (whole instanceof Set && copy instanceof Set) for (const each of whole) copy.add(again(each))
  else for (const key of Object.keys(whole)) Reflect.set(copy, key, again(Reflect.get(whole, key)))
  return copy
}

class Tracer {
  #options: TraceOptions | undefined
  /** What the stage has read, by `keyOf`. */
  #reads = new Map<string, TracedRead>()
  /** What was looked at for modules, by name: many of them share it. */
  readonly #lookedAt = new Map<string, string | null>()
  /** What was read while the definition was loaded: it counts for every stage that this process computes. */
  #loaded: ReadonlyMap<string, TracedRead> | undefined
  /** Of what it has read, the absolute paths as they were given, to know them at once. */
  readonly #seen = new Set<string>()
  /** What the stage has made itself. */
  readonly #made = new Set<string>()
  /** What stages of this process have loaded, and what was looked at for that. */
  readonly #modules = new Map<string, TracedRead>()
  /** Variables that the user's code has set itself. */
  readonly #set = new Set<string>()
  /** The working directory before any of the user's code ran. */
  #cwd: string | undefined
  /** The working directory once the definition was loaded. */
  #loadedIn: string | undefined
  /** Whether functions are replaced, but not all that have to be. */
  #isHalf = false
  /** Of the environment, what it was before any of the user's code ran. */
  #environment: NodeJS.ProcessEnv = {}
  /** Why the log cannot be written, where it cannot. */
  #failure: unknown
  /** Whether something could not be looked at. */
  #isUnsure = false
  #escaped = new Set<string>()
  /** While this very tracer looks at something. */
  #isBusy = false
  #isInstalled = false
  #followsModules = false
  /** Hooks of Node's loader are set as soon as it reads a module that belongs to no package. */
  #awaitsModules = false
  #drain = (): void => {}

  /** The next stage begins: what it reads goes to a log of its own. */
  begin(options: TraceOptions): void {
    if (options.root !== this.#options?.root) {
      this.#loaded = undefined
      this.#modules.clear()
    }
    const given = this.#busy(() => options.given.flatMap((each) => [each, realOf(each)])) ?? options.given
    this.#options = { ...options, given }
    this.#escaped = new Set()
    this.#failure = undefined
    this.#isUnsure = false
    this.#made.clear()
    this.#lookedAt.clear()
    this.#seen.clear()
    this.#goBack()
    // A module that another stage has loaded is not loaded, nor looked for, again.
    this.#reads = new Map([...(this.#loaded ?? []), ...this.#modules])
    this.#busy(() => this.#write([...this.#reads.values()]))
  }

  /** Not where the stage before has gone. */
  #goBack(): void {
    this.#busy(() => {
      this.#cwd ??= process.cwd()
      if (this.#loadedIn !== undefined && process.cwd() !== this.#loadedIn) process.chdir(this.#loadedIn)
    })
  }

  /** The definition is loaded. */
  loaded(): void {
    this.#drain()
    if (this.#loaded === undefined) this.#loadedIn = this.#busy(() => process.cwd())
    this.#loaded ??= new Map(this.#reads)
  }

  /**
   * From now on what is read counts; `files` were compiled into the definition, `loads` says what Node's loader has to
   * load besides: modules, or packages alone that the definition imports by their names.
   */
  install(files: readonly string[], loads: 'modules' | 'packages' | 'nothing', usesTsconfig = false): void {
    if (this.#options === undefined) return
    this.#busy(() => {
      for (const file of files) this.#file('module', file)
      if (usesTsconfig) this.#compiledBy(process.cwd(), process.env['TSX_TSCONFIG_PATH'])
      if (loads !== 'nothing' && !this.#followsModules) {
        if (loads === 'packages' && !loaderHooksAreNear && readsByPromises) this.#awaitsModules = true
        else this.#followModules()
      }
      if (this.#isInstalled) return
      this.#isInstalled = true
      this.#isHalf = true
      this.#environment = { ...process.env }
      this.#replaceFiles()
      this.#replaceEnvironment()
      this.#replaceEscapes()
      this.#replaceLocale()
      replace(process, 'cwd', (_, boundary) => this.#relative(boundary))
      syncBuiltinESMExports()
      this.#isHalf = false
    })
  }

  #followModules(): void {
    this.#followsModules = true
    this.#awaitsModules = false
    const hear = ({ request, parent, found, identity }: LoaderMessage, isOwn: boolean): void => {
      if (found !== undefined && identity !== undefined) this.#file('module', found, identity)
      if (request !== undefined && !isOwn) this.#resolved(request, parent, found)
    }
    this.#drain = hookLoader(
      (told, isOwn) => void this.#busy(() => hear(told, isOwn)),
      (file) => this.#busy(() => identityOf(file)),
    )
  }

  /** Node's loader reads an ES module. For the names that packages look up, their versions stand. */
  #loads(given: unknown, boundary: Callable): void {
    if (!this.#awaitsModules || this.#options === undefined || this.#isBusy) return
    const file = pathOf(given)
    if (file === undefined || callerOf(boundary) !== 'loader') return
    this.#busy(() => {
      if (isUsers(file)) this.#followModules()
      this.#file('module', file)
    })
  }

  /**
   * A loader has looked for a module under a path: by its name, and as a file or a folder of code. `found` is what it
   * came to, if it did: what comes to be before it would be loaded in its place.
   */
  #lookedFor(place: string, found?: string): void {
    const [, stem, kind] = /^(.*)\.([cm]?)js$/.exec(place) ?? []
    const typed = kind === undefined ? [] : kind === '' ? [`${stem}.ts`, `${stem}.tsx`] : [`${stem}.${kind}ts`]
    const isWhole = found === place || /\.([cm]?[jt]s|tsx|json)$/.test(place)
    const begun = words('.js .cjs .mjs .ts .cts .mts .tsx .json /index.js /index.ts /index.json')
    for (const name of [place, ...typed, ...(isWhole ? [] : begun.map((end) => place + end))]) {
      if (name !== found) this.#valued('link', name, found)
    }
    if (!isWhole) this.#valued('scope', path.join(place, 'package.json'), found)
  }

  /** A loader has looked for a package's module from the folder `from`; `found` is what it came to, if it did. */
  #lookedForPackage(request: string, from: string, found?: string): void {
    if (found !== undefined && (vouchedFor.test(found) || isOwnFile(found))) return
    const [name] = /^(@[^/]+\/)?[^/]+/.exec(request) ?? [request]
    const top = found === undefined ? undefined : packageOf(found)
    this.#note({ name: readName('env', 'NODE_PATH'), value: variable(this.#environment, 'NODE_PATH'), of: found })
    // Paths of TypeScript lead elsewhere.
    this.#valued('scope', path.join(this.#options!.root, 'tsconfig.json'), found)
    for (let at = from; ; at = path.dirname(at)) {
      const folder = path.join(at, 'node_modules', name)
      this.#valued('link', folder, found)
      if (folder === top) return
      if (path.dirname(at) === at) return
    }
  }

  /** The loader of TypeScript takes the tsconfig.json that it is told, or the nearest to where the process works. */
  #compiledBy(cwd: string, told: string | undefined): void {
    this.#note({ name: readName('env', 'TSX_TSCONFIG_PATH'), value: variable(process.env, 'TSX_TSCONFIG_PATH') })
    this.#note({ name: readName('cwd', 'of the process'), value: shownPath(this.#options!.root, cwd) })
    if (told !== undefined) return this.#valued('scope', path.resolve(cwd, told))
    for (let at = cwd; ; at = path.dirname(at)) {
      const file = path.join(at, 'tsconfig.json')
      this.#valued('scope', file)
      if (fs.existsSync(file) || path.dirname(at) === at) return
    }
  }

  /** How a module is loaded, the nearest package.json says. */
  #scopeOf(module: string): void {
    for (let at = path.dirname(module); ; at = path.dirname(at)) {
      const manifest = path.join(at, 'package.json')
      this.#valued('scope', manifest, module)
      if (fs.existsSync(manifest) || path.dirname(at) === at) return
    }
  }

  /** A module was asked for in `parent`, or in other folders, and found or not. */
  #resolved(request: string, parent?: string, found?: string, folders?: readonly string[]): void {
    if (this.#options === undefined || isBuiltin(request) || (parent !== undefined && !isUsers(parent))) return
    for (const from of folders ?? [parent === undefined ? '/' : path.dirname(parent)]) {
      if (path.isAbsolute(request) || /^\.{1,2}(\/|$)/.test(request)) {
        this.#lookedFor(path.resolve(from, request), found)
      } else if (found === undefined || path.isAbsolute(found)) this.#lookedForPackage(request, from, found)
    }
  }

  /** The stage has ended: everything that it read is in the log. Throws where that cannot be written. */
  flush(): void {
    this.#drain()
    const unsure = readName('escape', 'changed something that could not be looked at')
    if (this.#isUnsure || this.#isHalf) this.#busy(() => this.#note({ name: unsure, value: '' }))
    if (this.#failure !== undefined) throw new Error(`cannot write down what it reads: ${sentenceOf(this.#failure)}`)
  }

  #busy<A>(look: () => A): A | undefined {
    if (this.#isBusy) return undefined
    this.#isBusy = true
    try {
      return look()
    } catch {
      // Nothing of this may reach the user's code.
      this.#isUnsure = true
      return undefined
    } finally {
      this.#isBusy = false
    }
  }

  #write(reads: readonly TracedRead[]): void {
    const { log, trusts } = this.#options!
    const lines = reads.filter(({ name }) => {
      const { kind, what } = partsOfRead(name)
      return kind !== 'escape' || !trusts.some((each) => each === partsOfEscape(what).escape)
    })
    // A line begins with its own end: half of one, of a process that was killed, takes no other with it.
    try {
      if (lines.length > 0) fs.appendFileSync(log, lines.map((line) => `\n${JSON.stringify(line)}`).join(''))
    } catch (cause) {
      this.#failure ??= cause
    }
  }

  #note(read: TracedRead): void {
    const key = keyOf(read)
    if (this.#reads.has(key)) return
    this.#reads.set(key, read)
    if (read.of !== undefined || /^(module|package) /.test(read.name)) this.#modules.set(key, read)
    this.#write([read])
  }

  #isOwn(file: string): boolean {
    const { given } = this.#options!
    const isBelow = (folder: string): boolean => file === folder || file.startsWith(folder + path.sep)
    const isMade = (): boolean => {
      for (let at = file; ; at = path.dirname(at)) {
        if (this.#made.has(at)) return true
        if (path.dirname(at) === at) return false
      }
    }
    return given.some(isBelow) || isMade()
  }

  /** What is read there: a link that the stage has made, or that is in a folder of its own, may lead out of it. */
  #behindOwn(file: string): string {
    if (!this.#isOwn(file)) return file
    const real = realOf(file)
    const target = real === file ? linkTarget(file) : real
    return target === undefined ? file : this.#behindOwn(target)
  }

  #isGiven(file: string): boolean {
    return this.#isOwn(this.#behindOwn(file))
  }

  /** `then` is the file's identity when it was read, where that was before. */
  #file(kind: 'file' | 'module', file: string, then?: string): void {
    const { root } = this.#options!
    if (kind === 'module' && (isOwnFile(file) || this.#isGiven(file))) return
    const folder = packageOf(file)
    if (folder !== undefined) {
      if (vouchedFor.test(file)) return
      const what = shownPath(root, folder)
      return this.#note({ name: readName('package', what), value: valueNow(root, 'package', what) })
    }
    const name = readName(kind, shownPath(root, file))
    if (this.#reads.has(name)) return
    if (kind === 'module') this.#scopeOf(file)
    try {
      const identity = then ?? identityOf(file)
      if (identity !== undefined && (then !== undefined || fs.statSync(file).isFile())) {
        const isYoung = changedAtMs(identity) + clockTickMs >= Date.now() && identityOf(file) === identity
        return this.#note({ name, file, identity, ...(isYoung && { value: hashFile(file) }) })
      }
    } catch {
      // What cannot be looked at cannot be read either.
    }
    this.#valued('path', file)
  }

  /** `of` is the module that was loaded where the thing was looked for. */
  #valued(kind: 'path' | 'folder' | 'link' | 'scope', file: string, of?: string): void {
    const { root } = this.#options!
    const what = shownPath(root, file)
    const name = readName(kind, what)
    if (this.#reads.has(name) || this.#isGiven(file)) return
    if (of === undefined) return this.#note({ name, value: valueNow(root, kind, what) })
    if (!this.#lookedAt.has(name)) this.#lookedAt.set(name, valueNow(root, kind, what))
    this.#note({ name, value: this.#lookedAt.get(name) ?? null, of })
  }

  /** Where a relative path begins. */
  #relative(boundary: Callable): void {
    if (this.#options === undefined) return
    const { root } = this.#options
    const name = readName('cwd', 'of the process')
    if (this.#isBusy || this.#reads.has(name)) return
    this.#busy(() => {
      if (typeof callerOf(boundary) === 'object') this.#note({ name, value: shownPath(root, this.#cwd!) })
    })
  }

  #look(kind: 'file' | 'path' | 'folder' | 'link', given: unknown, boundary: Callable): void {
    if (this.#options === undefined || this.#isBusy) return
    if (typeof given === 'string' && this.#seen.has(`${kind} ${given}`)) return
    const file = pathOf(given)
    if (file === undefined) return
    if (typeof given === 'string' && !path.isAbsolute(given)) this.#relative(boundary)
    this.#busy(() => {
      if (this.#reads.has(readName(kind, shownPath(this.#options!.root, file)))) {
        if (typeof given === 'string' && path.isAbsolute(given)) this.#seen.add(`${kind} ${given}`)
        return
      }
      const caller = callerOf(boundary)
      if (caller === 'loader' || this.#isGiven(file)) return
      if ((caller === 'own' || caller === 'vouched') && this.#isOfProgram(file)) return
      if (/^\/dev\/u?random$/.test(file)) return this.#escape('randomness', caller)
      const read = kind === 'link' ? file : this.#behindOwn(file)
      if (kind === 'file') this.#file('file', read)
      else this.#valued(kind, read)
    })
  }

  /** What this program looks at for itself. */
  #isOfProgram(file: string): boolean {
    return (
      isOwnFile(file) ||
      file.startsWith(cacheFolder() + path.sep) ||
      // Where it looks for GPUs and their drivers: which engine computes is in the key.
      /^\/(proc|sys|dev)(\/|$)|^\/etc\/ld\.so\.cache$|[\\/]vulkan[\\/]icd\.d([\\/]|$)/.test(file) ||
      packageOf(file) !== undefined
    )
  }

  /** Whatever a stage writes is its own from then on; a file that it has read before is read by now. */
  #makes(given: unknown): void {
    const file = pathOf(given)
    if (file === undefined || this.#options === undefined || this.#isBusy) return
    this.#busy(() => {
      const name = readName('file', shownPath(this.#options!.root, file))
      const before = this.#reads.get(name)
      if (before?.identity !== undefined && before.isReplaced !== true && identityOf(file) === before.identity) {
        const read = { ...before, value: hashFile(file), isReplaced: true }
        this.#reads.set(name, read)
        this.#write([read])
      }
      this.#isMade(file)
    })
  }

  #isMade(file: string): void {
    this.#made.add(file)
    this.#made.add(path.join(realOf(path.dirname(file)), path.basename(file)))
  }

  /** `isDeep`: and the folders above it that are missing too. */
  #makesIfMissing(given: unknown, isDeep = false): void {
    const file = pathOf(given)
    const isMissing = (at: string): boolean => this.#busy(() => fs.existsSync(at)) === false
    if (file === undefined || this.#isBusy || !isMissing(file)) return
    let top = file
    if (isDeep) while (isMissing(path.dirname(top))) top = path.dirname(top)
    this.#makes(top)
  }

  /** What goes on with a file, or is there before it is begun, is not the stage's own. */
  #writes(file: unknown, flags: unknown, boundary: Callable): void {
    // Whether it is there decides what comes of it.
    const isExclusive = typeof flags === 'number' ? (flags & fs.constants.O_EXCL) !== 0 : String(flags).includes('x')
    if (isExclusive) this.#look('path', file, boundary)
    this.#lookAbove(file, boundary)
    if (typeof flags === 'string' && /^w\+?$/.test(flags)) this.#makes(file)
    else this.#makesIfMissing(file)
  }

  /** Whether there is a folder to make something in. */
  #lookAbove(given: unknown, boundary: Callable): void {
    const file = pathOf(given)
    if (file !== undefined) this.#look('path', path.dirname(file), boundary)
  }

  /** All that is below a folder; `through` links, where those are followed. */
  #lookBelow(folder: unknown, through: boolean, boundary: Callable): void {
    const top = pathOf(folder)
    const seen = new Set<string>()
    const look = (at: string): void => {
      const real = this.#busy(() => fs.realpathSync(at))
      if (real === undefined || seen.has(real)) return
      seen.add(real)
      this.#look('folder', at, boundary)
      for (const entry of this.#busy(() => fs.readdirSync(at, { withFileTypes: true })) ?? []) {
        const file = path.join(at, entry.name)
        if (entry.isDirectory() || (through && entry.isSymbolicLink() && this.#isFolder(file))) look(file)
        else if (entry.isFile() || through) this.#look('file', file, boundary)
      }
    }
    if (top !== undefined) look(top)
  }

  #replaceFiles(): void {
    const each = (names: readonly string[], before: (args: readonly unknown[], boundary: Callable) => void): void => {
      for (const name of names) {
        for (const [holder, called] of [
          [fs, name],
          [fs, `${name}Sync`],
          [fs.promises, name],
        ] as const) {
          replace(holder, called, before, name === 'cp' ? 'callers' : 'none')
        }
      }
    }
    each(['readFile', 'openAsBlob'], ([file], boundary) => this.#look('file', file, boundary))
    replace(fs.promises, 'readFile', ([file], boundary) => this.#loads(file, boundary))
    each(['open'], ([file, flags], boundary) => {
      if (opensToRead(flags) && !empties(flags)) this.#look('file', file, boundary)
      if (opensToWrite(flags)) this.#writes(file, flags, boundary)
    })
    for (const name of ['createReadStream', 'ReadStream']) {
      replace(fs, name, ([file], boundary) => this.#look('file', file, boundary), 'none')
    }
    each(['stat', 'lstat'], ([file], boundary) => this.#look('file', file, boundary))
    each(['exists', 'access'], ([file], boundary) => this.#look('path', file, boundary))
    each(['lstat'], ([file], boundary) => this.#look('link', file, boundary))
    for (const holder of [fs.realpath, fs.realpathSync]) {
      replace(holder, 'native', ([file], boundary) => this.#look('link', file, boundary), 'none')
    }
    each(['realpath', 'readlink'], ([file], boundary) => this.#look('link', file, boundary))
    each(['readdir', 'opendir'], ([folder, options], boundary) => {
      this.#look('folder', folder, boundary)
      const top = optionOf(options, 'recursive') === true ? pathOf(folder) : undefined
      if (top !== undefined) for (const below of this.#foldersBelow(top)) this.#look('folder', below, boundary)
    })
    each(['copyFile'], ([from, to, mode], boundary) => {
      this.#look('file', from, boundary)
      if (typeof mode === 'number' && (mode & fs.constants.COPYFILE_EXCL) !== 0) this.#look('path', to, boundary)
      this.#makesIfMissing(to)
    })
    each(['link', 'symlink'], ([, to], boundary) => {
      this.#look('path', to, boundary)
      this.#makesIfMissing(to)
    })
    each(['link'], ([from], boundary) => this.#look('file', from, boundary))
    each(['rename'], ([from, to], boundary) => {
      this.#look('file', from, boundary)
      if (this.#isFolder(from)) this.#lookBelow(from, false, boundary)
      const file = pathOf(from)
      if (file !== undefined && this.#busy(() => fs.existsSync(file)) === true) this.#makes(to)
    })
    each(['cp'], ([from, to, options], boundary) => {
      this.#look('file', from, boundary)
      if (this.#isFolder(from)) this.#lookBelow(from, optionOf(options, 'dereference') === true, boundary)
      this.#makesIfMissing(to, true)
    })
    // Whether something is there, as the call's failure tells.
    each(['rm', 'unlink'], ([file, options], boundary) => {
      if (optionOf(options, 'force') !== true) this.#look('path', file, boundary)
      this.#makes(file)
    })
    each(['rmdir'], ([folder], boundary) => this.#look('folder', folder, boundary))
    each(words('utimes lutimes chmod chown lchown truncate watch watchFile'), ([file], boundary) =>
      this.#look('path', file, boundary),
    )
    each(['mkdir'], ([folder, options], boundary) => {
      if (optionOf(options, 'recursive') === true) return
      this.#look('path', folder, boundary)
      this.#lookAbove(folder, boundary)
    })
    each(['writeFile'], ([file, , options], boundary) => this.#writes(file, flagOf(options) ?? 'w', boundary))
    each(['mkdir'], ([folder, options]) => this.#makesIfMissing(folder, optionOf(options, 'recursive') === true))
    each(['appendFile'], ([file]) => this.#makesIfMissing(file))
    replace(
      fs,
      'createWriteStream',
      ([file, options], boundary) => this.#writes(file, flagOf(options) ?? 'w', boundary),
      'none',
    )
    replace(process, 'loadEnvFile', ([file = '.env'], boundary) => this.#look('file', file, boundary), 'none')
    this.#replaceDrawnFolders()
    const loader = Module.prototype as unknown as { load: (file: string) => unknown }
    replace(loader, 'load', ([given]) => {
      if (this.#options === undefined || typeof given !== 'string') return
      // As the loader of TypeScript calls one that it loads for itself.
      const file = given.replace(/\?namespace=\d+$/, '')
      // It may import ES modules.
      if (isUsers(file) && !this.#followsModules) this.#busy(() => this.#followModules())
      this.#busy(() => this.#file('module', file))
    })
    // As whoever calls them by hand, too.
    const { _extensions: kinds } = Module as unknown as { _extensions: Record<string, LoadModule> }
    const loadNative = kinds['.node']!
    kinds['.node'] = (module, file) => {
      loadNative(module, file)
      if (file.endsWith('onnxruntime_binding.node')) this.#replaceSessions(module.exports)
    }
    for (const kind of Object.keys(kinds)) {
      replace(kinds, kind, ([, file]) => {
        if (this.#options !== undefined && typeof file === 'string') this.#busy(() => this.#file('module', file))
      })
    }
    type Parent = { readonly filename?: string | null; readonly id?: string }
    type Resolve = (request: string, parent?: Parent, ...rest: unknown[]) => string
    const modules = Module as unknown as { _resolveFilename: Resolve }
    const resolve = modules['_resolveFilename']
    const tellingResolve: Resolve = (request, parent, ...rest) => {
      let found: string | undefined
      try {
        return (found = resolve.call(Module, request, parent, ...rest))
      } finally {
        // One that Node makes up, to say why it found nothing, has only the name of a file.
        const from = parent?.filename ?? (path.isAbsolute(parent?.id ?? '') ? parent?.id : undefined)
        if (this.#options !== undefined && (from === undefined || isUsers(from))) {
          this.#busy(() => {
            const folders = optionOf(rest[1], 'paths') as readonly string[] | undefined
            if (!isOwnCall(tellingResolve)) this.#resolved(request, from, found, folders)
          })
        }
      }
    }
    modules['_resolveFilename'] = tellingResolve
  }

  #replaceSessions(holder: SessionsHolder): void {
    const told = (file: unknown): void => this.#look('file', file, told)
    const Session = holder.InferenceSession
    holder.InferenceSession = class extends Session {
      override loadModel = (...given: unknown[]): unknown => {
        told(given[0])
        return super.loadModel(...given)
      }
    }
  }

  /** The stage's own folders, whose names are known once they are made. */
  #replaceDrawnFolders(): void {
    const { mkdtemp, mkdtempSync } = fs
    const inPromises = fs.promises.mkdtemp
    const made = <A>(folder: A): A => {
      this.#busy(() => this.#isMade(path.resolve(String(folder))))
      return folder
    }
    Object.assign(fs, {
      mkdtempSync: (...args: Parameters<typeof mkdtempSync>) => made(mkdtempSync(...args)),
      mkdtemp: (...args: unknown[]) => {
        const told = args.pop() as (error: unknown, folder: string) => void
        const tell = (error: unknown, folder: string): void => told(error, error ? folder : made(folder))
        ;(mkdtemp as (...all: unknown[]) => void)(...args, tell)
      },
    })
    Object.assign(fs.promises, {
      mkdtemp: async (...args: Parameters<typeof inPromises>) => made(await inPromises(...args)),
    })
  }

  #isFolder(given: unknown): boolean {
    const place = pathOf(given)
    return (
      place !== undefined && this.#busy(() => fs.statSync(place, { throwIfNoEntry: false })?.isDirectory()) === true
    )
  }

  #foldersBelow(top: string): readonly string[] {
    const found =
      this.#busy(() => {
        try {
          return fs.readdirSync(top, { recursive: true, withFileTypes: true })
        } catch {
          return []
        }
      }) ?? []
    return found.filter((each) => each.isDirectory()).map((each) => path.join(each.parentPath, each.name))
  }

  #replaceEnvironment(): void {
    const note = (name: string, boundary: Callable, evenForNode = false): void => {
      if (this.#options === undefined || this.#isBusy || givenVariables.test(name)) return
      if (['*', name].some((each) => this.#reads.has(readName('env', each)))) return
      this.#busy(() => {
        const caller = callerOf(boundary, false, handsOnVariables)
        if (typeof caller !== 'object' && caller !== 'nobody') return
        if ((!evenForNode || caller === 'nobody') && isNodesOwn(boundary)) return
        this.#note({ name: readName('env', name), value: variable(this.#environment, name) })
      })
    }
    const environment = process.env
    const asks = (name: PropertyKey, boundary: Callable): void => {
      if (typeof name === 'string' && !this.#set.has(name)) note(name, boundary)
    }
    const sets = (name: PropertyKey): void => {
      if (typeof name === 'string') this.#set.add(name)
    }
    const handler: ProxyHandler<object> = {
      get(target, name) {
        asks(name, handler.get as Callable)
        return Reflect.get(name in environment ? environment : target, name) as unknown
      },
      has(_, name) {
        asks(name, handler.has as Callable)
        return Reflect.has(environment, name)
      },
      getOwnPropertyDescriptor(_, name) {
        asks(name, handler.getOwnPropertyDescriptor as Callable)
        return Reflect.getOwnPropertyDescriptor(environment, name)
      },
      ownKeys() {
        if (!isForAProgram(handler.ownKeys as Callable)) note('*', handler.ownKeys as Callable, true)
        return Reflect.ownKeys(environment)
      },
      set(_, name, given, receiver) {
        // Of an object that inherits from it.
        const own = { value: given as unknown, writable: true, enumerable: true, configurable: true }
        if (receiver !== value) return Reflect.defineProperty(receiver as object, name, own)
        sets(name)
        return Reflect.set(environment, name, given)
      },
      defineProperty(_, name, descriptor) {
        sets(name)
        return Reflect.defineProperty(environment, name, descriptor)
      },
      deleteProperty(_, name) {
        sets(name)
        return Reflect.deleteProperty(environment, name)
      },
    }
    // What shows a proxy or sends it away does so with what is behind it.
    const shown = {
      [inspect.custom](): NodeJS.ProcessEnv {
        note('*', shown[inspect.custom], true)
        return { ...environment }
      },
    }
    const value = new Proxy(shown, handler)
    const cloning: ProxyHandler<Callable> = {
      apply: (target, self, args: unknown[]) => {
        try {
          return Reflect.apply(target, self, args) as unknown
        } catch (cause) {
          // A proxy cannot be cloned: what is behind it is, as it would be without.
          const plain = replacedIn(args[0], value, { ...environment })
          if (plain === args[0]) throw cause
          note('*', cloning.apply as Callable, true)
          return Reflect.apply(target, self, [plain, ...args.slice(1)]) as unknown
        }
      },
    }
    const modules = createRequire(import.meta.url) as (name: string) => Record<string, { prototype: object }>
    const threads = modules('node:worker_threads')
    for (const [holder, name] of [
      [globalThis, 'structuredClone'],
      [threads['MessagePort']!.prototype, 'postMessage'],
      [threads['Worker']!.prototype, 'postMessage'],
      [BroadcastChannel.prototype, 'postMessage'],
      [modules('node:v8'), 'serialize'],
    ] as const) {
      const { value: clone, ...descriptor } = Object.getOwnPropertyDescriptor(holder, name)!
      Object.defineProperty(holder, name, { ...descriptor, value: new Proxy(clone as Callable, cloning) })
    }
    replace(modules('node:os'), 'homedir', (_, boundary) => note('HOME', boundary))
    replace(modules('node:os'), 'tmpdir', (_, boundary) => {
      for (const name of ['TMPDIR', 'TMP', 'TEMP']) note(name, boundary)
    })
    Object.defineProperty(process, 'env', { configurable: true, enumerable: true, writable: true, value })
  }

  #escape(escape: Escape, caller: Caller): void {
    const { root } = this.#options!
    this.#escaped.add(escape)
    const place = typeof caller === 'object' ? placeOfSite(caller) : undefined
    const where = place === undefined ? 'from a callback of Node' : `${shownPath(root, place.file)}:${place.line}`
    this.#note({ name: readName('escape', `${escape} ${where}`), value: '' })
  }

  /** Notices a call, unless this program or someone who is vouched for makes it. */
  #noticed(escape: Escape, boundary: Callable): void {
    if (this.#options === undefined || this.#isBusy || this.#escaped.has(escape)) return
    this.#busy(() => {
      const caller = callerOf(boundary, true, handedOn[escape])
      if (typeof caller !== 'object' && caller !== 'nobody') return
      const isForNode = escape === 'vm' ? isNodesOwn : escape === 'clock' ? isTimeForNode : isOfNodesLibrary
      if (escape === 'network' || !isForNode(boundary)) this.#escape(escape, caller)
    })
  }

  #replaceEscapes(): void {
    for (const [escape, holder, names, counts] of escapes()) {
      for (const name of names) {
        replace(holder, name, (args, boundary, isNew) => {
          if (counts === undefined || counts(args, isNew)) this.#noticed(escape, boundary)
        })
      }
    }
    this.#replaceFormat()
    for (const [holder, name] of clockGetters) replaceGetter(holder, name, (_, each) => this.#noticed('clock', each))
  }

  /** A formatter's `format` is a function of its own, which without an argument formats the present moment. */
  #replaceFormat(): void {
    const { get, ...descriptor } = Object.getOwnPropertyDescriptor(Intl.DateTimeFormat.prototype, 'format') ?? {}
    const formats = new WeakMap<Callable, Callable>()
    const before: Before = ([date], boundary) => {
      if (date === undefined) this.#noticed('clock', boundary)
    }
    const getFormat = function (this: Intl.DateTimeFormat): unknown {
      const format = get?.call(this) as Callable
      const known = formats.get(format) ?? told(format, [before])
      formats.set(format, known)
      return known
    }
    Object.defineProperty(Intl.DateTimeFormat.prototype, 'format', { ...descriptor, get: getFormat })
  }

  #replaceLocale(): void {
    const ask = (
      kind: 'zone' | 'locale',
      holder: object,
      names: readonly string[],
      counts: (args: readonly unknown[]) => boolean,
    ): void => {
      for (const name of names) {
        replace(holder, name, (args, boundary) => {
          if (
            this.#options === undefined ||
            this.#isBusy ||
            this.#reads.has(readName(kind, 'of the process')) ||
            // The user's code has said which.
            (kind === 'zone' && this.#set.has('TZ') && process.env['TZ'] !== undefined) ||
            !counts(args)
          )
            return
          this.#busy(() => {
            if (typeof callerOf(boundary) === 'object')
              this.#note({ name: readName(kind, 'of the process'), value: valueNow('', kind, '') })
          })
        })
      }
    }
    const always = (): boolean => true
    const zonedDate =
      /^(\d{4}|[+-]\d{6})(-\d\d(-\d\d)?(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?)?$|(^|[^a-z])(GMT|UTC)$/i
    const parts = ['Date', 'Day', 'FullYear', 'Hours', 'Minutes', 'Month', 'Seconds']
    ask(
      'zone',
      Date.prototype,
      [
        ...parts.flatMap((part) => [`get${part}`, `set${part}`]),
        'getTimezoneOffset',
        'getYear',
        'setYear',
        'toString',
        'toDateString',
        'toTimeString',
      ],
      always,
    )
    ask(
      'zone',
      Date.prototype,
      ['toLocaleString', 'toLocaleDateString', 'toLocaleTimeString'],
      ([, options]) => optionOf(options, 'timeZone') === undefined,
    )
    ask('zone', Intl, ['DateTimeFormat'], ([, options]) => optionOf(options, 'timeZone') === undefined)
    const isLocal = (given: unknown): boolean =>
      typeof given === 'object' && given !== null
        ? !(given instanceof Date)
        : typeof given === 'string' && !zonedDate.test(given)
    ask('zone', globalThis, ['Date'], (args) => args.length > 1 || isLocal(args[0]))
    ask('zone', Date, ['parse'], ([text]) => isLocal(text))
    /** None is named, or none that is known: then the process's own is taken. */
    const known = new Map<unknown, boolean>()
    const isAnyLocale = (locales: unknown): boolean => {
      const before = known.get(locales)
      if (before !== undefined) return before
      const given = locales as string[]
      let isAny = false
      try {
        const sets = [Intl.Collator.supportedLocalesOf(given), Intl.DateTimeFormat.supportedLocalesOf(given)]
        isAny = sets.some((each) => each.length === 0)
      } catch {
        // Refused by whoever asked, too.
      }
      if (typeof locales !== 'object') known.set(locales, isAny)
      return isAny
    }
    const isDefault = ([locales]: readonly unknown[]): boolean => isAnyLocale(locales)
    for (const { prototype } of [Date, Number, BigInt, Array])
      ask('locale', prototype, ['toLocaleString', 'toLocaleDateString', 'toLocaleTimeString'], isDefault)
    // They name the time zone.
    ask('locale', Date.prototype, ['toString', 'toTimeString'], always)
    ask('locale', String.prototype, ['toLocaleUpperCase', 'toLocaleLowerCase'], isDefault)
    ask('locale', String.prototype, ['localeCompare'], ([, locales]) => isAnyLocale(locales))
    const formatters = words(
      'Collator DateTimeFormat DisplayNames DurationFormat ListFormat NumberFormat PluralRules RelativeTimeFormat Segmenter',
    )
    ask('locale', Intl, formatters, isDefault)
    for (const made of [Date, ...formatters.map((name) => Reflect.get(Intl, name) as typeof Date | undefined)]) {
      if (made !== undefined) Object.defineProperty(made.prototype, 'constructor', { value: made })
    }
  }
}

export const tracer = new Tracer()
