/**
 * Functions of Node and of the language, replaced by ones that first tell of the call, and who makes it: that is read
 * off the stack, because this program and its loaders call the same functions.
 */
import { findSourceMap } from 'node:module'
import * as path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Escape } from '../../dsl/option-tables.js'
import { mappedPlace, type Place } from '../../dsl/place.js'
import { ownPackage } from '../definition/own-package.js'

/** Packages whose own doings are known: what they read and ask does not change what they compute. */
export const vouchedFor =
  /[\\/]node_modules[\\/](tsx|esbuild|effect|onnxruntime-node|onnxruntime-common|@tensorflow[\\/][^\\/]+)[\\/](?!.*[\\/]node_modules[\\/])/
/** Of what they ask, this is for whoever calls them: numbers that they draw, programs that they start. */
export const handedOn: Readonly<Partial<Record<Escape, RegExp>>> = {
  randomness: /[\\/](@tensorflow[\\/]|effect[\\/]\w+[\\/](internal[\\/]random|encoding[\\/]Hex)\.js$)/,
  child_process: /[\\/]node_modules[\\/]esbuild[\\/]/,
  worker_threads: /[\\/]node_modules[\\/]esbuild[\\/]/,
}
/** So it is with the variables of the environment that `Config` of Effect looks up. */
export const handsOnVariables = /[\\/]effect[\\/]\w+[\\/]ConfigProvider\.js$/
/** Of these, the loaders: what they read are modules, which are told in another way. */
const loaders = /[\\/]node_modules[\\/](tsx|esbuild)[\\/](?!.*[\\/]node_modules[\\/])/

const ownFolders = ['dist', 'src'].map((name) => path.join(path.dirname(ownPackage.manifest), name) + path.sep)

/** Whether a file is this program's own. */
export const isOwnFile = (file: string): boolean =>
  file === ownPackage.manifest || ownFolders.some((folder) => file.startsWith(folder))

/** Name on the stack of the hooks of Node's loader, where they are called in the thread that loads. */
export const loaderHooksFile = 'loader-hooks'

const fileOf = (name: string): string => (name.startsWith('file:') ? fileURLToPath(name) : name)

interface CallSite {
  readonly getFileName: () => string | null | undefined
  readonly getLineNumber: () => number | null
  readonly getColumnNumber: () => number | null
  readonly getFunctionName: () => string | null
}

export type Callable = (...args: never[]) => unknown

/** TensorFlow.js loads it, and it then fills a pool of which numbers with a seed know nothing. */
const fillsItsPool = (file: string, site: CallSite): boolean =>
  /[\\/]node_modules[\\/]seedrandom[\\/]seedrandom\.js$/.test(file) && site.getFunctionName() === null

/** Who called: code of the user's or of a package, this program, someone who is vouched for, or Node's loader. */
export type Caller = 'own' | 'vouched' | 'loader' | 'nobody' | CallSite

/** The stack above a function, from its caller on; nothing where the language does not tell it. */
const sitesAbove = (boundary: Callable, limit: number): readonly CallSite[] => {
  const { prepareStackTrace, stackTraceLimit } = Error
  const holder: { stack?: unknown } = {}
  Error.stackTraceLimit = limit
  Error.prepareStackTrace = (_, sites) => sites
  Error.captureStackTrace(holder, boundary)
  const sites = holder.stack
  Error.stackTraceLimit = stackTraceLimit
  Error.prepareStackTrace = prepareStackTrace
  return Array.isArray(sites) ? (sites as readonly CallSite[]) : []
}

/**
 * `throughLoader`: whoever has a module loaded is the caller, not the loader. What packages ask that are vouched for
 * and hand on, whoever calls them asks.
 */
export const callerOf = (boundary: Callable, throughLoader = false, handing?: RegExp): Caller => {
  let isHandedOn = false
  for (const site of sitesAbove(boundary, 40)) {
    const name = site.getFileName() ?? ''
    const isLoaders = name.startsWith('node:internal/modules/') || name === loaderHooksFile
    if (isLoaders && !throughLoader) return 'loader'
    if (name === '' || name.startsWith('node:') || isLoaders) continue
    const file = fileOf(name)
    if (handing?.test(file) === true) isHandedOn = true
    if (isHandedOn && vouchedFor.test(file) && !/[\\/]tsx[\\/]/.test(file)) continue
    // Between a call and what it calls in turn stands what replaces it.
    if (isOwnFile(file) && /^told[A-Z]/.test(site.getFunctionName() ?? '')) continue
    if (isOwnFile(file)) return 'own'
    if (loaders.test(file) && !throughLoader) return 'loader'
    return vouchedFor.test(file) || fillsItsPool(file, site) ? 'vouched' : site
  }
  return 'nobody'
}

/** Whether this program makes the call, directly or through a loader. */
export const isOwnCall = (boundary: Callable): boolean => {
  const files = sitesAbove(boundary, 40).map((site) => site.getFileName() ?? '')
  return isOwnFile(
    fileOf(files.find((name) => !/^(node:|$)/.test(name) && name !== loaderHooksFile && !loaders.test(name)) ?? ''),
  )
}

/** Whether a library within Node makes the call, such as that of `fetch`: what it asks for is for itself. */
export const isOfNodesLibrary = (boundary: Callable): boolean =>
  sitesAbove(boundary, 1).some((site) => site.getFileName()?.startsWith('node:internal/deps/') === true)

/** Whether Node copies something for a program or a thread that it starts. */
export const isForAProgram = (boundary: Callable): boolean =>
  sitesAbove(boundary, 1).some((site) => /^node:(internal\/)?(child_process|worker)/.test(site.getFileName() ?? ''))

/** Whether Node asks for the time for itself: to print it, or in a library within it. */
export const isTimeForNode = (boundary: Callable): boolean =>
  sitesAbove(boundary, 1).some((site) => /^node:internal\/(console|deps|util\/debuglog)/.test(site.getFileName() ?? ''))

/** Whether Node itself makes the call: for a function that does it in turn, or to hand on the environment. */
export const isNodesOwn = (boundary: Callable): boolean =>
  sitesAbove(boundary, 1).some((site) => /^node:(?!internal\/(process|tty))/.test(site.getFileName() ?? ''))

export const placeOfSite = (site: CallSite): Place => {
  const file = site.getFileName() ?? ''
  const [line, column] = [site.getLineNumber() ?? 1, site.getColumnNumber() ?? 1]
  const known = mappedPlace(file, line, column)
  if (known !== undefined) return known
  const origin = findSourceMap(file)?.findEntry(line - 1, column - 1)
  const plain = file.startsWith('file:') ? fileURLToPath(file) : file
  if (origin === undefined || !('originalLine' in origin)) return { file: plain, line, column }
  return { file: plain, line: origin.originalLine + 1, column: origin.originalColumn + 1 }
}

/** `isNew`: it is called with `new`. */
export type Before = (args: readonly unknown[], boundary: Callable, isNew: boolean) => void

/** What is told of calls, by the function that stands for the replaced one. */
const beforesOf = new WeakMap<object, Before[]>()

/** Which calls count that a function makes in turn: all, none, or those made by functions that its caller handed in. */
type Within = 'all' | 'none' | 'callers'

/** What counts of the calls that are made now: the strictest of all that are going on. */
let within: Within = 'all'

/** The function that stands for `original`, and first tells `befores` its arguments. */
export const told = (original: Callable, befores: readonly Before[], inside: Within = 'all'): Callable => {
  const toldCall = <A>(args: readonly unknown[], boundary: Callable, run: () => A, isNew = false): A => {
    if (within === 'all' || (within === 'callers' && !isNodesOwn(boundary))) {
      for (const each of befores) each(args, boundary, isNew)
    }
    const outside = within
    if (within !== 'none' && inside !== 'all') within = inside
    try {
      return run()
    } finally {
      within = outside
    }
  }
  // Named, so that they are known on a stack.
  const handler: ProxyHandler<Callable> = {
    apply: function toldApply(target, self, args) {
      const toldRun = (): unknown => Reflect.apply(target, self, args)
      return toldCall(args, handler.apply as Callable, toldRun)
    },
    construct: function toldConstruct(target, args, newTarget) {
      const toldRun = (): object => Reflect.construct(target, args, newTarget) as object
      return toldCall(args, handler.construct as Callable, toldRun, true)
    },
  }
  return new Proxy(original, handler)
}

/** Replaces a function by one that tells `before` its arguments first; `inside` is for what it calls in turn. */
export const replace = (holder: object, name: string, before: Before, inside: Within = 'all'): void => {
  const original = Reflect.get(holder, name) as unknown
  if (typeof original !== 'function') return
  const known = beforesOf.get(original)
  if (known !== undefined) return void known.push(before)
  const { configurable = true, enumerable = true, writable } = Object.getOwnPropertyDescriptor(holder, name) ?? {}
  if (!configurable && writable !== true) return
  const befores = [before]
  const value = told(original as Callable, befores, inside)
  beforesOf.set(value, befores)
  Object.defineProperty(holder, name, { configurable, enumerable, writable: true, value })
}

/** The same for a property, by itself or computed when it is asked for. */
export const replaceGetter = (holder: object, name: string, before: Before): void => {
  const { get, value, configurable, enumerable } = Object.getOwnPropertyDescriptor(holder, name) ?? {}
  if (configurable !== true) return
  const read = told((get ?? (() => value as unknown)) as Callable, [before]) as () => unknown
  Object.defineProperty(holder, name, { configurable, enumerable: enumerable === true, get: read })
}
