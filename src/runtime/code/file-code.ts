/** What is remembered of one source file: enough to walk the code of a program without parsing it again. Plain data. */

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

/** A module or another file that code loads by a literal name; every export of it counts. */
export interface Load extends CodePlace {
  readonly specifier: string
  /** `file` is relative to the module (`new URL('./x.js', import.meta.url)`), `module` is resolved as an import is. */
  readonly as: 'module' | 'file'
}

/** What a stretch of code may do to state that others see. Names are of the module's scope. */
export interface Effects {
  /** Names used while the module loads, bodies of functions that only may be called later left out. */
  readonly uses: readonly string[]
  /** Names of which something is assigned, or on which a method is called that may change it. */
  readonly writes: readonly string[]
  /** Whether it changes what is no name's of the module: a global, an object it was given, a package's registry. */
  readonly world: boolean
  /** Whether it changes objects that it got from a parameter or a call: then any state it reaches may be one. */
  readonly alters: boolean
}

/** A stretch of code: what it says, and what it leads to. */
export interface Code extends CodePlace {
  /** sha256 of the syntax without types, comments and formatting. */
  readonly hash: string
  /**
   * Names of the module's scope that it uses, sorted. `losses.kd` is the member `kd` of the imported name `losses`: of
   * a namespace only that member counts.
   */
  readonly uses: readonly string[]
  readonly loads: readonly Load[]
  readonly opaque: readonly Opaque[]
  /** Of all of it, function bodies included: what happens when it is called. */
  readonly effects: Effects
  /** Of the part that runs when the module is loaded; undefined where nothing of it does more than define. */
  readonly onLoad?: Effects
}

export interface Member extends CodePlace {
  readonly name: string
  readonly hash: string
  readonly uses: readonly string[]
}

export interface Declaration extends Code {
  /** One, or all those of a destructuring. */
  readonly names: readonly string[]
  /** Of a class, whose own hash leaves them out. */
  readonly members?: readonly Member[]
  /** Of a class, what it uses outside of its members. */
  readonly headUses?: readonly string[]
  /** Whether it holds what can change after it was made: a `let`, an object, a list, a class instance. */
  readonly isState: boolean
}

/** `stage('name', { run })`: the part that computes, and where the call stands. */
export interface StageCall extends CodePlace {
  /** The first argument, where it is written out. */
  readonly name?: string
  readonly endLine: number
  readonly endColumn: number
  readonly run: Code
  /** The declaration that the call is in, by its first name; undefined within a statement. */
  readonly within?: string
  /** Whether `run` uses names of a function around it: then all of the declaration counts, and whoever calls it. */
  readonly captures: boolean
}

export interface ImportedName extends CodePlace {
  readonly specifier: string
  /** Name of the export, or `*` for all of them as one object. */
  readonly name: string
}

export interface FileCode {
  readonly declarations: readonly Declaration[]
  /** Statements that do something when the module is loaded, in their order. */
  readonly statements: readonly Code[]
  /** Both in the order of the file: a declaration by its index, a statement by the bitwise complement of its own. */
  readonly order: readonly number[]
  /** By local name. */
  readonly imports: Readonly<Record<string, ImportedName>>
  /** Every module that is loaded with this one, in order; `import 'x'` alone is marked by `bare`. */
  readonly evaluates: readonly { readonly specifier: string; readonly bare: boolean; readonly line: number }[]
  /** Name of the export → local name. */
  readonly exports: Readonly<Record<string, string>>
  readonly reexports: Readonly<Record<string, ImportedName>>
  /** Modules of which everything is exported again. */
  readonly stars: readonly string[]
  /** Exports of a CommonJS module have no names that can be followed. */
  readonly isCommonJs: boolean
  readonly stageCalls: readonly StageCall[]
}
