/** A program's files, and what the names in them mean: imports followed through re-exports to what they end at. */
import * as path from 'node:path'
import type { Declaration, FileCode, ImportedName } from './file-code.js'
import type { FilesSeen } from './files-seen.js'
import type { InstalledPackage } from './packages.js'
import type { Resolved, Resolver } from './resolve-import.js'

/** A declaration in its file. */
export interface Declared {
  readonly file: string
  readonly declaration: Declaration
}

/** Where a name of an import or export was written, on the way to what it means. */
export interface Hop {
  readonly file: string
  readonly line: number
  readonly column: number
  readonly name: string
}

export type Meaning =
  | ({ readonly type: 'declaration'; readonly hop?: Hop } & Declared)
  /** All that a module exports, as one object. */
  | { readonly type: 'module'; readonly file: string; readonly hop?: Hop }
  /** A file that is no code, or an export without a declaration of its own. */
  | { readonly type: 'contents'; readonly file: string; readonly hop?: Hop }
  /** Of a package or of Node's own: which export of which module. */
  | {
      readonly type: 'external'
      readonly specifier: string
      readonly name: string
      readonly package?: InstalledPackage
    }
  | { readonly type: 'missing'; readonly what: string }
  /** Bound by a statement of the module, which counts in any case. */
  | { readonly type: 'statement'; readonly file: string }

/** How a program's files are read: undefined for one that is no code. */
export type ReadFile = (file: string) => FileCode | undefined

const anyCode = /\.[cm]?[jt]sx?$/

export const isCode = (file: string): boolean => anyCode.test(file) && !file.endsWith('.d.ts')

export class Program {
  readonly read: ReadFile
  readonly seen: FilesSeen
  readonly #resolver: Resolver
  readonly #resolved = new Map<string, Resolved>()
  readonly #byName = new Map<string, ReadonlyMap<string, Declaration>>()

  constructor(read: ReadFile, resolver: Resolver, seen: FilesSeen) {
    this.read = read
    this.#resolver = resolver
    this.seen = seen
  }

  resolve(from: string, specifier: string): Resolved {
    const key = `${from}\0${specifier}`
    const resolved = this.#resolved.get(key) ?? this.#resolver.resolve(from, specifier, this.seen)
    this.#resolved.set(key, resolved)
    return resolved
  }

  /** The import behind a use of a name, `name` or `name.member`. */
  importOf(file: string, used: string): ImportedName | undefined {
    const name = used.split('.')[0]!
    const imports = this.read(file)?.imports ?? {}
    return Object.hasOwn(imports, name) ? imports[name] : undefined
  }

  declarationsOf(file: string): readonly Declared[] {
    return (this.read(file)?.declarations ?? []).map((declaration) => ({ file, declaration }))
  }

  declared(file: string, name: string): Declared | undefined {
    let names = this.#byName.get(file)
    if (names === undefined) {
      names = new Map(
        (this.read(file)?.declarations ?? []).flatMap((declaration) =>
          declaration.names.map((each) => [each, declaration] as const),
        ),
      )
      this.#byName.set(file, names)
    }
    const declaration = names.get(name)
    return declaration === undefined ? undefined : { file, declaration }
  }

  /** What a module is, as a whole. */
  module(from: string, specifier: string): Meaning {
    return this.#imported(from, { specifier, name: '*', line: 0, column: 0 }, undefined, new Set())
  }

  /** What a use means: `name`, or `name.member` of an import. */
  use(file: string, used: string): Meaning {
    const code = this.read(file)!
    const dot = used.indexOf('.')
    const [name, member] = dot < 0 ? [used, undefined] : [used.slice(0, dot), used.slice(dot + 1)]
    const imported = Object.hasOwn(code.imports, name) ? code.imports[name] : undefined
    if (imported === undefined) return this.#own(file, name)
    const hop = { file, line: imported.line, column: imported.column, name }
    const meaning = this.#imported(file, imported, hop, new Set())
    if (member === undefined) return meaning
    if (meaning.type === 'module') return this.exported(meaning.file, member, meaning.hop ?? hop)
    if (meaning.type === 'external' && meaning.name === '*') return { ...meaning, name: member }
    return meaning
  }

  #own(file: string, name: string): Meaning {
    const declared = this.declared(file, name)
    return declared === undefined ? { type: 'statement', file } : { type: 'declaration', ...declared }
  }

  #imported(from: string, { specifier, name }: ImportedName, hop: Hop | undefined, visited: Set<string>): Meaning {
    const resolved = this.resolve(from, specifier)
    switch (resolved.type) {
      case 'builtin':
        return { type: 'external', specifier: `node:${specifier.replace(/^node:/, '')}`, name }
      case 'package':
        return { type: 'external', specifier, name, package: resolved.package }
      case 'missing':
        return { type: 'missing', what: `'${specifier}' in ${path.basename(from)}` }
      case 'file': {
        const { file } = resolved
        const withHop = hop === undefined ? {} : { hop }
        if (this.read(file) === undefined) return { type: 'contents', file, ...withHop }
        return name === '*' ? { type: 'module', file, ...withHop } : this.exported(file, name, hop, visited)
      }
    }
  }

  /** What an export of a file is. */
  exported(file: string, name: string, hop?: Hop, visited = new Set<string>()): Meaning {
    const missing: Meaning = { type: 'missing', what: `${name} of ${path.basename(file)}` }
    const key = `${file}\0${name}`
    if (visited.has(key)) return missing
    visited.add(key)
    const code = this.read(file)
    if (code === undefined) return { type: 'contents', file }
    const local = Object.hasOwn(code.exports, name) ? code.exports[name] : undefined
    if (local !== undefined) {
      const imported = Object.hasOwn(code.imports, local) ? code.imports[local] : undefined
      if (imported !== undefined) {
        return this.#imported(file, imported, { file, line: imported.line, column: imported.column, name }, visited)
      }
      const meaning = this.#own(file, local)
      return meaning.type === 'declaration' && hop !== undefined ? { ...meaning, hop } : meaning
    }
    const reexported = Object.hasOwn(code.reexports, name) ? code.reexports[name] : undefined
    if (reexported !== undefined) {
      return this.#imported(file, reexported, { file, line: reexported.line, column: reexported.column, name }, visited)
    }
    if (code.isCommonJs) return { type: 'module', file, ...(hop === undefined ? {} : { hop }) }
    return (name === 'default' ? undefined : this.#ofStars(file, code, name, hop, visited)) ?? missing
  }

  /** Of `export *`: the first that has it; what a package exports is not known here. */
  #ofStars(
    file: string,
    { stars }: FileCode,
    name: string,
    hop: Hop | undefined,
    visited: Set<string>,
  ): Meaning | undefined {
    let external: Meaning | undefined
    for (const specifier of stars) {
      const meaning = this.#imported(file, { specifier, name, line: 1, column: 1 }, hop, visited)
      if (meaning.type === 'external') external ??= meaning
      else if (meaning.type !== 'missing') return meaning
    }
    return external
  }

  /** Every name that a module exports. */
  exportNames(file: string, visited = new Set<string>()): readonly string[] {
    if (visited.has(file)) return []
    visited.add(file)
    const code = this.read(file)
    if (code === undefined) return []
    const ofStars = code.stars.flatMap((specifier) => {
      const resolved = this.resolve(file, specifier)
      return resolved.type === 'file'
        ? this.exportNames(resolved.file, visited).filter((name) => name !== 'default')
        : []
    })
    return [...new Set([...Object.keys(code.exports), ...Object.keys(code.reexports), ...ofStars])].sort()
  }
}
