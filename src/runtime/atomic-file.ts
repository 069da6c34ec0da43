/** Files that are either whole or not there: written beside their place, flushed, then renamed into it. */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { randomBytes } from 'node:crypto'

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
    fs.renameSync(temporary, file)
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
