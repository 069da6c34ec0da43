/** A disk on which nothing more can be written, in words. */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { sizeText } from '../../dsl/amounts.js'

const full = /\bENOSPC\b|no space left on device|\bEDQUOT\b|quota exceeded/i

/** Whether the text, of whatever error, says that a disk or a quota is full. */
export const saysDiskFull = (text: string): boolean => full.test(text)

/** `the disk of /store is full (0 bytes free)`; what is free is left out where it is not told. */
export const diskFullText = (place: string): string => {
  for (let folder = path.resolve(place); ; folder = path.dirname(folder)) {
    try {
      const { bavail, bsize } = fs.statfsSync(folder)
      return `the disk of ${place} is full (${sizeText(bavail * bsize)} free)`
    } catch {
      // What is not there is on the disk of the folder above.
      if (path.dirname(folder) === folder) return `the disk of ${place} is full`
    }
  }
}

export const diskFullHint = 'make room there and run again; what the store holds is as it was'
