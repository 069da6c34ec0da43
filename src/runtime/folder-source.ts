/**
 * A folder that a stage reads, with all files below it: its identity, and the sha256 of what it holds. A source's path
 * that ends with a separator is a folder's. Looking at a million files takes seconds, so it is done in parts.
 */
import { createHash } from 'node:crypto'
import * as fs from 'node:fs'
import * as path from 'node:path'
import { readWholeFile, writeFileAtomic } from '../base/files.js'
import { foldersBelow } from '../base/folder-files.js'
import { hashFile, hashInParts, identityOf, isSettled } from './file-identity.js'
import type { InParts } from './in-parts.js'

export const isFolderSource = (source: string): boolean => source.endsWith(path.sep)

interface FileInFolder {
  /** Path from the folder, parts joined by `/`. */
  readonly name: string
  readonly stat: fs.BigIntStats
}

function* filesOf(root: string): Generator<readonly FileInFolder[]> {
  for (const { folder, files } of foldersBelow(root)) {
    yield files.map((file) => {
      const name = folder === '' ? file : `${folder}/${file}`
      return { name, stat: fs.statSync(`${root}${name}`, { bigint: true }) }
    })
  }
}

const identityIn = ({ dev, ino, size, mtimeNs, ctimeNs }: fs.BigIntStats): string =>
  `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`

/**
 * Of all files below the folder, in the form of one file's: device, a hash of names and identities, bytes in all, the
 * latest times. Undefined where there is no folder.
 */
function* folderIdentity(root: string): InParts<string | undefined> {
  const own = fs.statSync(root, { bigint: true, throwIfNoEntry: false })
  if (own === undefined) return undefined
  const hash = createHash('sha256')
  let [bytes, mtimeNs, ctimeNs] = [0n, 0n, 0n]
  for (const files of filesOf(root)) {
    let text = ''
    for (const { name, stat } of files) {
      text += `${name}\0${stat.ino}:${stat.size}:${stat.mtimeNs}:${stat.ctimeNs}\n`
      bytes += stat.size
      if (stat.mtimeNs > mtimeNs) mtimeNs = stat.mtimeNs
      if (stat.ctimeNs > ctimeNs) ctimeNs = stat.ctimeNs
    }
    hash.update(text)
    yield
  }
  return `${own.dev}:${hash.digest('hex')}:${bytes}:${mtimeNs}:${ctimeNs}`
}

/** Of a file or of a folder; undefined where there is none. */
export function* sourceIdentity(source: string): InParts<string | undefined> {
  return isFolderSource(source) ? yield* folderIdentity(source) : identityOf(source)
}

/** Of more files than this no change is waited for: looking at them takes seconds. */
const mostWatchedFiles = 100_000

/** The folder and all folders below it; none where they hold too many files to be watched, or cannot be listed. */
export const watchableFolders = (root: string): readonly string[] => {
  const folders: string[] = []
  let count = 0
  try {
    for (const { folder, files } of foldersBelow(root)) {
      folders.push(path.join(root, folder))
      count += files.length
      if (count > mostWatchedFiles) return []
    }
  } catch {
    return []
  }
  return folders
}

/** `name\0identity\0sha256\n` of each file. */
type KnownFiles = ReadonlyMap<string, { readonly identity: string; readonly sha256: string }>

const SHA256_LENGTH = 64

const readKnown = (index: string | undefined): KnownFiles => {
  const known = new Map<string, { identity: string; sha256: string }>()
  if (index === undefined || !fs.existsSync(index)) return known
  try {
    const bytes = readWholeFile(index)
    for (let at = 0; at < bytes.length;) {
      const name = bytes.indexOf(0, at)
      const identity = bytes.indexOf(0, name + 1)
      if (name === -1 || identity === -1 || bytes[identity + 1 + SHA256_LENGTH] !== 0x0a) return new Map()
      known.set(bytes.toString('utf8', at, name), {
        identity: bytes.toString('latin1', name + 1, identity),
        sha256: bytes.toString('latin1', identity + 1, identity + 1 + SHA256_LENGTH),
      })
      at = identity + 2 + SHA256_LENGTH
    }
    return known
  } catch {
    // An index only saves work.
    return new Map()
  }
}

/** Files of so many bytes are read at once. */
const smallBytes = 2n ** 20n

/**
 * sha256 over names and contents of all files below the folder. Files that `index` knows, a file that is written anew,
 * are not read again as long as their identity is what it was.
 */
function* hashFolder(root: string, index: string | undefined): InParts<string> {
  const known = readKnown(index)
  const whole = createHash('sha256')
  const lines: Buffer[] = []
  for (const files of filesOf(root)) {
    let text = ''
    for (const { name, stat } of files) {
      const readAt = Date.now()
      const [identity, file] = [identityIn(stat), `${root}${name}`]
      const before = known.get(name)
      const isKnown = before?.identity === identity
      const sha256 = isKnown ? before.sha256 : stat.size <= smallBytes ? hashFile(file) : yield* hashInParts(file)
      whole.update(`${name}\0${sha256}\n`)
      if (isKnown || isSettled(identity, readAt)) text += `${name}\0${identity}\0${sha256}\n`
      if (!isKnown) yield
    }
    lines.push(Buffer.from(text))
    yield
  }
  try {
    if (index !== undefined && fs.existsSync(path.dirname(path.dirname(index)))) {
      writeFileAtomic(index, lines)
    }
  } catch {
    // Of a store that cannot be written all is read again next time.
  }
  return whole.digest('hex')
}

/** sha256 of a file's bytes, or of what a folder holds; `index` as `hashFolder` has it. */
export function* hashSource(source: string, index?: string): InParts<string> {
  return isFolderSource(source) ? yield* hashFolder(source, index) : yield* hashInParts(source)
}
