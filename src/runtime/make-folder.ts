/** Folders with all that is missing above them. */
import * as fs from 'node:fs'
import * as path from 'node:path'

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
