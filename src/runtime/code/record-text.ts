/** A code record as text: every name once, then referred to by number, since a stage has some eight hundred symbols. */
import {
  countShape,
  listShape,
  mapShape,
  nullableShape,
  recordShape,
  quickReaderOf,
  textShape,
  valueShape,
  WrongShape,
} from '../shape.js'
import type { AcceptedInForce, CodeRecord, CodeSymbol, NameUse } from './code-record.js'

type StoredUse = readonly [name: number, means: number, at?: number]
type StoredSymbol = readonly [
  key: number,
  file: number,
  name: number,
  line: number,
  column: number,
  hash: string,
  syntax: string,
  through: number | null,
  uses: readonly StoredUse[],
]

interface Stored {
  readonly entry: string
  readonly names: readonly string[]
  readonly symbols: readonly StoredSymbol[]
  readonly packages: CodeRecord['packages']
  readonly order: readonly number[]
  readonly opaque: CodeRecord['opaque']
  readonly accepted: CodeRecord['accepted']
  readonly loadedBy: CodeRecord['loadedBy']
}

export const encodeRecord = (record: CodeRecord): string => {
  const numbers = new Map<string, number>()
  const number = (name: string): number => {
    const known = numbers.get(name) ?? numbers.size
    numbers.set(name, known)
    return known
  }
  const encodeUse = ([name, { means, at }]: readonly [string, NameUse]): StoredUse =>
    at === undefined ? [number(name), number(means)] : [number(name), number(means), number(at)]
  const symbols = Object.entries(record.symbols).map(
    ([key, { file, name, line, column, hash, syntax, through, uses }]): StoredSymbol => [
      number(key),
      number(file),
      number(name),
      line,
      column,
      hash,
      syntax,
      through === null ? null : number(through),
      Object.entries(uses).map(encodeUse),
    ],
  )
  const order = record.order.map(number)
  const { entry, packages, opaque, accepted, loadedBy } = record
  const names = [...numbers.keys()]
  return JSON.stringify({ entry, names, symbols, packages, order, opaque, accepted, loadedBy } satisfies Stored)
}

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0

const isUse = (value: unknown): boolean =>
  Array.isArray(value) && (value.length === 2 || value.length === 3) && value.every(isCount)

/** Symbols come by the thousand: each is looked at as a whole. */
const isSymbol = (value: unknown): value is StoredSymbol => {
  if (!Array.isArray(value) || value.length !== 9) return false
  const [key, file, name, line, column, hash, syntax, through, uses] = value as readonly unknown[]
  return (
    [key, file, name, line, column].every(isCount) &&
    [hash, syntax].every((each) => typeof each === 'string') &&
    (through === null || isCount(through)) &&
    Array.isArray(uses) &&
    uses.every(isUse)
  )
}

const read = quickReaderOf(
  recordShape<Stored>({
    entry: textShape,
    names: listShape(textShape),
    symbols: listShape(valueShape(isSymbol, 'symbol')),
    packages: mapShape(textShape),
    order: listShape(countShape),
    opaque: listShape(
      recordShape<CodeRecord['opaque'][number]>({
        file: textShape,
        what: textShape,
        line: countShape,
        column: countShape,
      }),
    ),
    accepted: listShape(recordShape<AcceptedInForce>({ id: textShape, symbol: textShape })),
    loadedBy: mapShape(nullableShape(textShape)),
  }),
)

/** Throws a WrongShape where the text is no record. */
export const decodeRecord = (text: string): CodeRecord => {
  const { names, symbols, order, ...rest } = read(text)
  const nameOf = (number: number): string => {
    const name = names[number]
    if (name === undefined) throw new WrongShape(`names[${number}] is missing`)
    return name
  }
  return {
    ...rest,
    order: order.map(nameOf),
    symbols: Object.fromEntries(
      symbols.map(([key, file, name, line, column, hash, syntax, through, uses]): [string, CodeSymbol] => [
        nameOf(key),
        {
          file: nameOf(file),
          name: nameOf(name),
          line,
          column,
          hash,
          syntax,
          through: through === null ? null : nameOf(through),
          uses: Object.fromEntries(
            uses.map(([used, means, at]) => [
              nameOf(used),
              { means: nameOf(means), ...(at === undefined ? {} : { at: nameOf(at) }) },
            ]),
          ),
        },
      ]),
    ),
  }
}
