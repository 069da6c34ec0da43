/** A build is made in a folder of its own and gets its name when it is whole; two at a time do not meet. */
import * as fs from 'node:fs/promises'
import { join } from 'node:path'

export interface BuildFolder {
  /** For what is needed on the way. */
  readonly work: string
  /** What is published. */
  readonly result: string
  /** Gives the result its name, in place of an older one; its folder then. */
  readonly publish: (name: string) => Promise<string>
  /** Removes what was not published. */
  readonly discard: () => Promise<void>
}

const maxAttempts = 5

const codeOf = (error: unknown): string => String((error as NodeJS.ErrnoException).code)

const ignore =
  (code: string) =>
  (error: unknown): void => {
    if (codeOf(error) !== code) throw error
  }

const prefix = '.building-'

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return codeOf(error) === 'EPERM'
  }
}

const remove = (folder: string): Promise<void> => fs.rm(folder, { recursive: true, force: true, maxRetries: 3 })

/** Removes what builds have left that were killed. */
const removeAbandoned = async (all: string): Promise<void> => {
  for (const name of await fs.readdir(all)) {
    const pid = name.startsWith(prefix) ? Number(name.slice(prefix.length).split('-')[0]) : Number.NaN
    if (Number.isInteger(pid) && !isAlive(pid)) await remove(join(all, name))
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
        // Moved away first: a folder cannot take the place of one that is not empty. A process that has the old one
        // loaded keeps it.
        await fs.rename(target, join(folder, `old-${attempt}`)).catch(ignore('ENOENT'))
        try {
          await fs.rename(result, target)
          return target
        } catch (error) {
          // Another build was published in between.
          if (attempt === maxAttempts || !['ENOTEMPTY', 'EEXIST'].includes(codeOf(error))) throw error
        }
      }
    },
    discard: () => remove(folder),
  }
}
