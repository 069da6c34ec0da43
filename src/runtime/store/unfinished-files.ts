/** Files in a checkpoint's folder that do not have their name yet: they are being written, or whoever wrote them was killed. */
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

export const isBeingWritten = (folder: string): boolean =>
  unfinished(folder).some((file) => {
    const stat = fs.statSync(file, { throwIfNoEntry: false })
    return stat !== undefined && Date.now() - stat.mtimeMs < writingMs
  })

/** Takes away what killed workers have left half written: a checkpoint is there once it has its name. */
export const sweepUnfinished = (folder: string): void => {
  for (const file of unfinished(folder)) fs.rmSync(file, { force: true })
}
