/** Where damaged entries of a store go: out of the way of every lookup, and still there for whoever wants to know. */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { randomBytes } from 'node:crypto'
import { errorCode } from '../../base/errors.js'

/**
 * Moves a file or a folder of the store to its `quarantine/`; one that somebody else has taken away meanwhile is fine.
 * What cannot be moved (another thing is in the folder's place) is removed: it is worth nothing where it is.
 */
export const quarantine = (root: string, entry: string): void => {
  const folder = path.join(root, 'quarantine')
  try {
    fs.mkdirSync(folder, { recursive: true })
    const moved = path.join(folder, `${path.basename(entry)}.${randomBytes(4).toString('hex')}`)
    fs.renameSync(entry, moved)
    // Renaming keeps the times, and what lies here is thrown away by the time that it has been here.
    fs.utimesSync(moved, new Date(), new Date())
  } catch (cause) {
    if (errorCode(cause) === 'ENOENT') return
    fs.rmSync(entry, { recursive: true, force: true })
  }
}

/** Makes a folder of the store; a file that has its name, or that of a folder above it inside the store, is damage. */
export const ensureFolder = (root: string, ...names: readonly string[]): string => {
  const folder = path.join(root, ...names)
  try {
    fs.mkdirSync(folder, { recursive: true })
  } catch (cause) {
    const code = errorCode(cause)
    if (code !== 'EEXIST' && code !== 'ENOTDIR') throw cause
    // What stands in the place of a whole part of the store was put there by somebody: it is left alone, and told.
    const inTheWay = names
      .map((_, index) => path.join(root, ...names.slice(0, index + 1)))
      .find((each, index) => index > 0 && fs.lstatSync(each, { throwIfNoEntry: false })?.isDirectory() === false)
    if (inTheWay === undefined) throw cause
    quarantine(root, inTheWay)
    fs.mkdirSync(folder, { recursive: true })
  }
  return folder
}
