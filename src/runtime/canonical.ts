/**
 * An injective encoding of plain data: two values have the same encoding exactly when they are equal, whatever the order
 * of their keys. Every value carries its type and its length, so that no two different values can be read as one.
 */
import { createHash } from 'node:crypto'

/** A value that has no place in a fingerprint: NaN, a function, a date, a cycle. */
export class NotPlainDataError extends Error {
  override readonly name = 'NotPlainDataError'
}

/** `above` holds the lists and objects that `value` lies in. */
const encode = (value: unknown, path: string, out: string[], above: Set<object>): void => {
  switch (typeof value) {
    case 'boolean':
      out.push(value ? 't' : 'f')
      return
    case 'number':
      if (!Number.isFinite(value)) throw new NotPlainDataError(`${path} is ${value}, which is not plain data`)
      // String(-0) is '0': the two zeros divide differently, so they must not share a key.
      out.push(`n${Object.is(value, -0) ? '-0' : String(value)};`)
      return
    case 'string':
      out.push(`s${value.length}:${value}`)
      return
    case 'object':
      break
    default:
      throw new NotPlainDataError(`${path} is a ${typeof value}, which is not plain data`)
  }
  if (value === null) {
    out.push('z')
    return
  }
  if (above.has(value)) throw new NotPlainDataError(`${path} contains itself, which is not plain data`)
  above.add(value)
  if (Array.isArray(value)) {
    out.push(`a${value.length}:`)
    // By index: forEach would pass over holes, and two different lists could read as one.
    for (let index = 0; index < value.length; index++) encode(value[index], `${path}[${index}]`, out, above)
  } else {
    const prototype: unknown = Object.getPrototypeOf(value)
    if (prototype !== Object.prototype && prototype !== null) {
      throw new NotPlainDataError(`${path} is a ${value.constructor.name}, which is not plain data`)
    }
    const record = value as Record<string, unknown>
    // A key without a value is the same definition as no key at all.
    const keys = Object.keys(record)
      .filter((key) => record[key] !== undefined)
      .sort()
    out.push(`o${keys.length}:`)
    for (const key of keys) {
      out.push(`${key.length}:${key}`)
      encode(record[key], `${path}.${key}`, out, above)
    }
  }
  above.delete(value)
}

/** The encoding itself; `what` names the value in errors. Throws NotPlainDataError. */
export const canonical = (value: unknown, what = 'value'): string => {
  const out: string[] = []
  encode(value, what, out, new Set())
  return out.join('')
}

/**
 * sha256 of the canonical encoding, hexadecimal. UTF-16 rather than UTF-8 goes into the hash: lone surrogates all become
 * the same replacement character in UTF-8.
 */
export const hashOf = (value: unknown, what?: string): string =>
  createHash('sha256')
    .update(Buffer.from(canonical(value, what), 'utf16le'))
    .digest('hex')
