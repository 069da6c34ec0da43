/**
 * What comes out of a file, of the store or of an archive, is of unknown shape, whatever hashes lie around it. A shape
 * says what a record must be, as a schema of Effect's, which tells what is wrong and where, and as a quick look that
 * says yes or no: a run reads thousands of its own records, and by the schema each would take longer than to parse it.
 */
import * as Effect from 'effect/Effect'
import * as Result from 'effect/Result'
import * as Schema from 'effect/Schema'
import * as SchemaIssue from 'effect/SchemaIssue'
import * as SchemaParser from 'effect/SchemaParser'
import { isObject } from '../base/objects.js'
import type { Json } from '../dsl/nodes.js'

export interface Shape<A> {
  /** Whether the value is one and has nothing beside: the schema would give it as it is. */
  readonly is: (value: unknown) => value is A
  /** Made when it is first asked for. */
  readonly schema: () => Schema.ConstraintDecoder<A>
  readonly isOptional?: boolean
}

/** A value is not as its record has it; the message begins with the field: `made.at is no time`. */
export class WrongShape extends Error {
  override readonly name = 'WrongShape'
}

/** Longer names of fields, which somebody else has written, are cut. */
const longestField = 200

const fieldText = (path: readonly PropertyKey[]): string => {
  const parts = path.map((key, at) => {
    if (typeof key === 'number') return `[${key}]`
    const name = String(key)
    if (!/^[A-Za-z_]\w*$/.test(name)) return `[${JSON.stringify(name)}]`
    return at === 0 ? name : `.${name}`
  })
  const text = parts.join('')
  return text.length > longestField ? `${text.slice(0, longestField)}…` : text
}

const issuesOf = SchemaIssue.makeFormatterStandardSchemaV1({
  leafHook: (issue) =>
    issue._tag === 'MissingKey'
      ? 'is missing'
      : SchemaIssue.defaultLeafHook(issue)
          .replace(/^Expected one of /, 'is none of ')
          .replace(/^Expected /, 'is no '),
})

const sentenceOfIssue = (issue: SchemaIssue.Issue): string => {
  const [first] = issuesOf(issue).issues
  const field = fieldText((first?.path ?? []) as readonly PropertyKey[])
  return `${field === '' ? 'it' : field} ${first?.message ?? 'is not as it should be'}`
}

type Found<A> = Result.Result<A, SchemaIssue.Issue>

const once = <A>(make: () => A): (() => A) => {
  let made: { readonly value: A } | undefined
  return () => (made ??= { value: make() }).value
}

const decoderOf = <A>({ schema }: Pick<Shape<A>, 'schema'>): ((value: unknown) => Found<A>) => {
  const decoder = once(() => SchemaParser.decodeUnknownResult(schema()))
  return (value) => decoder()(value)
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    throw new WrongShape('it is no JSON')
  }
}

/** Reads a value by the schema; what that does not name is left out. The function throws a WrongShape. */
export const readerOf = <A>(shape: Shape<A>): ((value: unknown) => A) => {
  const decode = decoderOf(shape)
  return (value) => {
    const found = decode(value)
    if (Result.isSuccess(found)) return found.success
    throw new WrongShape(sentenceOfIssue(found.failure))
  }
}

/** The same of a record that is a text of JSON. */
export const textReaderOf = <A>(shape: Shape<A>): ((text: string) => A) => {
  const read = readerOf(shape)
  return (text) => read(parsed(text))
}

/** The same for records that come by the thousand: the schema is asked only about what does not look right. */
export const quickReaderOf = <A>(shape: Shape<A>): ((text: string) => A) => {
  const read = readerOf(shape)
  return (text) => {
    const value = parsed(text)
    return shape.is(value) ? value : read(value)
  }
}

/** A value that is good where `is` says so; `what` is what a sentence calls it: `time`. */
export const valueShape = <A>(is: (value: unknown) => value is A, what: string): Shape<A> => ({
  is,
  schema: once(() => Schema.declare(is, { expected: what })),
})

/** One that reads its parts by other shapes; `wrong` says that it is nothing of the kind. */
const shapeBy = <A>(
  what: string,
  is: (value: unknown) => boolean,
  read: (value: unknown, wrong: () => Found<never>) => Found<A>,
): Shape<A> => ({
  is: is as Shape<A>['is'],
  schema: once(() =>
    Schema.declareConstructor<A, unknown>()(
      [],
      () => (value, self, options) => {
        const found = read(value, () => Result.fail(new SchemaIssue.InvalidType(self, value, options)))
        return Result.isSuccess(found) ? Effect.succeed(found.success) : Effect.fail(found.failure)
      },
      { expected: what },
    ),
  ),
})

const at = (key: PropertyKey, issue: SchemaIssue.Issue): Found<never> =>
  Result.fail(new SchemaIssue.Pointer([key], issue))

type OptionalShape<A> = Shape<A> & { readonly isOptional: true }

/** A shape of every property of A, the optional ones too. */
export type Fields<A> = {
  readonly [K in keyof A]-?: {} extends Pick<A, K> ? OptionalShape<Exclude<A[K], undefined>> : Shape<A[K]>
}

export const recordShape = <A extends object>(fields: Fields<A>): Shape<A> => {
  const entries = Object.entries<Shape<unknown>>(fields)
  const parts = new Map(entries)
  const needed = entries.filter(([, { isOptional }]) => isOptional !== true).length
  return {
    is: (value): value is A => {
      if (!isObject(value)) return false
      let missing = needed
      for (const key in value) {
        const part = parts.get(key)
        if (part === undefined || !part.is(value[key])) return false
        if (part.isOptional !== true) missing -= 1
      }
      return missing === 0
    },
    schema: once(() => {
      const schemas = entries.map(([key, { schema, isOptional }]) => [
        key,
        isOptional === true ? Schema.optionalKey(schema()) : schema(),
      ])
      return Schema.Struct(Object.fromEntries(schemas) as Schema.Struct.Fields) as unknown as ReturnType<
        Shape<A>['schema']
      >
    }),
  }
}

/** A property that may be missing. */
export const optionalShape = <A>(shape: Shape<A>): OptionalShape<A> => ({ ...shape, isOptional: true })

export const listShape = <A>(shape: Shape<A>): Shape<readonly A[]> => ({
  is: (value): value is readonly A[] => Array.isArray(value) && value.every(shape.is),
  schema: once(() => Schema.Array(shape.schema())),
})

export const nullableShape = <A>(shape: Shape<A>): Shape<A | null> => {
  const decode = decoderOf(shape)
  return shapeBy(
    'value',
    (value) => value === null || shape.is(value),
    (value) => (value === null ? Result.succeed(null) : decode(value)),
  )
}

/** An object of any keys. */
export const mapShape = <A>(shape: Shape<A>): Shape<Readonly<Record<string, A>>> => {
  const decode = decoderOf(shape)
  return shapeBy(
    'object',
    (value) => {
      if (!isObject(value)) return false
      for (const key in value) if (!shape.is(value[key])) return false
      return true
    },
    (value, wrong) => {
      if (!isObject(value)) return wrong()
      const read: [string, A][] = []
      for (const key of Object.keys(value)) {
        const found = decode(value[key])
        if (Result.isFailure(found)) return at(key, found.failure)
        read.push([key, found.success])
      }
      return Result.succeed(Object.fromEntries(read))
    },
  )
}

/**
 * One of several records, told apart by the text of their property `tag`: the other properties of each. `what` is what
 * a sentence calls them all.
 */
export const casesShape = <K extends string, A extends { readonly [P in K]: string }>(
  tag: K,
  what: string,
  cases: { readonly [T in A[K]]: Fields<Omit<Extract<A, { readonly [P in K]: T }>, K>> },
): Shape<A> => {
  const tagShape = oneOfShape(Object.keys(cases), what)
  const decodeTag = decoderOf(tagShape)
  const shapes = new Map(
    Object.entries<object>(cases).map(([name, fields]) => {
      const shape = recordShape<A>({ ...fields, [tag]: tagShape } as unknown as Fields<A>)
      return [name, { ...shape, decode: decoderOf(shape) }] as const
    }),
  )
  return shapeBy(
    'object',
    (value) => isObject(value) && shapes.get(value[tag] as string)?.is(value) === true,
    (value, wrong) => {
      if (!isObject(value)) return wrong()
      if (!Object.hasOwn(value, tag)) return at(tag, new SchemaIssue.MissingKey(undefined))
      const found = decodeTag(value[tag])
      return Result.isFailure(found) ? at(tag, found.failure) : shapes.get(found.success)!.decode(value)
    },
  )
}

/** What is wrong with a part of a value, in words that follow the name of the field: `is no inner name`. */
interface Flaw {
  readonly path: readonly PropertyKey[]
  readonly message: string
}

/** The shape with one condition more. */
export const soundShape = <A>(shape: Shape<A>, flawOf: (value: A) => Flaw | undefined): Shape<A> => {
  const decode = decoderOf(shape)
  return shapeBy(
    'value',
    (value) => shape.is(value) && flawOf(value) === undefined,
    (value) => {
      const found = decode(value)
      if (Result.isFailure(found)) return found
      const flaw = flawOf(found.success)
      if (flaw === undefined) return found
      return Result.fail(new SchemaIssue.Pointer(flaw.path, new SchemaIssue.InvalidValue({ message: flaw.message })))
    },
  )
}

export const textShape = valueShape((value): value is string => typeof value === 'string', 'text')

export const flagShape = valueShape((value): value is boolean => typeof value === 'boolean', 'boolean')

export const numberShape = valueShape((value): value is number => Number.isFinite(value), 'number')

/** 0, 1, 2 … */
export const countShape = valueShape(
  (value): value is number => Number.isSafeInteger(value) && (value as number) >= 0,
  'whole number',
)

/** `what` is what a sentence calls the words, where they are too many to be listed. */
export const oneOfShape = <const A extends string>(
  words: readonly A[],
  what = `one of ${words.join(', ')}`,
): Shape<A> => valueShape((value): value is A => words.includes(value as A), what)

const sha256Pattern = /^[0-9a-f]{64}$/

export const isSha256 = (value: unknown): value is string =>
  typeof value === 'string' && value.length === 64 && sha256Pattern.test(value)

export const sha256Shape = valueShape(isSha256, 'sha256')

const timePattern =
  /^([+-]\d\d)?\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?Z$/

/** ISO 8601, as `Date.toISOString` gives it. */
export const timeShape = valueShape(
  (value): value is string => typeof value === 'string' && timePattern.test(value),
  'time',
)

/** Whatever reads JSON calls itself for each level: deeper data would end it. */
const mostLevels = 500

const isJson = (value: unknown, levels = mostLevels): value is Json => {
  if (typeof value === 'number') return Number.isFinite(value)
  if (typeof value !== 'object') return typeof value === 'string' || typeof value === 'boolean'
  if (value === null) return true
  if (levels === 0) return false
  const parts = value as Readonly<Record<string, unknown>>
  for (const key in parts) if (!isJson(parts[key], levels - 1)) return false
  return true
}

export const jsonShape = valueShape((value): value is Json => isJson(value), `data of at most ${mostLevels} levels`)

export const isData = (value: unknown): value is Readonly<Record<string, Json>> => isObject(value) && isJson(value)

/** Named data, such as parameters. */
export const dataShape = valueShape(isData, `object of at most ${mostLevels} levels`)
