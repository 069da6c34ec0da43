/**
 * Files in a checkpoint's folder that do not have their name yet: they are being written, or whoever wrote them was
 * killed.
 */
import * as fs from 'node:fs'
import * as path from 'node:path'

/** A file that has been written to so recently is being written. */
const writingMs = 2_000
export const lookAgainMs = writingMs / 2

const unfinished = (folder: string): readonly string[] => {
  try {
    return fs
      .readdirSync(folder)
      .filter((name) => name.endsWith('.tmp'))
      .map((name) => path.join(folder, name))
  } catch {
    return []
  }
}

/** Bytes of the files that are being written; undefined where none is. */
export const beingWritten = (folder: string): number | undefined => {
  const sizes = unfinished(folder).flatMap((file) => {
    const stat = fs.statSync(file, { throwIfNoEntry: false })
    return stat !== undefined && Date.now() - stat.mtimeMs < writingMs ? [stat.size] : []
  })
  return sizes.length === 0 ? undefined : sizes.reduce((sum, size) => sum + size, 0)
}

/** Takes away what killed workers have left half written: a checkpoint is there once it has its name. */
export const sweepUnfinished = (folder: string): void => {
  for (const file of unfinished(folder)) fs.rmSync(file, { force: true })
}
