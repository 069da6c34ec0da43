/** Where code records and accepted edits lie in a store. */
import * as path from 'node:path'
import { readTextIfThere } from '../../base/files.js'
import {
  countShape,
  listShape,
  mapShape,
  nullableShape,
  optionalShape,
  quickReaderOf,
  recordShape,
  textShape,
  WrongShape,
} from '../shape.js'
import { type AcceptedInForce, type CodeRecord, type CodeSymbol, digestOf, type NameUse } from './code-record.js'

export const recordPath = (root: string, digest: string): string =>
  path.join(root, 'code', digest.slice(0, 2), `${digest}.json`)

export const acceptedPath = (root: string): string => path.join(root, 'code', 'accepted.json')

/** Reads the text of a record; throws a WrongShape where it is none. */
export const decodeRecord = quickReaderOf(
  recordShape<CodeRecord>({
    entry: textShape,
    symbols: mapShape(
      recordShape<CodeSymbol>({
        file: textShape,
        name: textShape,
        line: countShape,
        column: countShape,
        hash: textShape,
        syntax: textShape,
        through: nullableShape(textShape),
        uses: mapShape(recordShape<NameUse>({ means: textShape, at: optionalShape(textShape) })),
      }),
    ),
    packages: mapShape(textShape),
    order: listShape(textShape),
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

/** Throws a WrongShape where the text is not the record of this digest. */
export const parseCodeRecord = (digest: string, text: string): CodeRecord => {
  const record = decodeRecord(text)
  if (digestOf(record) !== digest) throw new WrongShape('its hash is not that of what it says')
  return record
}

/** The record of this digest; undefined where there is none, or where it is not what the digest says. */
export const readCodeRecord = (root: string, digest: string): CodeRecord | undefined => {
  try {
    const text = readTextIfThere(recordPath(root, digest))
    return text === undefined ? undefined : parseCodeRecord(digest, text)
  } catch {
    // Damaged: it only explains.
    return undefined
  }
}
