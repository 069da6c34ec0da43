/** A build is made in a folder of its own and gets its name when it is whole, so that two may run at a time. */
import * as fs from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode } from '../../../base/errors.js'
import { isRunning } from '../../../base/process.js'

interface BuildFolder {
  /** For what is needed on the way. */
  readonly work: string
  /** What is published. */
  readonly result: string
  /** Gives the result its name, in place of an older one, and returns the folder that it is in then. */
  readonly publish: (name: string) => Promise<string>
  /** Removes what was not published. */
  readonly discard: () => Promise<void>
}

const maxAttempts = 5

const prefix = '.building-'

const remove = (folder: string): Promise<void> => fs.rm(folder, { recursive: true, force: true, maxRetries: 3 })

/** Removes what killed builds have left behind. */
const removeAbandoned = async (all: string): Promise<void> => {
  for (const name of await fs.readdir(all)) {
    const pid = name.startsWith(prefix) ? Number(name.slice(prefix.length).split('-')[0]) : Number.NaN
    if (Number.isInteger(pid) && !isRunning(pid)) await remove(join(all, name))
  }
}

export const openBuildFolder = async (all: string): Promise<BuildFolder> => {
  await fs.mkdir(all, { recursive: true })
  await removeAbandoned(all)
  const folder = await fs.mkdtemp(join(all, `${prefix}${process.pid}-`))
  const [work, result] = [join(folder, 'work'), join(folder, 'result')]
  await fs.mkdir(work)
  await fs.mkdir(result)
  return {
    work,
    result,
    publish: async (name) => {
      const target = join(all, name)
      for (let attempt = 1; ; attempt++) {
        // The older one is moved away first: a folder cannot take the place of one that is not empty. A process that
        // has loaded it keeps it.
        await fs.rename(target, join(folder, `old-${attempt}`)).catch((error: unknown) => {
          if (errorCode(error) !== 'ENOENT') throw error
        })
        try {
          await fs.rename(result, target)
          return target
        } catch (error) {
          // Another build was published in between.
          if (attempt === maxAttempts || !['ENOTEMPTY', 'EEXIST'].includes(errorCode(error) ?? '')) throw error
        }
      }
    },
    discard: () => remove(folder),
  }
}
