/**
 * In a worker: writes down what a stage of the user's own reads besides what it is given, and notices when it leaves
 * what can be written down. Functions of Node and of the language are replaced by ones that tell and then do what they
 * did; who called is read off the stack, because this program and its loaders use the same functions.
 */
import * as childProcess from 'node:child_process'
import * as crypto from 'node:crypto'
import * as dgram from 'node:dgram'
import * as dns from 'node:dns'
import fs from 'node:fs'
import { createRequire, findSourceMap, Module, register, syncBuiltinESMExports } from 'node:module'
import * as net from 'node:net'
import * as path from 'node:path'
import { fileURLToPath } from 'node:url'
import { receiveMessageOnPort } from 'node:worker_threads'
import type { Escape } from '../../dsl/option-tables.js'
import { mappedPlace, type Place } from '../../dsl/place.js'
import { sentenceOf } from '../../base/errors.js'
import { cacheFolder } from '../../base/cache-folder.js'
import { ownPackage } from '../definition/own-package.js'
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

/** Packages whose own doings are known: what they read and ask does not change what they compute. */
const vouchedFor =
  /[\\/]node_modules[\\/](tsx|esbuild|effect|onnxruntime-node|onnxruntime-common|@tensorflow[\\/][^\\/]+)[\\/](?!.*[\\/]node_modules[\\/])/
/** Of these, the loaders: what they read are modules, which are told in another way. */
const loaders = /[\\/]node_modules[\\/](tsx|esbuild)[\\/](?!.*[\\/]node_modules[\\/])/

const ownFolders = ['dist', 'src'].map((name) => path.join(path.dirname(ownPackage.manifest), name) + path.sep)

interface CallSite {
  readonly getFileName: () => string | null | undefined
  readonly getLineNumber: () => number | null
  readonly getColumnNumber: () => number | null
}

type Callable = (...args: never[]) => unknown

/** Who called: code of the user's or of a package, this program, someone who is vouched for, or Node's loader. */
type Caller = 'own' | 'vouched' | 'loader' | 'nobody' | CallSite

const depth = 40

/** `throughLoader`: whoever has a module loaded is the caller, not the loader. */
const callerOf = (boundary: Callable, throughLoader = false): Caller => {
  const { prepareStackTrace, stackTraceLimit } = Error
  const holder: { stack?: unknown } = {}
  Error.stackTraceLimit = depth
  Error.prepareStackTrace = (_, sites) => sites
  Error.captureStackTrace(holder, boundary)
  const sites = holder.stack
  Error.stackTraceLimit = stackTraceLimit
  Error.prepareStackTrace = prepareStackTrace
  if (!Array.isArray(sites)) return 'nobody'
  for (const site of sites as readonly CallSite[]) {
    const name = site.getFileName() ?? ''
    if (!throughLoader && name.startsWith('node:internal/modules/')) return 'loader'
    if (name === '' || name.startsWith('node:')) continue
    const file = name.startsWith('file:') ? fileURLToPath(name) : name
    if (ownFolders.some((folder) => file.startsWith(folder))) return 'own'
    if (loaders.test(file) && !throughLoader) return 'loader'
    return vouchedFor.test(file) ? 'vouched' : site
  }
  return 'nobody'
}

/** Whether Node itself makes the call: it hands the environment to programs and looks for its temporary folder. */
const isNodesOwn = (boundary: Callable): boolean => {
  const { stackTraceLimit } = Error
  const holder: { stack?: string } = {}
  Error.stackTraceLimit = 1
  Error.captureStackTrace(holder, boundary)
  Error.stackTraceLimit = stackTraceLimit
  return /\bnode:(?!internal\/process)/.test(holder.stack ?? '')
}

const placeOf = (site: CallSite): Place => {
  const file = site.getFileName() ?? ''
  const [line, column] = [site.getLineNumber() ?? 1, site.getColumnNumber() ?? 1]
  const known = mappedPlace(file, line, column)
  if (known !== undefined) return known
  const origin = findSourceMap(file)?.findEntry(line - 1, column - 1)
  const plain = file.startsWith('file:') ? fileURLToPath(file) : file
  if (origin === undefined || !('originalLine' in origin)) return { file: plain, line, column }
  return { file: plain, line: origin.originalLine + 1, column: origin.originalColumn + 1 }
}

/** The path that a function of `fs` is given; undefined for a descriptor. */
const pathOf = (given: unknown): string | undefined => {
  if (typeof given === 'string') return path.resolve(given)
  if (given instanceof Uint8Array) return path.resolve(Buffer.from(given).toString())
  if (!(given instanceof URL) || given.protocol !== 'file:') return undefined
  try {
    return fileURLToPath(given)
  } catch {
    // Node refuses it too.
    return undefined
  }
}

type Before = (args: readonly unknown[], boundary: Callable) => void

/** What is told of calls, by the function that stands for the replaced one. */
const beforesOf = new WeakMap<object, Before[]>()

/** How many calls of functions that call each other are going on: what they call is theirs. */
let nested = 0

/**
 * Replaces a function by one that tells `before` its arguments first. With `isWhole`, calls that it makes in turn of
 * other such functions are its own doing and are not told.
 */
const replace = (holder: object, name: string, before: Before, isWhole = false): void => {
  const original = Reflect.get(holder, name) as unknown
  if (typeof original !== 'function') return
  const known = beforesOf.get(original)
  if (known !== undefined) return void known.push(before)
  const befores = [before]
  const call = <A>(args: readonly unknown[], boundary: Callable, run: () => A): A => {
    if (!isWhole) {
      for (const each of befores) each(args, boundary)
      return run()
    }
    if (nested === 0) for (const each of befores) each(args, boundary)
    nested++
    try {
      return run()
    } finally {
      nested--
    }
  }
  const handler: ProxyHandler<Callable> = {
    apply: (target, self, args) =>
      call(args, handler.apply as Callable, () => Reflect.apply(target, self, args) as unknown),
    construct: (target, args, newTarget) =>
      call(args, handler.construct as Callable, () => Reflect.construct(target, args, newTarget) as object),
  }
  const { configurable = true, enumerable = true, writable } = Object.getOwnPropertyDescriptor(holder, name) ?? {}
  if (!configurable && writable !== true) return
  const value = new Proxy(original as Callable, handler)
  beforesOf.set(value, befores)
  Object.defineProperty(holder, name, { configurable, enumerable, writable: true, value })
}

/** Of the options of a function that writes. */
const flagOf = (options: unknown): unknown =>
  typeof options === 'object' && options !== null
    ? (Reflect.get(options, 'flag') ?? Reflect.get(options, 'flags'))
    : undefined

const words = (text: string): readonly string[] => text.split(' ')

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

class Tracer {
  #options: TraceOptions | undefined
  /** What the stage has read, by name. */
  #reads = new Map<string, TracedRead>()
  /** What was read while the definition was loaded: it counts for every stage that this process computes. */
  #loaded: ReadonlyMap<string, TracedRead> | undefined
  /** What the stage has made itself. */
  readonly #made = new Set<string>()
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
  #drain = (): void => {}

  /** The next stage begins: what it reads goes to a log of its own. */
  begin(options: TraceOptions): void {
    if (options.root !== this.#options?.root) this.#loaded = undefined
    this.#options = options
    this.#escaped = new Set()
    this.#failure = undefined
    this.#isUnsure = false
    this.#made.clear()
    this.#reads = new Map(this.#loaded)
    this.#busy(() => this.#write([...this.#reads.values()]))
  }

  /** The definition is loaded. */
  loaded(): void {
    this.#busy(() => this.#drain())
    this.#loaded ??= new Map(this.#reads)
  }

  /**
   * From now on what is read counts; `files` were compiled into the definition, `loads` says whether Node's loader has
   * more to load.
   */
  install(files: readonly string[], loads: boolean): void {
    if (this.#options === undefined) return
    this.#busy(() => {
      for (const file of files) this.#file('module', file)
      if (loads && !this.#followsModules) this.#followModules()
      if (this.#isInstalled) return
      this.#isInstalled = true
      this.#environment = { ...process.env }
      this.#replaceFiles()
      this.#replaceEnvironment()
      this.#replaceEscapes()
      this.#replaceLocale()
      replace(process, 'cwd', (_, boundary) => this.#relative(boundary))
      syncBuiltinESMExports()
    })
  }

  /** ES modules are told by Node's loader, from a thread of its own. */
  #followModules(): void {
    this.#followsModules = true
    const { port1, port2 } = new MessageChannel()
    // Its identities are those of `identityOf`.
    const hooks = `
      import { statSync } from 'node:fs'
      import { fileURLToPath } from 'node:url'
      let port
      export const initialize = (given) => { port = given }
      export const resolve = async (specifier, context, next) => {
        try {
          return await next(specifier, context)
        } catch (error) {
          if (/^([.]{0,2}[/]|file:)/.test(specifier)) port.postMessage([fileURLToPath(new URL(specifier, context.parentURL))])
          throw error
        }
      }
      export const load = (url, context, next) => {
        if (url.startsWith('file:')) {
          const file = fileURLToPath(url)
          const stat = statSync(file, { bigint: true, throwIfNoEntry: false })
          if (stat) port.postMessage([file, [stat.dev, stat.ino, stat.size, stat.mtimeNs, stat.ctimeNs].join(':')])
        }
        return next(url, context)
      }`
    register(`data:text/javascript,${encodeURIComponent(hooks)}`, { data: port2, transferList: [port2] })
    const hear = ([file, identity]: readonly [string, string?]): void =>
      identity === undefined ? this.#missing(file) : this.#file('module', file, identity)
    port1.on('message', (message: readonly [string, string?]) => void this.#busy(() => hear(message)))
    port1.unref()
    this.#drain = () => {
      for (let next = receiveMessageOnPort(port1); next !== undefined; next = receiveMessageOnPort(port1)) {
        hear(next.message as readonly [string, string?])
      }
    }
  }

  /** A loader has looked for a module in vain: under its name, and as a file or a folder of code. */
  #missing(place: string): void {
    const stem = place.replace(/\.[cm]?[jt]sx?$/, '')
    const names = [
      '',
      '.js',
      '.cjs',
      '.mjs',
      '.ts',
      '.cts',
      '.mts',
      '.tsx',
      '.json',
      '/index.js',
      '/index.ts',
      '/index.json',
    ]
    for (const name of new Set([place, ...names.map((each) => stem + each)])) this.#valued('path', name)
  }

  /** The stage has ended: everything that it read is in the log. Throws where that cannot be written. */
  flush(): void {
    this.#busy(() => this.#drain())
    const unsure = readName('escape', 'changed something that could not be looked at')
    if (this.#isUnsure) this.#busy(() => this.#note({ name: unsure, value: '' }))
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
    if (this.#reads.has(read.name)) return
    this.#reads.set(read.name, read)
    this.#write([read])
  }

  #isGiven(file: string): boolean {
    const { given } = this.#options!
    const isBelow = (folder: string): boolean => file === folder || file.startsWith(folder + path.sep)
    const isMade = (): boolean => {
      for (let at = file; ; at = path.dirname(at)) {
        if (this.#made.has(at)) return true
        if (path.dirname(at) === at) return false
      }
    }
    if (!given.some(isBelow) && !isMade()) return false
    // A link in a folder of its own may lead out of it.
    const real = fs.existsSync(file) ? fs.realpathSync(file) : file
    return real === file || given.some((each) => each === real) || this.#made.has(real) || this.#isGiven(real)
  }

  /** Of a package its version stands for its files; what is linked from elsewhere has a path of its own. */
  #package(file: string): string | undefined {
    const [, folder] = /^(.*[\\/]node_modules[\\/](?:@[^\\/]+[\\/])?[^\\/.][^\\/]*)[\\/]/.exec(file) ?? []
    return folder
  }

  /** `then` is the file's identity when it was read, where that was before. */
  #file(kind: 'file' | 'module', file: string, then?: string): void {
    const { root } = this.#options!
    if (kind === 'module' && (ownFolders.some((folder) => file.startsWith(folder)) || this.#isGiven(file))) return
    const folder = this.#package(file)
    if (folder !== undefined) {
      if (vouchedFor.test(file)) return
      const what = shownPath(root, folder)
      return this.#note({ name: readName('package', what), value: valueNow(root, 'package', what) })
    }
    const name = readName(kind, shownPath(root, file))
    if (this.#reads.has(name)) return
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

  #valued(kind: 'path' | 'folder' | 'link', file: string): void {
    const { root } = this.#options!
    const what = shownPath(root, file)
    const name = readName(kind, what)
    if (!this.#reads.has(name)) this.#note({ name, value: valueNow(root, kind, what) })
  }

  /** Where a relative path begins. */
  #relative(boundary: Callable): void {
    if (this.#options === undefined) return
    const { root } = this.#options
    const name = readName('cwd', 'of the process')
    if (this.#isBusy || this.#reads.has(name)) return
    this.#busy(() => {
      if (typeof callerOf(boundary) === 'object') this.#note({ name, value: valueNow(root, 'cwd', '') })
    })
  }

  #look(kind: 'file' | 'path' | 'folder' | 'link', given: unknown, boundary: Callable): void {
    if (this.#options === undefined || this.#isBusy) return
    const file = pathOf(given)
    if (file === undefined) return
    if (typeof given === 'string' && !path.isAbsolute(given)) this.#relative(boundary)
    this.#busy(() => {
      if (this.#reads.has(readName(kind, shownPath(this.#options!.root, file)))) return
      const caller = callerOf(boundary)
      if (caller === 'loader' || this.#isGiven(file)) return
      if ((caller === 'own' || caller === 'vouched') && this.#isOfProgram(file)) return
      if (/^\/dev\/u?random$/.test(file)) return this.#escape('randomness', caller)
      if (kind === 'file') this.#file('file', file)
      else this.#valued(kind, file)
    })
  }

  /** What this program looks at for itself. */
  #isOfProgram(file: string): boolean {
    return (
      file === ownPackage.manifest ||
      [...ownFolders, cacheFolder() + path.sep].some((folder) => file.startsWith(folder)) ||
      /^\/(proc|sys|dev)\//.test(file) ||
      this.#package(file) !== undefined
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
      this.#made.add(file)
    })
  }

  #makesIfMissing(given: unknown): void {
    const file = pathOf(given)
    if (file !== undefined && !this.#isBusy && this.#busy(() => fs.existsSync(file)) === false) this.#makes(file)
  }

  /** What goes on with a file, or is there before it is begun, is not the stage's own. */
  #writes(file: unknown, flags: unknown, boundary: Callable): void {
    // Whether it is there decides what comes of it.
    if (typeof flags === 'string' && flags.includes('x')) this.#look('path', file, boundary)
    if (typeof flags === 'string' && /^w\+?$/.test(flags)) this.#makes(file)
    else this.#makesIfMissing(file)
  }

  /** All that is below a folder. */
  #lookBelow(folder: unknown, boundary: Callable): void {
    const top = pathOf(folder)
    for (const each of top === undefined ? [] : [top, ...this.#foldersBelow(top)]) {
      this.#look('folder', each, boundary)
      for (const entry of this.#busy(() => fs.readdirSync(each, { withFileTypes: true })) ?? []) {
        if (entry.isFile()) this.#look('file', path.join(each, entry.name), boundary)
      }
    }
  }

  #replaceFiles(): void {
    const each = (names: readonly string[], before: (args: readonly unknown[], boundary: Callable) => void): void => {
      for (const name of names) {
        for (const [holder, called] of [
          [fs, name],
          [fs, `${name}Sync`],
          [fs.promises, name],
        ] as const) {
          replace(holder, called, before, true)
        }
      }
    }
    each(['readFile', 'openAsBlob'], ([file], boundary) => this.#look('file', file, boundary))
    each(['open'], ([file, flags], boundary) => {
      if (opensToRead(flags) && !empties(flags)) this.#look('file', file, boundary)
      if (opensToWrite(flags)) this.#writes(file, flags, boundary)
    })
    for (const name of ['createReadStream', 'ReadStream']) {
      replace(fs, name, ([file], boundary) => this.#look('file', file, boundary), true)
    }
    each(['stat', 'lstat'], ([file], boundary) => this.#look('file', file, boundary))
    each(['exists', 'access'], ([file], boundary) => this.#look('path', file, boundary))
    each(['lstat'], ([file], boundary) => this.#look('link', file, boundary))
    for (const holder of [fs.realpath, fs.realpathSync]) {
      replace(holder, 'native', ([file], boundary) => this.#look('link', file, boundary), true)
    }
    each(['realpath', 'readlink'], ([file], boundary) => this.#look('link', file, boundary))
    each(['readdir', 'opendir'], ([folder, options], boundary) => {
      this.#look('folder', folder, boundary)
      const isDeep = typeof options === 'object' && options !== null && Reflect.get(options, 'recursive') === true
      const top = isDeep ? pathOf(folder) : undefined
      if (top !== undefined) for (const below of this.#foldersBelow(top)) this.#look('folder', below, boundary)
    })
    each(['copyFile', 'link', 'symlink'], ([from, to], boundary) => {
      this.#look('file', from, boundary)
      this.#makesIfMissing(to)
    })
    each(['rename'], ([from, to], boundary) => {
      this.#look('file', from, boundary)
      if (this.#isFolder(from)) this.#lookBelow(from, boundary)
      this.#makes(to)
    })
    each(['cp'], ([from, to], boundary) => {
      this.#look('file', from, boundary)
      if (this.#isFolder(from)) this.#lookBelow(from, boundary)
      this.#makesIfMissing(to)
    })
    each(['rm', 'unlink'], ([file]) => this.#makes(file))
    each(['writeFile'], ([file, , options], boundary) => this.#writes(file, flagOf(options) ?? 'w', boundary))
    each(['appendFile', 'mkdir'], ([file]) => this.#makesIfMissing(file))
    replace(
      fs,
      'createWriteStream',
      ([file, options], boundary) => this.#writes(file, flagOf(options) ?? 'w', boundary),
      true,
    )
    this.#replaceDrawnFolders()
    const loader = Module.prototype as unknown as { load: (file: string) => unknown }
    replace(loader, 'load', ([file]) => {
      if (this.#options !== undefined && typeof file === 'string') this.#busy(() => this.#file('module', file))
    })
    type Resolve = (request: string, parent?: { readonly filename?: string }, ...rest: unknown[]) => string
    const modules = Module as unknown as { _resolveFilename: Resolve }
    const resolve = modules['_resolveFilename']
    modules['_resolveFilename'] = (request, parent, ...rest) => {
      try {
        return resolve.call(Module, request, parent, ...rest)
      } catch (cause) {
        const from = parent?.filename
        const isPath = path.isAbsolute(request) || (from !== undefined && /^\.{1,2}(\/|$)/.test(request))
        if (isPath && this.#options !== undefined) {
          this.#busy(() => this.#missing(path.resolve(from === undefined ? '/' : path.dirname(from), request)))
        }
        throw cause
      }
    }
  }

  /** The stage's own folders, whose names are known once they are made. */
  #replaceDrawnFolders(): void {
    const { mkdtemp, mkdtempSync } = fs
    const inPromises = fs.promises.mkdtemp
    const made = (folder: string): string => {
      this.#made.add(path.resolve(folder))
      return folder
    }
    Object.assign(fs, {
      mkdtempSync: (...args: Parameters<typeof mkdtempSync>) => made(String(mkdtempSync(...args))),
      mkdtemp: (...args: unknown[]) => {
        const told = args.pop() as (error: unknown, folder: string) => void
        const tell = (error: unknown, folder: string): void => told(error, error ? folder : made(folder))
        ;(mkdtemp as (...all: unknown[]) => void)(...args, tell)
      },
    })
    Object.assign(fs.promises, {
      mkdtemp: async (...args: Parameters<typeof inPromises>) => made(String(await inPromises(...args))),
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
    const note = (name: string, boundary: Callable): void => {
      if (this.#options === undefined || this.#isBusy || givenVariables.test(name)) return
      if (['*', name].some((each) => this.#reads.has(readName('env', each)))) return
      this.#busy(() => {
        if (typeof callerOf(boundary) !== 'object' || isNodesOwn(boundary)) return
        this.#note({ name: readName('env', name), value: variable(this.#environment, name) })
      })
    }
    const own = new Set<string>()
    const handler: ProxyHandler<NodeJS.ProcessEnv> = {
      get(target, name) {
        if (typeof name === 'string' && !own.has(name)) note(name, handler.get as Callable)
        return Reflect.get(target, name) as unknown
      },
      has(target, name) {
        if (typeof name === 'string' && !own.has(name)) note(name, handler.has as Callable)
        return Reflect.has(target, name)
      },
      getOwnPropertyDescriptor(target, name) {
        if (typeof name === 'string' && !own.has(name)) note(name, handler.getOwnPropertyDescriptor as Callable)
        return Reflect.getOwnPropertyDescriptor(target, name)
      },
      ownKeys(target) {
        note('*', handler.ownKeys as Callable)
        return Reflect.ownKeys(target)
      },
      set(target, name, value) {
        if (typeof name === 'string') own.add(name)
        return Reflect.set(target, name, value)
      },
    }
    const modules = createRequire(import.meta.url)
    replace(modules('node:os') as object, 'homedir', (_, boundary) => note('HOME', boundary))
    const environment = process.env
    Object.defineProperty(process, 'env', {
      configurable: true,
      enumerable: true,
      writable: true,
      value: new Proxy(environment, handler),
    })
  }

  #escape(escape: Escape, caller: Caller): void {
    const { root } = this.#options!
    this.#escaped.add(escape)
    const place = typeof caller === 'object' ? placeOf(caller) : undefined
    const where = place === undefined ? 'from a callback of Node' : `${shownPath(root, place.file)}:${place.line}`
    this.#note({ name: readName('escape', `${escape} ${where}`), value: '' })
  }

  /** Notices a call, unless this program or someone who is vouched for makes it. */
  #watch(
    escape: Escape,
    holder: object,
    names: readonly string[],
    counts: (args: readonly unknown[]) => boolean = () => true,
  ): void {
    for (const name of names) {
      replace(holder, name, (args, boundary) => {
        if (this.#options === undefined || this.#isBusy || this.#escaped.has(escape) || !counts(args)) return
        this.#busy(() => {
          const caller = callerOf(boundary, true)
          if (typeof caller === 'object' || caller === 'nobody') this.#escape(escape, caller)
        })
      })
    }
  }

  #replaceEscapes(): void {
    const watch = this.#watch.bind(this)
    const modules = createRequire(import.meta.url)
    watch('child_process', childProcess.ChildProcess.prototype, ['spawn'])
    watch('child_process', modules('node:child_process') as object, words('spawnSync execSync execFileSync'))
    watch('worker_threads', modules('node:worker_threads') as object, ['Worker'])
    watch(
      'vm',
      modules('node:vm') as object,
      words('Script createContext runInContext runInNewContext runInThisContext compileFunction SourceTextModule'),
    )
    watch('addon', process, ['dlopen'])
    watch('network', net.Socket.prototype, ['connect'])
    watch('network', net.Server.prototype, ['listen'])
    watch('network', dgram.Socket.prototype, ['bind', 'send'])
    watch('network', modules('node:dns') as object, words('lookup resolve resolve4 resolve6 resolveTxt reverse'))
    watch('network', dns.promises, words('lookup resolve resolve4 resolve6 resolveTxt reverse'))
    watch('network', globalThis, ['fetch', 'WebSocket'])
    watch('randomness', Math, ['random'])
    watch(
      'randomness',
      modules('node:crypto') as object,
      words(
        'randomBytes randomFill randomFillSync randomInt randomUUID generateKey generateKeySync generateKeyPair generateKeyPairSync',
      ),
    )
    watch('randomness', modules('node:crypto') as object, ['generatePrime', 'generatePrimeSync'])
    watch('randomness', Object.getPrototypeOf(crypto.webcrypto.subtle) as object, ['generateKey'])
    for (const { prototype } of [crypto.ECDH, crypto.DiffieHellman, crypto.DiffieHellmanGroup]) {
      watch('randomness', prototype, ['generateKeys'])
    }
    watch('randomness', Object.getPrototypeOf(crypto.webcrypto) as object, ['getRandomValues', 'randomUUID'])
    watch('clock', performance, ['now'])
    watch('clock', process, words('hrtime uptime cpuUsage resourceUsage'))
    watch('clock', process.hrtime, ['bigint'])
    watch('clock', Date, ['now'])
    const asksTheClock = (args: readonly unknown[]): boolean => args.length === 0
    watch('clock', globalThis, ['Date'], asksTheClock)
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
      ([, options]) => !hasOption(options, 'timeZone'),
    )
    ask('zone', Intl, ['DateTimeFormat'], ([, options]) => !hasOption(options, 'timeZone'))
    const isLocal = (text: unknown): boolean =>
      typeof text === 'string' &&
      !/(Z|GMT|UTC|\d\d:\d\d.*[+-]\d\d:?\d\d)\s*$|^\s*[+-]?\d{4,6}(-\d\d(-\d\d)?)?\s*$/i.test(text)
    ask('zone', globalThis, ['Date'], (args) => args.length > 1 || isLocal(args[0]))
    ask('zone', Date, ['parse'], ([text]) => isLocal(text))
    const isAnyLocale = (locales: unknown): boolean =>
      locales === undefined || (Array.isArray(locales) && locales.length === 0)
    const isDefault = ([locales]: readonly unknown[]): boolean => isAnyLocale(locales)
    for (const { prototype } of [Date, Number, BigInt, Array])
      ask('locale', prototype, ['toLocaleString', 'toLocaleDateString', 'toLocaleTimeString'], isDefault)
    ask('locale', String.prototype, ['toLocaleUpperCase', 'toLocaleLowerCase'], isDefault)
    ask('locale', String.prototype, ['localeCompare'], ([, locales]) => isAnyLocale(locales))
    ask(
      'locale',
      Intl,
      words('Collator DateTimeFormat DisplayNames ListFormat NumberFormat PluralRules RelativeTimeFormat Segmenter'),
      isDefault,
    )
    Reflect.set(Date.prototype, 'constructor', Date)
  }
}

const hasOption = (options: unknown, name: string): boolean =>
  typeof options === 'object' && options !== null && Reflect.get(options, name) !== undefined

export const tracer = new Tracer()
