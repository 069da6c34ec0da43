/** Where this program keeps what is expensive to make and belongs to the user, not to a project. */
import { randomBytes } from 'node:crypto'
import * as fs from 'node:fs'
import { readdirSync, rmSync, statSync } from 'node:fs'
import * as path from 'node:path'
import { join } from 'node:path'

/** Files that are either whole or not there: written beside their place, flushed, then renamed into it. */

/** A folder that stands in the file's place is moved aside: nothing can be renamed over it. */
const replace = (temporary: string, file: string): void => {
  try {
    fs.renameSync(temporary, file)
  } catch (cause) {
    if (!fs.lstatSync(file, { throwIfNoEntry: false })?.isDirectory()) throw cause
    fs.renameSync(file, `${temporary}.aside`)
    fs.renameSync(temporary, file)
  }
}

/** Replaces `file` by `contents` in one step that a crash cannot cut in half. Creates the folder where needed. */
export const writeFileAtomic = (file: string, contents: string | Uint8Array): void => {
  fs.mkdirSync(path.dirname(file), { recursive: true })
  const temporary = `${file}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`
  try {
    const descriptor = fs.openSync(temporary, 'wx')
    try {
      fs.writeFileSync(descriptor, contents)
      fs.fsyncSync(descriptor)
    } finally {
      fs.closeSync(descriptor)
    }
    replace(temporary, file)
  } catch (cause) {
    fs.rmSync(temporary, { force: true })
    throw cause
  }
}

/** The file's text, or undefined where there is none. */
export const readTextIfThere = (file: string): string | undefined => {
  try {
    return fs.readFileSync(file, 'utf8')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw cause
  }
}

/** Folders with all that is missing above them. */

/** One level at a time: Node's recursive form never returns where a folder cannot be made (below /proc). */
export const makeFolder = (folder: string, mode?: number): void => {
  if (fs.existsSync(folder)) return
  makeFolder(path.dirname(folder), mode)
  try {
    fs.mkdirSync(folder, mode === undefined ? {} : { mode })
  } catch (cause) {
    // Somebody else was as quick.
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause
  }
}

/** Leaves the latest `mostKept` files of a folder of the cache. */
export const removeOldest = (folder: string, mostKept: number): void => {
  const files = readdirSync(folder).map((name) => join(folder, name))
  if (files.length <= mostKept) return
  const byAge = files.map((file) => ({ file, at: statSync(file).mtimeMs })).sort((a, b) => a.at - b.at)
  for (const { file } of byAge.slice(0, files.length - mostKept)) rmSync(file, { recursive: true, force: true })
}
