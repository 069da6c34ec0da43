/** Where code records and accepted edits lie in a store. */
import * as path from 'node:path'
import { readTextIfThere } from '../../base/files.js'
import { WrongShape } from '../shape.js'
import { digestOf, type CodeRecord } from './code-record.js'
import { decodeRecord } from './record-text.js'

export const recordPath = (root: string, digest: string): string =>
  path.join(root, 'code', digest.slice(0, 2), `${digest}.json`)

export const acceptedPath = (root: string): string => path.join(root, 'code', 'accepted.json')

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
