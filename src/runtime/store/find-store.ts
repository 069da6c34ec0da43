/** Which folder is the store where nobody names one: a project's own, looked for from the working directory upwards. */
import * as fs from 'node:fs'
import * as path from 'node:path'
import * as Effect from 'effect/Effect'
import { UsageError } from '../errors.js'
import { Store } from './store.js'

const folderName = '.genepool'

/** The folder and all above it, the nearest first. */
const upwards = (folder: string): readonly string[] => {
  const above = path.dirname(folder)
  return above === folder ? [folder] : [folder, ...upwards(above)]
}

/** The repository around a folder; outside any, the package; outside both, the folder itself. */
const projectOf = (folder: string): string => {
  const folders = upwards(folder)
  const nearestWith = (name: string) => folders.find((each) => fs.existsSync(path.join(each, name)))
  return nearestWith('.git') ?? nearestWith('package.json') ?? folder
}

/**
 * Whether a folder, and a link that leads to it, is this user's: what a store holds is taken on trust, and above the
 * working directory others may have put one.
 */
const isOwnFolder = (folder: string): boolean => {
  try {
    const [link, stat] = [fs.lstatSync(folder), fs.statSync(folder)]
    const user = process.getuid?.() ?? stat.uid
    return stat.isDirectory() && stat.uid === user && link.uid === user
  } catch {
    return false
  }
}

/**
 * `.genepool` in the working directory; where there is none, the nearest above it, up to the root of its project
 * (repository or package), that belongs to this user. Relative to the working directory. It need not be there.
 */
export const defaultStore = (): string => {
  const here = process.cwd()
  if (fs.existsSync(path.join(here, folderName))) return folderName
  const levels = path.relative(projectOf(here), here).split(path.sep).filter(Boolean)
  const above = levels.map((_, index) => path.join('../'.repeat(index + 1), folderName))
  return above.find(isOwnFolder) ?? folderName
}

/** Whether the store was found above the working directory. */
export const isAbove = (store: string): boolean => store !== folderName && store === defaultStore()

/** Where it was looked for in vain: `there is no store /project/sub/.genepool, nor one of your own up to /project`. */
export const noStoreAt = (root: string): string => {
  const here = process.cwd()
  const project = projectOf(here)
  const isDefault = path.resolve(defaultStore()) === root && project !== here
  return `there is no store ${root}${isDefault ? `, nor one of your own above it up to ${project}` : ''}`
}

/** Fails with a UsageError about something that the store lacks; where there is no store at all, it says that too. */
export const notStored = Effect.fnUntraced(function* ({ message, hint }: Pick<UsageError, 'message' | 'hint'>) {
  const { root } = yield* Store
  return yield* new UsageError({
    message: fs.existsSync(root) ? message : `${message}; ${noStoreAt(root)}`,
    ...(hint === undefined ? {} : { hint }),
  })
})
