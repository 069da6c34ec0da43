/**
 * `artifacts/<fingerprint>/`: an artifact as a folder with its files' own names, linked to the blobs, for people and
 * other tools. Nothing is ever read back from it.
 */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { errorCode } from '../../base/errors.js'
import { isInnerName } from '../../base/files.js'
import { hashFile } from '../file-identity.js'
import type { Blobs } from './blobs.js'
import type { Manifest, StoredFile } from './manifest.js'
import { ensureFolder, quarantine } from './quarantine.js'

/**
 * Another name for a file's bytes; leaves what is there already. A file system without hard links, or with too many to
 * one file, gets a copy.
 */
export const linkOrCopy = (from: string, to: string): void => {
  try {
    fs.linkSync(from, to)
  } catch (cause) {
    const code = errorCode(cause)
    if (code === 'EEXIST') return
    if (code === 'ENOENT' || code === 'ENOSPC' || code === 'EIO') throw cause
    fs.copyFileSync(from, to)
  }
}

/** Whether what is shown is the blob, or a copy of it that nobody has changed. */
const shows = (shown: string, blob: string, file: StoredFile): boolean => {
  const [there, stored] = [shown, blob].map((each) => fs.lstatSync(each, { throwIfNoEntry: false }))
  if (there === undefined || stored === undefined || !there.isFile()) return false
  if (there.ino === stored.ino && there.dev === stored.dev) return true
  return there.size === file.bytes && hashFile(shown) === file.sha256
}

export const folderOf = (root: string, fingerprint: string): string => path.join(root, 'artifacts', fingerprint)

/** Makes the folder, or what is missing or replaced of it; gives its path. */
export const showAsFolder = (root: string, blobs: Blobs, manifest: Manifest): string => {
  const { fingerprint, files } = manifest
  // There also where a stage has left no file but returned figures: the folder that people are told is there.
  ensureFolder(root, 'artifacts', fingerprint)
  for (const [name, file] of Object.entries(files)) {
    if (!isInnerName(name)) throw new Error(`'${name}' is no name of a file inside an artifact`)
    const shown = path.join(folderOf(root, fingerprint), name)
    const blob = blobs.path(file)
    if (shows(shown, blob, file)) continue
    ensureFolder(root, 'artifacts', fingerprint, ...name.split('/').slice(0, -1))
    if (fs.lstatSync(shown, { throwIfNoEntry: false }) !== undefined) quarantine(root, shown)
    blobs.renaming(file, () => linkOrCopy(blob, shown))
  }
  return folderOf(root, fingerprint)
}
