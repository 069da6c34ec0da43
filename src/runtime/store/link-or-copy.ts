/** Another name for the bytes of a file. */
import * as fs from 'node:fs'

/** Leaves what is there already. A file system without hard links, or with too many to one file, gets a copy. */
export const linkOrCopy = (from: string, to: string): void => {
  try {
    fs.linkSync(from, to)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'EEXIST') return
    if (code === 'ENOENT' || code === 'ENOSPC' || code === 'EIO') throw cause
    fs.copyFileSync(from, to)
  }
}
