/** What a stage left in its outDir. Of a file the store keeps its name and its bytes, and nothing else. */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { StageError } from '../errors.js'

export interface Outputs {
  readonly isEmpty: boolean
  /** What is there and will not be kept, in words; undefined where all is. */
  readonly lost: string | undefined
}

const mostNamed = 3

const named = (names: readonly string[]): string =>
  names
    .slice(0, mostNamed)
    .map((name) => `'${name}'`)
    .join(', ') + (names.length > mostNamed ? ` and ${names.length - mostNamed} more` : '')

/** Not so on a file system where every file may be executed. */
const hasOwnPermissions = (folder: string): boolean => {
  const file = path.join(folder, 'plain')
  fs.writeFileSync(file, '', { mode: 0o600 })
  return (fs.lstatSync(file).mode & 0o111) === 0
}

/** Throws a StageError where something in the folder, or in its place, has no bytes of its own to keep. */
export const outputsIn = (outDir: string): Outputs => {
  if (!fs.lstatSync(outDir, { throwIfNoEntry: false })?.isDirectory()) {
    throw new StageError({
      message: `its outDir ${outDir} is no folder any more`,
      hint: 'write or copy files into outDir instead of putting something in its place',
    })
  }
  const empty: string[] = []
  const executable: string[] = []
  const filesBelow = (folder: string): number => {
    const entries = fs.readdirSync(path.join(outDir, folder), { withFileTypes: true })
    if (entries.length === 0 && folder !== '') empty.push(folder)
    let count = 0
    for (const entry of entries) {
      const name = path.posix.join(folder, entry.name)
      if (entry.isDirectory()) {
        count += filesBelow(name)
        continue
      }
      if (!entry.isFile()) {
        const isLink = entry.isSymbolicLink()
        throw new StageError({
          message: `'${name}' in its outDir is ${isLink ? 'a link' : 'no plain file'}, which cannot be stored`,
          hint: isLink
            ? 'copy what it leads to: cpSync(from, to, { recursive: true, dereference: true }) of node:fs'
            : 'remove it before run ends',
        })
      }
      if ((fs.lstatSync(path.join(outDir, name)).mode & 0o111) !== 0) executable.push(name)
      count++
    }
    return count
  }
  const isEmpty = filesBelow('') === 0
  const lost = [
    ...(empty.length > 0 ? [`empty folders (${named(empty)})`] : []),
    ...(executable.length > 0 && hasOwnPermissions(path.dirname(outDir))
      ? [`the permission to execute ${named(executable)}`]
      : []),
  ]
  return { isEmpty, lost: lost.length > 0 ? lost.join(' and ') : undefined }
}
