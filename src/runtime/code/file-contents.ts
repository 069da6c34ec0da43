/** The hash of a file that is no code. JSON counts by what it says, everything else by its bytes. */
import * as fs from 'node:fs'
import { hashOf } from '../canonical.js'
import { hashFile } from '../file-identity.js'

export const hashContents = (file: string): string => {
  if (file.endsWith('.json')) {
    try {
      // The order of keys can be seen, so it counts.
      return hashOf(JSON.stringify(JSON.parse(fs.readFileSync(file, 'utf8'))))
    } catch {
      // Not JSON after all.
    }
  }
  return fs.statSync(file, { throwIfNoEntry: false })?.isFile() === true ? hashFile(file) : hashOf('missing')
}
