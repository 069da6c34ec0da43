/** Where this program keeps what is expensive to make and belongs to the user, not to a project. */
import { devNull, homedir } from 'node:os'
import { isAbsolute, join, resolve } from 'node:path'

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

/** What is kept in the cache is loaded as this user's code: nobody else may put something there. */
export const cacheFolderMode = 0o700
