/**
 * `store.json`: the format of a store's files, and the key schemes of its artifacts. It is read before anything else,
 * so that a store of a later genepool is refused instead of misread, and it is known before a run that older artifacts
 * will not do.
 */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { writeFileAtomic } from '../../base/files.js'
import { keyScheme } from '../fingerprint.js'
import { readManifest } from './manifest.js'
import { quarantine } from './quarantine.js'

/** Raised when a store that was written by this genepool cannot be read by older ones. */
export const storeFormat = 1

interface StoreFormat {
  readonly format: number
  /** Of the artifacts that have been written to it, ascending. */
  readonly keySchemes: readonly number[]
}

const fileOf = (root: string): string => path.join(root, 'store.json')

const parse = (text: string): StoreFormat | undefined => {
  try {
    const { format, keySchemes } = JSON.parse(text) as Partial<StoreFormat>
    const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isSafeInteger(value)
    if (!isNumber(format) || !Array.isArray(keySchemes) || !keySchemes.every(isNumber)) return undefined
    return { format, keySchemes }
  } catch {
    return undefined
  }
}

/** Of a store from before there was a `store.json`, or whose own is damaged: what the first manifest says. */
const schemesFound = (root: string): readonly number[] => {
  try {
    const actions = path.join(root, 'actions')
    for (const folder of fs.readdirSync(actions)) {
      for (const name of fs.readdirSync(path.join(actions, folder))) {
        const scheme = readManifest(path.join(actions, folder, name))?.identity.scheme
        if (scheme !== undefined) return [scheme]
      }
    }
  } catch {
    // Nothing can be found here.
  }
  return []
}

/** Undefined where the store does not say, because it is new, from before, or damaged. */
const readFormat = (root: string): StoreFormat | undefined => {
  try {
    return parse(fs.readFileSync(fileOf(root), 'utf8'))
  } catch {
    return undefined
  }
}

export const formatOf = (root: string): StoreFormat =>
  readFormat(root) ?? { format: storeFormat, keySchemes: schemesFound(root) }

/** Says in the store's own file which key schemes its artifacts have. A store that cannot be written still serves. */
export const writeFormat = (root: string, keySchemes: readonly number[]): void => {
  const format: StoreFormat = { format: storeFormat, keySchemes: [...new Set(keySchemes)].sort((a, b) => a - b) }
  const file = fileOf(root)
  try {
    if (fs.existsSync(file) && readFormat(root) === undefined) quarantine(root, file)
    writeFileAtomic(file, `${JSON.stringify(format)}\n`)
  } catch {
    // It is written by the next run that can.
  }
}

/** Notes the scheme that this genepool writes, where the store does not know of it. */
export const noteScheme = (root: string): void => {
  const known = readFormat(root)
  if (known?.keySchemes.includes(keyScheme)) return
  writeFormat(root, [...(known?.keySchemes ?? schemesFound(root)), keyScheme])
}
