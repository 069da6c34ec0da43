/** From the beginning of a stage over all that it reaches. */
import * as path from 'node:path'
import { hashOf } from '../canonical.js'
import type { CodeRecord, CodeSymbol } from './code-record.js'
import type { Code, Declaration, Opaque, Place, StageCall } from './file-code.js'
import { hashContents } from './file-contents.js'
import { loadEffectsOf } from './load-effects.js'
import type { InstalledPackage, Packages } from './packages.js'
import { isCode, type Declared, type Hop, type Meaning, type Program } from './program.js'
import { stageCallAt } from './stage-call.js'

/** Where a stage begins in the module that a worker imports: an export, or the call `stage('name', { run })` at a place. */
export type CodeEntry =
  | { readonly module: string; readonly export: string }
  | { readonly module: string; readonly call: string; readonly place: Place & { readonly file: string } }

interface Through {
  /** Key of the symbol, or name of the file, that leads here. */
  readonly through: string | null
}

interface Waiting extends Declared, Through {}

type Uses = CodeSymbol['uses']

/** Within a file, later statements and declarations by their place. */
const moduleCode = 'module code'

export class CodeWalk {
  readonly #program: Program
  readonly #packages: Packages
  readonly #root: string
  readonly #symbols = new Map<string, CodeSymbol>()
  readonly #reached = new Set<Declaration>()
  readonly #pending: Waiting[] = []
  /** Evaluated file → the one that loads it first. */
  readonly #evaluated = new Map<string, string | null>()
  readonly #postOrder: string[] = []
  readonly #opaque: (Opaque & { readonly file: string })[] = []
  readonly #used = new Map<string, InstalledPackage>()
  readonly #effectful = new Set<Declaration>()
  readonly #labels = new Map<string, string>()

  constructor(program: Program, packages: Packages, entryFile: string) {
    this.#program = program
    this.#packages = packages
    this.#root = packages.rootOf(path.dirname(entryFile), program.seen) ?? path.dirname(entryFile)
  }

  /** A file's name in the record: nothing of where the package lies on this machine. */
  #label(file: string): string {
    const known = this.#labels.get(file)
    if (known !== undefined) return known
    const below = (root: string): string => path.relative(root, file).split(path.sep).join('/')
    let label = below(this.#root)
    if (label.startsWith('../')) {
      const root = this.#packages.rootOf(path.dirname(file), this.#program.seen)
      const name = root === undefined ? undefined : this.#packages.manifest(root, this.#program.seen)?.name
      if (root !== undefined && name !== undefined) label = `${name}/${below(root)}`
    }
    while ([...this.#labels.values()].includes(label)) label += '#'
    this.#labels.set(file, label)
    return label
  }

  #key(file: string, name: string): string {
    return `${this.#label(file)}:${name}`
  }

  #keyOf({ file, declaration }: Declared): string {
    return this.#key(file, declaration.names.join(', '))
  }

  /** How a meaning stands in the hash of what uses it. */
  #name(meaning: Meaning): string {
    switch (meaning.type) {
      case 'declaration':
        return this.#keyOf(meaning)
      case 'module':
        return `${this.#label(meaning.file)}:*`
      case 'contents':
        return this.#key(meaning.file, 'contents')
      case 'external':
        return `${meaning.specifier}#${meaning.name}`
      case 'missing':
        return `missing: ${meaning.what}`
      case 'statement':
        return this.#key(meaning.file, moduleCode)
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
        if (meaning.package !== undefined) this.#used.set(meaning.package.directory, meaning.package)
        return
      case 'missing':
        this.#addMissing(meaning.what, through)
        return
      case 'statement':
        return
    }
  }

  #addMissing(what: string, through: string | null): void {
    const name = `missing ${what}`
    if (this.#symbols.has(name)) return
    const hash = hashOf('missing')
    this.#symbols.set(name, { file: '', name, line: 0, column: 0, hash, syntax: hash, through, uses: {} })
  }

  #addContents(file: string, through: string | null): void {
    const key = this.#key(file, 'contents')
    if (this.#symbols.has(key)) return
    this.#program.seen.note(file)
    const hash = hashContents(file)
    this.#symbols.set(key, {
      file: this.#label(file),
      name: 'contents',
      line: 1,
      column: 1,
      hash,
      syntax: hash,
      through,
      uses: {},
    })
  }

  /** Everything of a module: all exports, or, of CommonJS, all that is in it. */
  #reachModule(file: string, through: string | null): void {
    const code = this.#program.read(file)
    if (code === undefined) return this.#addContents(file, through)
    this.#evaluate(file, through)
    if (code.isCommonJs) {
      for (const declaration of code.declarations) this.#reach({ type: 'declaration', file, declaration }, through)
    }
    for (const name of this.#program.exportNames(file)) this.#reach(this.#program.exported(file, name), through)
  }

  #usesOf(file: string, uses: readonly string[], through: string): Uses {
    return Object.fromEntries(
      uses.map((used) => {
        const meaning = this.#program.use(file, used)
        this.#reach(meaning, through)
        const hop: Hop | undefined = 'hop' in meaning ? meaning.hop : undefined
        return [used, { means: this.#name(meaning), ...(hop && { at: `${this.#label(hop.file)}:${hop.line}` }) }]
      }),
    )
  }

  #follow(file: string, { loads, opaque }: Code, through: string): Uses {
    for (const each of opaque) this.#opaque.push({ ...each, file: this.#label(file) })
    return Object.fromEntries(
      loads.map((load) => {
        const specifier =
          load.as === 'file' && !/^([./]|file:)/.test(load.specifier) ? `./${load.specifier}` : load.specifier
        const meaning = this.#program.module(file, specifier)
        this.#reach(meaning, through)
        return [`${load.as} ${load.specifier}`, { means: this.#name(meaning) }]
      }),
    )
  }

  #add(key: string, symbol: Omit<CodeSymbol, 'hash'>): void {
    const { syntax } = symbol
    const uses = Object.fromEntries(Object.entries(symbol.uses).map(([name, { means }]) => [name, means]))
    this.#symbols.set(key, { ...symbol, syntax: syntax.slice(0, 16), hash: hashOf({ syntax, uses }) })
  }

  #addCode(file: string, name: string, code: Code, through: string | null): void {
    const key = this.#key(file, name)
    const uses = { ...this.#usesOf(file, code.uses, key), ...this.#follow(file, code, key) }
    this.#add(key, {
      file: this.#label(file),
      name,
      line: code.line,
      column: code.column,
      syntax: code.hash,
      through,
      uses,
    })
  }

  #addDeclaration({ file, declaration, through }: Waiting): void {
    const name = declaration.names.join(', ')
    const { members, headUses, ...code } = declaration
    if (members === undefined) return this.#addCode(file, name, code, through)
    const key = this.#key(file, name)
    const all = this.#usesOf(file, code.uses, key)
    const pick = (uses: readonly string[]): Uses =>
      Object.fromEntries(uses.flatMap((used) => (used in all ? [[used, all[used]!]] : [])))
    const loads = this.#follow(file, code, key)
    const inFile = { file: this.#label(file), through }
    const { line, column } = code
    this.#add(key, { ...inFile, name, line, column, syntax: code.hash, uses: { ...pick(headUses ?? []), ...loads } })
    for (const member of members) {
      const own = `${name}.${member.name}`
      const { line: at, column: from } = member
      this.#add(this.#key(file, own), {
        ...inFile,
        name: own,
        line: at,
        column: from,
        syntax: member.hash,
        uses: pick(member.uses),
      })
    }
  }

  /** A module is loaded: with it what it imports, and what it does by itself. */
  #evaluate(file: string, by: string | null): void {
    if (this.#evaluated.has(file)) return
    this.#evaluated.set(file, by)
    const code = this.#program.read(file)
    if (code === undefined) return
    for (const { specifier, bare } of code.evaluates) {
      const resolved = this.#program.resolve(file, specifier)
      if (resolved.type === 'file') this.#evaluate(resolved.file, this.#label(file))
      else if (resolved.type === 'package' && bare) this.#used.set(resolved.package.directory, resolved.package)
      else if (resolved.type === 'missing')
        this.#addMissing(`'${specifier}' in ${path.basename(file)}`, this.#label(file))
    }
    this.#postOrder.push(file)
    const { statements } = code
    if (statements.length === 0) return
    const key = this.#key(file, moduleCode)
    const uses: Uses = Object.assign({}, ...statements.map((statement) => this.#usesOf(file, statement.uses, key)))
    const loads: Uses = Object.assign({}, ...statements.map((statement) => this.#follow(file, statement, key)))
    const { line, column } = statements[0]!
    this.#add(key, {
      file: this.#label(file),
      name: moduleCode,
      line,
      column,
      syntax: hashOf(statements.map(({ hash }) => hash)),
      through: by,
      uses: { ...uses, ...loads },
    })
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
      for (const declaration of this.#program.read(file)?.declarations ?? []) {
        if (declaration.onLoad === undefined || this.#effectful.has(declaration)) continue
        const effects = loadEffectsOf(this.#program, { file, declaration })!
        if (!effects.world && ![...effects.written].some((each) => this.#reached.has(each))) continue
        this.#effectful.add(declaration)
        if (this.#reached.has(declaration)) continue
        found = true
        this.#reach({ type: 'declaration', file, declaration }, this.#label(file))
      }
    }
    return found
  }

  /** What modules do, in the order in which they do it; nothing where only one does anything. */
  #order(): readonly string[] {
    const order = this.#postOrder.flatMap((file) => {
      const code = this.#program.read(file)!
      const happens = code.order.flatMap((index) => {
        if (index < 0) return [{ name: this.#key(file, moduleCode), effect: true }]
        const declaration = code.declarations[index]!
        if (!this.#reached.has(declaration) || declaration.onLoad === undefined) return []
        const effect = this.#effectful.has(declaration)
        return effect || declaration.onLoad.uses.some((used) => this.#isLocal(file, used))
          ? [{ name: this.#keyOf({ file, declaration }), effect }]
          : []
      })
      return happens.some(({ effect }) => effect) ? happens.map(({ name }) => name) : []
    })
    return order.length < 2 ? [] : order
  }

  #isLocal(file: string, used: string): boolean {
    const specifier = this.#program.read(file)!.imports[used.split('.')[0]!]?.specifier
    return specifier === undefined || /^[./#]/.test(specifier)
  }

  /** Walks from an export. */
  fromExport(file: string, exportName: string): CodeRecord {
    this.#evaluate(file, null)
    const meaning = this.#program.exported(file, exportName)
    this.#reach(meaning, null)
    return this.#finish(this.#name(meaning))
  }

  /**
   * Walks from the `run` of a call of this name; `module` is what a worker imports for it. Where it is written in no way that can
   * be read, from all that the file is.
   */
  fromCall(module: string, name: string, place: Place & { readonly file: string }): CodeRecord {
    this.#evaluate(module, null)
    const { file, call } = this.#findCall(name) ?? this.#callAt(name, place) ?? { file: module, call: undefined }
    this.#evaluate(file, null)
    if (call === undefined) {
      for (const each of this.#evaluatedDeclarations()) this.#reach({ type: 'declaration', ...each }, null)
      return this.#finish(`${this.#label(file)}:*`)
    }
    const key = this.#key(file, 'run')
    this.#addCode(file, 'run', call.run, null)
    if (call.captures && call.within !== undefined) {
      this.#settle()
      for (const declared of this.#callersOf({ file, name: call.within })) {
        this.#reach({ type: 'declaration', ...declared }, key)
      }
    }
    return this.#finish(key)
  }

  /** The one call that gives the name, wherever it stands: where a stack says it stands is not certain under source maps. */
  #findCall(name: string): { readonly file: string; readonly call: StageCall } | undefined {
    const found = [...this.#evaluated.keys()].flatMap((file) =>
      (this.#program.read(file)?.stageCalls ?? []).flatMap((call) => (call.name === name ? [{ file, call }] : [])),
    )
    return found.length === 1 ? found[0] : undefined
  }

  #callAt(name: string, place: Place & { readonly file: string }) {
    const { file } = place
    const calls = isCode(file) ? this.#program.read(file)?.stageCalls : undefined
    const call = stageCallAt(
      (calls ?? []).filter((each) => each.name === undefined || each.name === name),
      place,
    )
    return call === undefined ? undefined : { file, call }
  }

  #evaluatedDeclarations(): readonly Declared[] {
    return [...this.#evaluated.keys()].flatMap((file) =>
      (this.#program.read(file)?.declarations ?? []).map((declaration) => ({ file, declaration })),
    )
  }

  /** The declaration, and all of the evaluated files that use it, however indirectly: what `run` captures comes from them. */
  #callersOf(start: { readonly file: string; readonly name: string }): readonly Declared[] {
    const found = new Map<Declaration, Declared>()
    const first = this.#program.declared(start.file, start.name)
    if (first !== undefined) found.set(first.declaration, first)
    const all = this.#evaluatedDeclarations()
    for (let before = -1; before !== found.size;) {
      before = found.size
      for (const each of all) {
        if (found.has(each.declaration)) continue
        const uses = each.declaration.uses.some((used) => {
          const meaning = this.#program.use(each.file, used)
          return meaning.type === 'declaration' && found.has(meaning.declaration)
        })
        if (uses) found.set(each.declaration, each)
      }
    }
    return [...found.values()]
  }

  #finish(entry: string): CodeRecord {
    this.#settle()
    return {
      entry,
      symbols: Object.fromEntries([...this.#symbols].sort(([a], [b]) => (a < b ? -1 : 1))),
      packages: {},
      order: this.#order(),
      opaque: this.#opaque,
      accepted: [],
      loadedBy: this.#loadedBy(),
    }
  }

  /** Who loads whom, of files that lead to a symbol. */
  #loadedBy(): Record<string, string | null> {
    const loaders = new Map([...this.#evaluated].map(([file, by]) => [this.#label(file), by]))
    const needed: Record<string, string | null> = {}
    for (const { through } of this.#symbols.values()) {
      for (let at = through; at !== null && loaders.has(at) && !(at in needed); at = needed[at]!) {
        needed[at] = loaders.get(at)!
      }
    }
    return needed
  }

  /** The packages that were reached, without what these need in turn. */
  get packages(): readonly InstalledPackage[] {
    return [...this.#used.values()].sort((a, b) => (a.directory < b.directory ? -1 : 1))
  }

  /** Names in the record → absolute paths. */
  get files(): ReadonlyMap<string, string> {
    return new Map([...this.#labels].map(([file, label]) => [label, file]))
  }
}
