/**
 * An injective encoding of plain data: two values have the same encoding exactly when they are equal, whatever the
 * order of their keys. Every value carries its type and its length, so that no two different values can be read as one.
 */
import { hash } from 'node:crypto'
import { isObject } from '../base/objects.js'

/** A value that has no place in a fingerprint: NaN, a function, a date, a cycle. */
export class NotPlainDataError extends Error {
  override readonly name = 'NotPlainDataError'
}

/** The way from the value to a part of it: what leads there, and the lists and objects that it leads through. */
interface Way {
  readonly keys: (string | number)[]
  readonly through: object[]
}

const notPlain = ({ keys }: Way, what: string): NotPlainDataError => {
  const place = keys.map((key, at) => (typeof key === 'number' ? `[${key}]` : at === 0 ? key : `.${key}`)).join('')
  return new NotPlainDataError(`${place} ${what}, which is not plain data`)
}

const encode = (value: unknown, way: Way, out: string[]): void => {
  switch (typeof value) {
    case 'boolean':
      out.push(value ? 't' : 'f')
      return
    case 'number':
      if (!Number.isFinite(value)) throw notPlain(way, `is ${value}`)
      // String(-0) is '0': the two zeros divide differently, so they must not share a key.
      out.push(`n${Object.is(value, -0) ? '-0' : String(value)};`)
      return
    case 'string':
      out.push(`s${value.length}:${value}`)
      return
    case 'object':
      break
    default:
      throw notPlain(way, `is a ${typeof value}`)
  }
  if (value === null) {
    out.push('z')
    return
  }
  // Nothing is nested so deep that a set would be faster.
  if (way.through.includes(value)) throw notPlain(way, 'contains itself')
  way.through.push(value)
  if (Array.isArray(value)) {
    out.push(`a${value.length}:`)
    // By index: forEach would pass over holes, and two different lists could read as one.
    for (let index = 0; index < value.length; index++) {
      way.keys.push(index)
      encode(value[index], way, out)
      way.keys.pop()
    }
  } else {
    const prototype: unknown = Object.getPrototypeOf(value)
    if (prototype !== Object.prototype && prototype !== null) throw notPlain(way, `is a ${value.constructor.name}`)
    const record = value as Record<string, unknown>
    // A key without a value is the same definition as no key at all.
    const keys = Object.keys(record)
      .filter((key) => record[key] !== undefined)
      .sort()
    out.push(`o${keys.length}:`)
    for (const key of keys) {
      out.push(`${key.length}:${key}`)
      way.keys.push(key)
      encode(record[key], way, out)
      way.keys.pop()
    }
  }
  way.through.pop()
}

/** Plain data as its encoding has it: keys in order, those without a value left out. Whoever reads it sees no more. */
export const asEncoded = <A>(value: A): A => {
  if (Array.isArray(value)) return value.map((each: unknown) => asEncoded(each)) as A
  if (!isObject(value)) return value
  const keys = Object.keys(value).filter((key) => value[key] !== undefined)
  return Object.fromEntries(keys.sort().map((key) => [key, asEncoded(value[key])])) as A
}

/** The encoding itself; `what` names the value in errors. Throws NotPlainDataError. */
export const canonical = (value: unknown, what = 'value'): string => {
  const out: string[] = []
  encode(value, { keys: [what], through: [] }, out)
  return out.join('')
}

/**
 * sha256 of the canonical encoding, hexadecimal. UTF-16 rather than UTF-8 goes into the hash: lone surrogates all
 * become the same replacement character in UTF-8.
 */
export const hashOf = (value: unknown, what?: string): string =>
  hash('sha256', Buffer.from(canonical(value, what), 'utf16le'))
