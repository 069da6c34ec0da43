/**
 * `artifacts/<fingerprint>/`: an artifact as a folder with its files' own names, linked to the blobs, for people and
 * other tools. Nothing is ever read back from it.
 */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { errorCode } from '../../base/errors.js'
import { isInnerName } from '../../base/files.js'
import { hashInParts } from '../file-identity.js'
import { copyInParts, type InParts } from '../in-parts.js'
import type { Blobs } from './blobs.js'
import type { Manifest, StoredFile } from './manifest.js'
import { ensureFolder, quarantine } from './quarantine.js'

/** Another name for a file's bytes; leaves what is there already. Whether the file system gives names. */
const link = (from: string, to: string): boolean => {
  try {
    fs.linkSync(from, to)
  } catch (cause) {
    const code = errorCode(cause)
    if (code === 'ENOENT' || code === 'ENOSPC' || code === 'EIO') throw cause
    return code === 'EEXIST'
  }
  return true
}

/** The same; a file system without hard links, or with too many to one file, gets a copy. */
export function* linkOrCopy(from: string, to: string): InParts<void> {
  if (!link(from, to)) yield* copyInParts(from, to)
}

/** Whether what is shown is the blob, or a copy of it that nobody has changed. */
function* shows(shown: string, blob: string, file: StoredFile): InParts<boolean> {
  const [there, stored] = [shown, blob].map((each) => fs.lstatSync(each, { throwIfNoEntry: false }))
  if (there === undefined || stored === undefined || !there.isFile()) return false
  if (there.ino === stored.ino && there.dev === stored.dev) return true
  return there.size === file.bytes && (yield* hashInParts(shown)) === file.sha256
}

export const folderOf = (root: string, fingerprint: string): string => path.join(root, 'artifacts', fingerprint)

/** Makes the folder, or what is missing or replaced of it; gives its path. */
export function* showAsFolder(root: string, blobs: Blobs, manifest: Manifest): InParts<string> {
  const { fingerprint, files } = manifest
  // There also where a stage has left no file but returned figures: the folder that people are told is there.
  ensureFolder(root, 'artifacts', fingerprint)
  for (const [name, file] of Object.entries(files)) {
    if (!isInnerName(name)) throw new Error(`'${name}' is no name of a file inside an artifact`)
    const shown = path.join(folderOf(root, fingerprint), name)
    const blob = blobs.path(file)
    if (yield* shows(shown, blob, file)) continue
    ensureFolder(root, 'artifacts', fingerprint, ...name.split('/').slice(0, -1))
    if (fs.lstatSync(shown, { throwIfNoEntry: false }) !== undefined) quarantine(root, shown)
    if (!blobs.renaming(file, () => link(blob, shown))) yield* copyInParts(blob, shown)
  }
  return folderOf(root, fingerprint)
}
