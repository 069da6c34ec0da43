/** The files of a folder and of all folders below it. */
import * as fs from 'node:fs'
import * as path from 'node:path'

/** An error of the system's: what is wrong is the folder, not the program. */
const refuse = (file: string, what: string): never => {
  throw Object.assign(new Error(`${file} is ${what}`), { code: 'ENOTSUP' })
}

/** By code units, as Python sorts names of ASCII. */
const byName = (a: fs.Dirent, b: fs.Dirent): number => (a.name < b.name ? -1 : 1)

/**
 * One folder at a time, those with the lesser names first: its path from the root, parts joined by `/`, and the names
 * of its files, sorted. Names that begin with a dot are passed over. Throws for links, which may lead out of the folder
 * or in a circle, and for what is neither file nor folder.
 */
export function* foldersBelow(
  root: string,
  below = '',
): Generator<{ readonly folder: string; readonly files: readonly string[] }> {
  const entries = fs.readdirSync(path.join(root, below), { withFileTypes: true }).sort(byName)
  const files: string[] = []
  const folders: string[] = []
  for (const entry of entries) {
    if (entry.name.startsWith('.')) continue
    if (entry.isFile()) files.push(entry.name)
    else if (entry.isDirectory()) folders.push(entry.name)
    else if (entry.isSymbolicLink()) refuse(path.join(root, below, entry.name), 'a link: write where it leads instead')
    else refuse(path.join(root, below, entry.name), 'neither a file nor a folder')
  }
  yield { folder: below, files }
  for (const name of folders) yield* foldersBelow(root, below === '' ? name : `${below}/${name}`)
}
