/** Where code records and accepted edits lie in a store. */
import * as path from 'node:path'
import { readTextIfThere } from '../../base/files.js'
import { digestOf, type CodeRecord } from './code-record.js'
import { decodeRecord } from './record-text.js'

export const recordPath = (root: string, digest: string): string =>
  path.join(root, 'code', digest.slice(0, 2), `${digest}.json`)

export const acceptedPath = (root: string): string => path.join(root, 'code', 'accepted.json')

/** The record of this digest; undefined where there is none, or where it is not what the digest says. */
export const readCodeRecord = (root: string, digest: string): CodeRecord | undefined => {
  try {
    const text = readTextIfThere(recordPath(root, digest))
    if (text === undefined) return undefined
    const record = decodeRecord(text)
    return digestOf(record) === digest ? record : undefined
  } catch {
    // Damaged: it only explains.
    return undefined
  }
}
