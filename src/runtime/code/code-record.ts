/**
 * What the code of a stage is: every declaration that it reaches, and the packages. The digest is what the fingerprint
 * holds; the record behind it says, later and elsewhere, what that was.
 */
import { hashOf } from '../canonical.js'

/** A place in a file, counted from 1. */
export interface CodePlace {
  readonly line: number
  readonly column: number
}

/** Something that leads out of the code that can be read. */
export interface Opaque extends CodePlace {
  /** The construct in the user's words: `import() of a computed name`. */
  readonly what: string
}

/** A piece of code by its place: `src/losses.ts:kdLoss`, `src/trainer.ts:Trainer.step`, `src/setup.ts:module code`. */
export interface CodeSymbol {
  /** Relative to the package that the stage is in; of another package after that one's name. */
  readonly file: string
  readonly name: string
  readonly line: number
  readonly column: number
  /** Of its syntax and of what each name in it means. */
  readonly hash: string
  /** Of its syntax alone, shortened: it only tells what changed. */
  readonly syntax: string
  /** Key of the nearest symbol, or name of the file, that leads here; null for where the walk began. */
  readonly through: string | null
  /** Name in it → what it means. */
  readonly uses: Readonly<Record<string, NameUse>>
}

export interface NameUse {
  /** Key of a symbol, or the export of a package. */
  readonly means: string
  /** `file:line` of the import or last re-export that gives it this meaning; absent for the file's own declarations. */
  readonly at?: string
}

export interface AcceptedInForce {
  /** Of the acceptance. */
  readonly id: string
  /** Key of the declaration. */
  readonly symbol: string
}

export interface CodeRecord {
  /** Key of the symbol at which the walk began. */
  readonly entry: string
  readonly symbols: Readonly<Record<string, CodeSymbol>>
  /** Name → version, of every package that is reached and of all that these need in turn. */
  readonly packages: Readonly<Record<string, string>>
  /** In which order modules and what they do are evaluated, where that may matter. */
  readonly order: readonly string[]
  /** What cannot be followed: then no digest can say what the code is. */
  readonly opaque: readonly (Opaque & { readonly file: string })[]
  /** Edits that were declared harmless and stand in it as what they were before. */
  readonly accepted: readonly AcceptedInForce[]
  /** File → the file that loads it first, up to where the walk began; of those that have code of their own to run. */
  readonly loadedBy: Readonly<Record<string, string | null>>
}

/** sha256 of all that can change what the code does; lines and ways are left out. */
export const digestOf = ({ entry, symbols, packages, order, opaque }: CodeRecord): string =>
  hashOf({
    entry,
    symbols: Object.fromEntries(Object.entries(symbols).map(([key, { hash }]) => [key, hash])),
    packages,
    order,
    // Lines do not count, only that and where it is there: once it is covered it is other code.
    opaque: opaque.map(({ file, what }) => `${file} ${what}`).sort(),
  })

/** Who loads whom, of files that lead to a symbol. */
export const loadersOf = (
  symbols: CodeRecord['symbols'],
  loaders: ReadonlyMap<string, string | null>,
): CodeRecord['loadedBy'] => {
  const needed: Record<string, string | null> = {}
  for (const { through } of Object.values(symbols)) {
    for (let at = through; at !== null && loaders.has(at) && !Object.hasOwn(needed, at); at = needed[at]!) {
      needed[at] = loaders.get(at)!
    }
  }
  return needed
}

/** The key of a class, of a member's key. */
export const classOf = (key: string): string => key.slice(0, key.lastIndexOf('.'))

/** The ways from the beginning to a symbol, nearest last: keys, and names of files that load others. */
export const chainTo = (record: CodeRecord, key: string): readonly string[] => {
  const chain: string[] = []
  for (let at: string | null | undefined = key; at !== null && at !== undefined && !chain.includes(at);) {
    chain.unshift(at)
    at = at in record.symbols ? record.symbols[at]!.through : record.loadedBy[at]
  }
  return chain
}
