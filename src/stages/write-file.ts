import { renameSync, rmSync, writeFileSync } from 'node:fs'

/**
 * Writes a whole file or nothing: to a temporary name in the same folder, flushed, then renamed. A process that dies
 * half-way leaves the old file as it was.
 */
export const writeFileAtomic = (path: string, bytes: Uint8Array | string): void => {
  const temporary = `${path}.${process.pid}.tmp`
  try {
    writeFileSync(temporary, bytes, { flush: true })
    renameSync(temporary, path)
  } catch (cause) {
    rmSync(temporary, { force: true })
    throw cause
  }
}
