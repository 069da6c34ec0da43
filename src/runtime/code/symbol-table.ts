/** The symbols that a walk has found, under names that say nothing of where things lie on this machine. */
import * as path from 'node:path'
import { hashOf } from '../canonical.js'
import type { CodeSymbol, NameUse } from './code-record.js'
import type { CodePlace } from './file-code.js'
import type { FilesSeen } from './files-seen.js'
import type { Packages } from './packages.js'
import type { Declared, Meaning } from './program.js'

/** What the statements of a module are called together: no declaration can be called so. */
export const moduleCode = 'module code'

/** Name → what it means. */
export type Uses = Readonly<Record<string, NameUse>>

export interface FoundSymbol extends CodePlace {
  readonly file: string
  /** For people. */
  readonly name: string
  /** sha256 of its syntax. */
  readonly syntax: string
  readonly through: string | null
  readonly uses: Uses
}

const byKey = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number => (a < b ? -1 : 1)

export class SymbolTable {
  readonly #packages: Packages
  readonly #seen: FilesSeen
  readonly #root: string
  readonly #labels = new Map<string, string>()
  readonly #files = new Map<string, string>()
  readonly #symbols = new Map<string, CodeSymbol>()

  constructor(packages: Packages, seen: FilesSeen, entryFile: string) {
    this.#packages = packages
    this.#seen = seen
    this.#root = packages.rootOf(path.dirname(entryFile), seen) ?? path.dirname(entryFile)
  }

  /** A file's name: relative to the package that the walk began in; of another package after that one's name. */
  label(file: string): string {
    const known = this.#labels.get(file)
    if (known !== undefined) return known
    const below = (root: string): string => path.relative(root, file).split(path.sep).join('/')
    let label = below(this.#root)
    if (label.startsWith('../')) {
      const root = this.#packages.rootOf(path.dirname(file), this.#seen)
      const name = root === undefined ? undefined : this.#packages.manifest(root, this.#seen)?.name
      if (root !== undefined && name !== undefined) label = `${name}/${below(root)}`
    }
    while (this.#files.has(label)) label += '#'
    this.#labels.set(file, label)
    this.#files.set(label, file)
    return label
  }

  /** Names in the record → absolute paths. */
  get files(): ReadonlyMap<string, string> {
    return this.#files
  }

  key(file: string, name: string): string {
    return `${this.label(file)}:${name}`
  }

  keyOf({ file, declaration }: Declared): string {
    return this.key(file, declaration.names.join(', '))
  }

  /** How what a name means stands in the hash of what uses it. */
  nameOf(meaning: Meaning): string {
    switch (meaning.type) {
      case 'declaration':
        return this.keyOf(meaning)
      case 'module':
        return `${this.label(meaning.file)}:*`
      case 'contents':
        return this.key(meaning.file, 'contents')
      case 'external':
        return `${meaning.specifier}#${meaning.name}`
      case 'missing':
        return `missing ${meaning.what}`
      case 'statement':
        return this.key(meaning.file, moduleCode)
    }
  }

  has(key: string): boolean {
    return this.#symbols.has(key)
  }

  add(key: string, { file, ...symbol }: FoundSymbol): void {
    const means = Object.fromEntries(Object.entries(symbol.uses).map(([name, use]) => [name, use.means]))
    this.#symbols.set(key, {
      ...symbol,
      file: file === '' ? '' : this.label(file),
      syntax: symbol.syntax.slice(0, 16),
      hash: hashOf({ syntax: symbol.syntax, uses: means }),
    })
  }

  /** In the order of their keys. */
  symbols(): Readonly<Record<string, CodeSymbol>> {
    return Object.fromEntries([...this.#symbols].sort(byKey))
  }
}
