/** Where this program keeps what is expensive to make and belongs to the user, not to a project. */
import { existsSync, mkdirSync } from 'node:fs'
import { devNull, homedir } from 'node:os'
import { dirname, isAbsolute, join, resolve } from 'node:path'

/** A user without a home has no place of their own: one in which nothing can be made. */
export const home = (): string => {
  try {
    return homedir()
  } catch {
    return devNull
  }
}

/**
 * The user's cache folder for this program, which need not be there yet: `$GENEPOOL_CACHE`, else the operating system's
 * place for caches. Deleting it costs only time.
 */
export const cacheFolder = (): string => {
  const { GENEPOOL_CACHE, XDG_CACHE_HOME, LOCALAPPDATA } = process.env
  if (GENEPOOL_CACHE !== undefined && GENEPOOL_CACHE !== '') return resolve(GENEPOOL_CACHE)
  // A relative path there is to be ignored (XDG Base Directory Specification).
  if (XDG_CACHE_HOME !== undefined && isAbsolute(XDG_CACHE_HOME)) return join(XDG_CACHE_HOME, 'genepool')
  if (process.platform === 'darwin') return join(home(), 'Library', 'Caches', 'genepool')
  if (process.platform === 'win32') return join(LOCALAPPDATA ?? join(home(), 'AppData', 'Local'), 'genepool')
  return join(home(), '.cache', 'genepool')
}

/** Makes a folder of the cache, for this user alone. One level at a time: Node's recursive form may never return (below /proc). */
export const makeCacheFolder = (folder: string): void => {
  if (existsSync(folder)) return
  makeCacheFolder(dirname(folder))
  try {
    mkdirSync(folder, { mode: 0o700 })
  } catch (cause) {
    // Somebody else was as quick.
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause
  }
}
