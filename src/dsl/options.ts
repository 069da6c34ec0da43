/**
 * What an option is. Its entry in a table (option-tables.ts) is all that there is to say of it: the types that users
 * write against, the parameters of nodes, how it is read and refused, what editors show and docs/options.md follow from
 * it.
 */
import type { NumberRule, OptionReader } from './option-reader.js'

declare const written: unique symbol

/**
 * One option: what users write, what is read of it, what its rule and its default depend on, whether it must be there.
 */
export interface Option<Written, Read, By, Needed extends boolean> {
  readonly needed: Needed
  /** What may be written, in Markdown. */
  readonly values: string
  /** The default, in Markdown; empty where the option must be written. */
  readonly fallback: string
  /** Throws a DefinitionError for what cannot be its value. */
  readonly read: (options: OptionReader, name: string, by: By) => Read
  /** No option has it at run time: it carries the type. */
  readonly [written]?: Written
}

export type OptionTable = { readonly [name: string]: Option<unknown, unknown, never, boolean> }

type WrittenOf<Each> = Each extends Option<infer Written, infer _Read, infer _By, infer _Needed> ? Written : never
type ReadOf<Each> = Each extends Option<infer _Written, infer Read, infer _By, infer _Needed> ? Read : never
type ByOf<Each> = Each extends Option<infer _Written, infer _Read, infer By, infer _Needed> ? By : never

type NeededIn<Table> = {
  [Name in keyof Table]: Table[Name] extends { readonly needed: true } ? Name : never
}[keyof Table]

/** Mapped as `Pick` maps: only so do editors find the comments in the table. */
type Values<Table, Names extends keyof Table, Narrower> = {
  readonly [Name in Names]: Name extends keyof Narrower ? Narrower[Name] : WrittenOf<Table[Name]>
}

/** What users write. `Narrower` has the types that only the call can tell. */
export type Options<Table, Narrower = unknown> = Values<Table, NeededIn<Table>, Narrower> &
  Partial<Values<Table, Exclude<keyof Table, NeededIn<Table>>, Narrower>>

/** What is read of it, defaults filled in. */
export type Params<Table> = { readonly [Name in keyof Table]: ReadOf<Table[Name]> }

/** All that rules and defaults of a table depend on. */
type AllBy<Table> = {
  [Name in keyof Table]: (by: ByOf<Table[Name]>) => void
}[keyof Table] extends (by: infer By) => void
  ? By
  : never

/** What they depend on besides other options of the table. */
type Given<Table> = Omit<AllBy<Table>, keyof Table>

/** A rule or a default that depends on other values: in words, and as a function of them. */
interface Dependent<Value, By> {
  readonly words: string
  readonly of: (by: By) => Value
}

/** Other options of the table are there by name; the rest is what `readOptions` is given. */
export const depends = <const Value, By = unknown>(words: string, of: (by: By) => Value): Dependent<Value, By> => ({
  words,
  of,
})

type Maybe<Value> = Value | Dependent<Value, never> | undefined
type DependsOn<Each> = Each extends Dependent<infer _Value, infer By> ? By : unknown
type ValueOf<Each> = Each extends Dependent<infer Value, infer _By> ? Value : Each
type IsMissing<Each> = undefined extends Each ? true : false

const isDependent = (value: unknown): value is Dependent<unknown, unknown> =>
  typeof value === 'object' && value !== null && 'of' in value

const valueOf = <Value>(value: Maybe<Value>, by: unknown): Value => (isDependent(value) ? value.of(by) : value) as Value

/** As it is written in a definition. */
const asWritten = (value: unknown): string => {
  if (typeof value === 'string') return `'${value}'`
  if (Array.isArray(value)) return `[${value.map(asWritten).join(', ')}]`
  return typeof value === 'number' && value > 0 && value < 1e-3 ? value.toExponential() : String(value)
}

/** An option; the functions below say of what types it is. */
const make = (
  values: string,
  fallback: unknown,
  read: (options: OptionReader, name: string, by: never) => unknown,
): never =>
  ({
    needed: fallback === undefined,
    values,
    fallback: fallback === undefined ? '' : isDependent(fallback) ? fallback.words : `\`${asWritten(fallback)}\``,
    read,
  }) as never

/** A default that only words describe; null stands for it. */
const absent = (words: string): Dependent<null, unknown> => depends(words, () => null)

const listed = (choices: readonly string[]): string => choices.map((choice) => `\`'${choice}'\``).join(', ')

type Rule = NumberRule | Dependent<NumberRule, never>

/** The kinds of options. One without a default must be written by the user. */
export const option = {
  /** A default of null: nothing is known yet, only the data can tell. */
  number: <Words extends Rule, Fallback extends Maybe<number | null> = undefined>(
    rule: Words,
    fallback?: Fallback,
  ): Option<
    number,
    number | Extract<ValueOf<Fallback>, null>,
    DependsOn<Words> & DependsOn<Fallback>,
    IsMissing<Fallback>
  > =>
    make(rule.words, fallback, (options, name, by) => {
      const otherwise = valueOf<number | null | undefined>(fallback, by)
      if (otherwise === null && !options.has(name)) return null
      return options.number(name, valueOf<NumberRule>(rule, by), otherwise ?? undefined)
    }),

  /** `off` says what null stands for, which is the default. */
  numberOrNull: (rule: NumberRule, off: string): Option<number | null, number | null, unknown, false> =>
    make(`${rule.words}, or \`null\``, absent(off), (options, name) => options.numberOrNull(name, rule)),

  choice: <const Choice extends string, Fallback extends Maybe<NoInfer<Choice>> = undefined>(
    choices: readonly Choice[],
    fallback?: Fallback,
  ): Option<Choice, Choice, DependsOn<Fallback>, IsMissing<Fallback>> =>
    make(listed(choices), fallback, (options, name, by) =>
      options.choice(name, choices, valueOf<Choice | undefined>(fallback, by)),
    ),

  /** Some of them, in their order. */
  choices: <const Choice extends string>(
    choices: readonly Choice[],
    fallback: readonly NoInfer<Choice>[],
  ): Option<readonly Choice[], readonly Choice[], unknown, false> =>
    make(`some of ${listed(choices)}`, fallback, (options, name) => options.choices(name, choices, fallback)),

  boolean: (fallback: boolean): Option<boolean, boolean, unknown, false> =>
    make('`true`, `false`', fallback, (options, name) => options.boolean(name, fallback)),

  text: (values: string): Option<string, string, unknown, true> =>
    make(values, undefined, (options, name) => options.text(name)),

  /** `none` says what it means to leave it out; null is read then. */
  textOrNone: (values: string, none: string): Option<string, string | null, unknown, false> =>
    make(values, absent(none), (options, name) => (options.has(name) ? options.text(name) : null)),

  /** Read by a function of its own, or as it is by the node; `fallback` in words. */
  own: <Written, Read = unknown, By = unknown>(
    values: string,
    fallback: string,
    read: (options: OptionReader, name: string, by: By) => Read = (options, name) => options.value(name) as Read,
  ): Option<Written, Read, By, false> => make(values, absent(fallback), read),

  /** The same without a default. */
  ownNeeded: <Written>(values: string): Option<Written, unknown, unknown, true> =>
    make(values, undefined, (options, name) => options.value(name)),
}

/** The names in these tables: what a reader lets through. */
export const namesOf = (...tables: readonly OptionTable[]): readonly string[] => tables.flatMap(Object.keys)

/** Parameters from options, in the order of the table. `given` is what its rules and defaults depend on besides. */
export const readOptions = <Table extends OptionTable>(
  table: Table,
  options: OptionReader,
  ...[given]: Record<never, never> extends Given<Table> ? [given?: Given<Table>] : [given: Given<Table>]
): Params<Table> => {
  const read: Record<string, unknown> = {}
  // Whatever is asked for is read first, so that one option may depend on another wherever that stands.
  const by = new Proxy<Readonly<Record<string, unknown>>>(given ?? {}, {
    get: (others, name: string) => (Object.hasOwn(table, name) ? valueOfOption(name) : others[name]),
  })
  const valueOfOption = (name: string): unknown => {
    if (!Object.hasOwn(read, name)) read[name] = table[name]!.read(options, name, by as never)
    return read[name]
  }
  const params: Record<string, unknown> = {}
  for (const name of Object.keys(table)) params[name] = valueOfOption(name)
  return params as Params<Table>
}
