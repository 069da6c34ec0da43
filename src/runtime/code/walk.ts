/** From the beginning of a stage over all that it reaches. */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { hashOf } from '../canonical.js'
import { loadersOf, type CodeRecord } from './code-record.js'
import type { Code, Declaration, Load, Opaque, CodePlace, StageCall } from './file-code.js'
import { hashContents } from './file-contents.js'
import { effectsOf } from './load-effects.js'
import { stepsOf } from './load-order.js'
import type { InstalledPackage, Packages } from './packages.js'
import type { Declared, Meaning, Program } from './program.js'
import { isLocal, specifierOf } from './resolve-import.js'
import { beginningsOf, callersOf, namesIn } from './stage-beginning.js'
import { moduleCode, SymbolTable, type Uses } from './symbol-table.js'

/** Where a stage begins in the module that a worker imports: an export, or the call `stage('name', { run })`. */
export type CodeEntry =
  | { readonly module: string; readonly export: string }
  | { readonly module: string; readonly call: string; readonly place: CodePlace & { readonly file: string } }

interface Waiting extends Declared {
  /** Key of the symbol, or name of the file, that leads here. */
  readonly through: string | null
}

/** In the table of symbols no declaration can be called so, whatever people read. */
const runKey = 'run()'

export class CodeWalk {
  readonly #program: Program
  readonly #table: SymbolTable
  readonly #reached = new Set<Declaration>()
  readonly #pending: Waiting[] = []
  /** Evaluated file → the one that loads it first. */
  readonly #evaluated = new Map<string, string | null>()
  /** The same files, each after those that it imports. */
  readonly #postOrder: string[] = []
  readonly #opaque: (Opaque & { readonly file: string })[] = []
  readonly #packages = new Map<string, InstalledPackage>()
  readonly #effectful = new Set<Declaration>()
  readonly #written = new Set<Declaration>()

  constructor(program: Program, packages: Packages, entryFile: string) {
    this.#program = program
    this.#table = new SymbolTable(packages, program.seen, entryFile)
  }

  /** Those that were reached, without what they need in turn. */
  get packages(): readonly InstalledPackage[] {
    return [...this.#packages.values()].sort((a, b) => (a.directory < b.directory ? -1 : 1))
  }

  /** Whether the function of a call reads variables of functions around it, or may do so. */
  captures = false
  /**
   * Of a stage that was found by the place of its call, all names that are written out in other calls of its program:
   * any stage of another name with this place begins with the same call.
   */
  namesElsewhere: readonly string[] | undefined

  /** Names of files in the record → absolute paths. */
  get files(): ReadonlyMap<string, string> {
    return this.#table.files
  }

  fromExport(file: string, exportName: string): CodeRecord {
    this.#evaluate(file, null)
    const meaning = this.#program.exported(file, exportName)
    this.#reach(meaning, null)
    return this.#finish(this.#table.nameOf(meaning))
  }

  /** From the `run` of a call of this name; where that cannot be read, from all of `module`, which a worker imports. */
  fromCall(module: string, name: string, place: CodePlace & { readonly file: string }): CodeRecord {
    this.#evaluate(module, null)
    const beginnings = beginningsOf(this.#program, [...this.#evaluated.keys()], name, place)
    const [first] = beginnings
    this.captures = first === undefined || beginnings.some(({ call }) => call.captures)
    if (first === undefined) {
      for (const file of this.#evaluated.keys()) {
        for (const each of this.#program.declarationsOf(file)) this.#reach({ type: 'declaration', ...each }, null)
      }
      return this.#finish(this.#table.key(module, '*'))
    }
    for (const { file } of beginnings) this.#evaluate(file, null)
    if (first.call.name === undefined) this.namesElsewhere = namesIn(this.#program, [...this.#evaluated.keys()])
    beginnings.forEach(({ file, call }, index) => this.#begin(file, call, index === 0 ? runKey : `${runKey} ${index}`))
    return this.#finish(this.#table.key(first.file, runKey))
  }

  #begin(file: string, call: StageCall, name: string): void {
    const key = this.#table.key(file, name)
    this.#addCode(key, file, 'run', call.run, null)
    const around = call.captures && call.within !== undefined ? this.#program.declared(file, call.within) : undefined
    if (around === undefined) return
    this.#settle()
    for (const each of callersOf(this.#program, [...this.#evaluated.keys()], around)) {
      this.#reach({ type: 'declaration', ...each }, key)
    }
  }

  #reach(meaning: Meaning, through: string | null): void {
    switch (meaning.type) {
      case 'declaration':
        if (this.#reached.has(meaning.declaration)) return
        this.#reached.add(meaning.declaration)
        this.#pending.push({ file: meaning.file, declaration: meaning.declaration, through })
        return
      case 'module':
        return this.#reachModule(meaning.file, through)
      case 'contents':
        return this.#addContents(meaning.file, through)
      case 'external':
        if (meaning.package !== undefined) this.#packages.set(meaning.package.directory, meaning.package)
        return
      case 'missing':
        return this.#addMissing(meaning.what, through)
      case 'statement':
        return
    }
  }

  #addMissing(what: string, through: string | null): void {
    const name = `missing ${what}`
    if (this.#table.has(name)) return
    this.#table.add(name, { file: '', name, line: 0, column: 0, syntax: hashOf('missing'), through, uses: {} })
  }

  #addContents(file: string, through: string | null): void {
    const key = this.#table.key(file, 'contents')
    if (this.#table.has(key)) return
    this.#program.seen.note(file)
    const syntax = hashContents(file)
    this.#table.add(key, { file, name: 'contents', line: 1, column: 1, syntax, through, uses: {} })
  }

  /** Everything of a module: all exports, or, of CommonJS, all that is in it. */
  #reachModule(file: string, through: string | null): void {
    const code = this.#program.read(file)
    if (code === undefined) return this.#addContents(file, through)
    this.#evaluate(file, through)
    if (code.isCommonJs) {
      for (const each of this.#program.declarationsOf(file)) this.#reach({ type: 'declaration', ...each }, through)
    }
    for (const name of this.#program.exportNames(file)) this.#reach(this.#program.exported(file, name), through)
  }

  #usesOf(file: string, uses: readonly string[], through: string): Uses {
    return Object.fromEntries(
      uses.map((used) => {
        const meaning = this.#program.use(file, used)
        this.#reach(meaning, through)
        const hop = 'hop' in meaning ? meaning.hop : undefined
        const at = hop === undefined ? {} : { at: `${this.#table.label(hop.file)}:${hop.line}` }
        return [used, { means: this.#table.nameOf(meaning), ...at }]
      }),
    )
  }

  #follow(file: string, { loads, opaque }: Code, through: string): Uses {
    const label = this.#table.label(file)
    for (const each of opaque) this.#opaque.push({ ...each, file: label })
    return Object.fromEntries(
      loads.map((load) => {
        const meaning = this.#program.module(file, specifierOf(load))
        const folder = meaning.type === 'missing' && load.as === 'file' ? this.#folderOf(file, load) : undefined
        if (folder !== undefined) this.#opaque.push({ ...folder, file: label })
        else this.#reach(meaning, through)
        return [`${load.as} ${load.specifier}`, { means: this.#table.nameOf(meaning) }]
      }),
    )
  }

  /** What is in a folder cannot be told from its name. */
  #folderOf(file: string, { specifier, line, column }: Load): Opaque | undefined {
    const folder = path.resolve(path.dirname(file), specifier)
    return fs.statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true
      ? { line, column, what: 'a folder beside the module' }
      : undefined
  }

  #addCode(key: string, file: string, name: string, code: Code, through: string | null): void {
    const uses = { ...this.#usesOf(file, code.uses, key), ...this.#follow(file, code, key) }
    const { line, column, hash: syntax } = code
    this.#table.add(key, { file, name, line, column, syntax, through, uses })
  }

  #addDeclaration({ file, declaration, through }: Waiting): void {
    const name = declaration.names.join(', ')
    const key = this.#table.key(file, name)
    const { members, headUses = [], line, column, hash: syntax } = declaration
    if (members === undefined) return this.#addCode(key, file, name, declaration, through)
    const all = this.#usesOf(file, declaration.uses, key)
    const pick = (uses: readonly string[]): Uses =>
      Object.fromEntries(uses.flatMap((used) => (Object.hasOwn(all, used) ? [[used, all[used]!]] : [])))
    const uses = { ...pick(headUses), ...this.#follow(file, declaration, key) }
    this.#table.add(key, { file, name, line, column, syntax, through, uses })
    for (const { name: called, hash, uses: used, ...place } of members) {
      const own = `${name}.${called}`
      const member = { file, name: own, ...place, syntax: hash, through, uses: pick(used) }
      this.#table.add(this.#table.key(file, own), member)
    }
  }

  /** A module is loaded: with it what it imports, and what it does by itself. */
  #evaluate(file: string, by: string | null): void {
    if (this.#evaluated.has(file)) return
    this.#evaluated.set(file, by)
    const code = this.#program.read(file)
    if (code === undefined) return
    const label = this.#table.label(file)
    for (const { specifier, bare } of code.evaluates) {
      const resolved = this.#program.resolve(file, specifier)
      // A package is taken to do nothing by itself unless it is imported for that, also one that is under development.
      if (resolved.type === 'file' && (bare || isLocal(specifier))) this.#evaluate(resolved.file, label)
      else if (resolved.type === 'package' && bare) this.#packages.set(resolved.package.directory, resolved.package)
      else if (resolved.type === 'missing') this.#addMissing(`'${specifier}' in ${path.basename(file)}`, label)
    }
    this.#postOrder.push(file)
    if (code.statements.length > 0) this.#addStatements(file, code.statements, by)
  }

  #addStatements(file: string, statements: readonly Code[], by: string | null): void {
    const key = this.#table.key(file, moduleCode)
    const uses: Uses = Object.assign(
      {},
      ...statements.map((each) => ({ ...this.#usesOf(file, each.uses, key), ...this.#follow(file, each, key) })),
    )
    const { line, column } = statements[0]!
    const syntax = hashOf(statements.map(({ hash }) => hash))
    this.#table.add(key, { file, name: moduleCode, line, column, syntax, through: by, uses })
    for (const { effects } of statements) {
      for (const each of effectsOf(this.#program, file, effects).written) this.#written.add(each)
    }
  }

  #settle(): void {
    for (;;) {
      // The first in goes first, so that `through` is a shortest way.
      for (let next = this.#pending.shift(); next !== undefined; next = this.#pending.shift()) {
        // What is reached is loaded, also where it was found through a re-export of another package.
        this.#evaluate(next.file, next.through)
        this.#addDeclaration(next)
      }
      if (!this.#addLoadEffects()) return
    }
  }

  /** Whether evaluation brings in declarations that nothing uses, but that change what is used. */
  #addLoadEffects(): boolean {
    let found = false
    for (const file of this.#evaluated.keys()) {
      for (const { declaration } of this.#program.declarationsOf(file)) {
        if (declaration.onLoad === undefined || this.#effectful.has(declaration)) continue
        const { world, written } = effectsOf(this.#program, file, declaration.onLoad)
        if (!world && ![...written].some((each) => each !== declaration && this.#reached.has(each))) continue
        this.#effectful.add(declaration)
        for (const each of written) this.#written.add(each)
        if (this.#reached.has(declaration)) continue
        found = true
        this.#reach({ type: 'declaration', file, declaration }, this.#table.label(file))
      }
    }
    return found
  }

  /** Names of what happens while the program is loaded, in the order in which it does; one thing alone has no order. */
  #order(): readonly string[] {
    const steps = stepsOf(this.#program, {
      files: this.#postOrder,
      reached: this.#reached,
      effectful: this.#effectful,
      written: this.#written,
    })
    const names = steps
      .map(({ file, declaration }) =>
        declaration === undefined ? this.#table.key(file, moduleCode) : this.#table.keyOf({ file, declaration }),
      )
      .filter((name, index, all) => name !== all[index - 1])
    return names.length < 2 ? [] : names
  }

  #finish(entry: string): CodeRecord {
    this.#settle()
    const symbols = this.#table.symbols()
    const order = this.#order()
    const loaders = new Map([...this.#evaluated].map(([file, by]) => [this.#table.label(file), by]))
    return {
      entry,
      symbols,
      packages: {},
      order,
      opaque: this.#opaque,
      accepted: [],
      loadedBy: loadersOf(symbols, loaders),
    }
  }
}
