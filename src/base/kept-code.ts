/**
 * Scripts whose compiled code is kept in the user's cache folder: compiling them anew takes longer than most of what
 * they do. All scripts of a process are kept in one file, each under the hash of its text. What is kept is looked at
 * before it is used: the engine takes what it is given for its own, damaged or not.
 */
import { createHash } from 'node:crypto'
import * as fs from 'node:fs'
import { Module, createRequire } from 'node:module'
import * as path from 'node:path'
import * as v8 from 'node:v8'
import * as vm from 'node:vm'
import { cacheFolder, cacheFolderMode } from './cache-folder.js'
import { makeFolder, removeOldest, writeFileAtomic } from './files.js'

/** At most so many files, of a megabyte or two each, are kept: one for each use, installation and version of Node. */
const mostKept = 60

const sha256 = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex')

const digestBytes = 64

/** Behind the digest of all that follows: this as a line of JSON, then the code of each script. */
type Index = readonly { readonly source: string; readonly length: number }[]

const read = (file: string): ReadonlyMap<string, Buffer> => {
  try {
    const bytes = fs.readFileSync(file)
    const kept = bytes.subarray(digestBytes)
    if (bytes.toString('latin1', 0, digestBytes) !== sha256(kept)) return new Map()
    let at = kept.indexOf('\n') + 1
    const index = JSON.parse(kept.toString('latin1', 0, at)) as Index
    return new Map(index.map(({ source, length }) => [source, kept.subarray(at, (at += length))]))
  } catch {
    return new Map()
  }
}

/** A folder that cannot be written costs the next call some milliseconds, nothing else. */
const write = (file: string, codes: ReadonlyMap<string, Buffer>): void => {
  const index: Index = [...codes].map(([source, { length }]) => ({ source, length }))
  const kept = Buffer.concat([Buffer.from(`${JSON.stringify(index)}\n`, 'latin1'), ...codes.values()])
  try {
    makeFolder(path.dirname(file), cacheFolderMode)
    writeFileAtomic(file, Buffer.concat([Buffer.from(sha256(kept), 'latin1'), kept]))
    removeOldest(path.dirname(file), mostKept)
  } catch {
    // See above.
  }
}

/** The program that interprets it: two builds of one version do not take each other's code. */
const interpreter = (): readonly unknown[] => {
  const { size, mtimeMs } = fs.statSync(process.execPath)
  const { version, platform, arch, execPath } = process
  return [version, platform, arch, execPath, size, mtimeMs, v8.cachedDataVersionTag()]
}

const wrongCall = 2

/** What Node's loader of CommonJS calls with a module's text. */
const compileMethod = '_compile'
type Compile = (this: Module, text: string, filename: string, ...rest: readonly unknown[]) => unknown
const modules = Module.prototype as unknown as Record<typeof compileMethod, Compile>

/** Characters from which on a module's code is worth keeping. */
const large = 100_000

export class KeptCode {
  readonly #kept: ReadonlyMap<string, Buffer>
  readonly #scripts = new Map<string, vm.Script>()
  /** Whether a script of this process was not there. */
  #lacks = false

  /** `use` says what this process is for. Each use has its own file, because each calls other functions. */
  constructor(program: string, use: string) {
    const key = sha256(JSON.stringify([program, ...interpreter(), ...process.execArgv]))
    const file = path.join(cacheFolder(), 'program', `${use}-${key.slice(0, 32)}`)
    this.#kept = read(file)
    let isBroken = false
    process.once('uncaughtExceptionMonitor', () => {
      isBroken = true
    })
    // At the end they hold the functions that have been called, too. There are more wrong calls than commands.
    process.once('exit', (code) => {
      if (!this.#lacks || isBroken || code === wrongCall) return
      write(file, new Map([...this.#scripts].map(([source, script]) => [source, script.createCachedData()])))
    })
  }

  /** `bytes` are those of the text. */
  script(filename: string, text: string, bytes: string | Buffer): vm.Script {
    // The engine itself asks for no more than a text of the same length, and takes the file's name from what was kept.
    const source = sha256(`${filename}\0${sha256(bytes)}`)
    const cachedData = this.#kept.get(source)
    const script = new vm.Script(text, { filename, ...(cachedData && { cachedData }) })
    this.#lacks ||= cachedData === undefined || script.cachedDataRejected === true
    this.#scripts.set(source, script)
    return script
  }

  /**
   * What `load` gives; every large CommonJS module that it requires is compiled as one of these scripts, and else is
   * the one module of this name that Node's loader has.
   */
  requiring<A>(load: () => A): A {
    const { [compileMethod]: compile } = modules
    const keep = this.script.bind(this)
    modules[compileMethod] = function (text, filename, ...rest) {
      if (text.length < large) return compile.call(this, text, filename, ...rest)
      const run = keep(filename, Module.wrap(text), text).runInThisContext() as (
        ...values: readonly unknown[]
      ) => unknown
      return run.call(this.exports, this.exports, createRequire(filename), this, filename, path.dirname(filename))
    }
    try {
      return load()
    } finally {
      modules[compileMethod] = compile
    }
  }
}
