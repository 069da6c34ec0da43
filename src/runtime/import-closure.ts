/**
 * Which files a definition is made of: what it imports, all the way, with the places where an import that leads nowhere
 * would find its file, and the manifests of the packages that it names.
 */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { createRequire } from 'node:module'
import { FileIndex, identityOf } from './file-identity.js'

const isFile = (file: string): boolean => identityOf(file) !== undefined && fs.statSync(file).isFile()

/** TypeScript's names for what an import calls by its compiled name. */
const sourceNames: Readonly<Record<string, readonly string[]>> = {
  '.js': ['.ts', '.tsx'],
  '.jsx': ['.tsx'],
  '.mjs': ['.mts'],
  '.cjs': ['.cts'],
}
const endings = ['.ts', '.tsx', '.mts', '.js', '.mjs', '.cjs', '.json']

/** Where the file that a relative import names may be. */
const candidates = (from: string, specifier: string): readonly string[] => {
  const plain = path.resolve(path.dirname(from), specifier)
  const ending = path.extname(plain)
  const compiled = (sourceNames[ending] ?? []).map((source) => `${plain.slice(0, -ending.length)}${source}`)
  const inFolder = endings.map((each) => path.join(plain, `index${each}`))
  return [plain, ...compiled, ...endings.map((each) => `${plain}${each}`), ...inFolder]
}

const packageName = (specifier: string): string =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')

/** Every folder from `directory` up. */
const upwards = (directory: string): readonly string[] => {
  const parent = path.dirname(directory)
  return parent === directory ? [directory] : [directory, ...upwards(parent)]
}

/** The manifest of a package as `file` would find it; where it is not installed, the first place to look. */
export const manifestOf = (name: string, file: string): string => {
  const places = upwards(path.dirname(file)).map((folder) => path.join(folder, 'node_modules', name, 'package.json'))
  return places.find(isFile) ?? places[0]!
}

const lockFiles = ['package-lock.json', 'npm-shrinkwrap.json', 'pnpm-lock.yaml', 'yarn.lock', 'bun.lock']

/** The nearest package.json above a file and the lock file that goes with it: what says which versions are meant. */
export const packageFilesOf = (file: string): readonly string[] => {
  const folders = upwards(path.dirname(file))
  const manifest = folders.map((folder) => path.join(folder, 'package.json')).find(isFile)
  const locks = folders.flatMap((folder) => lockFiles.map((name) => path.join(folder, name)))
  const lock = locks.find(isFile)
  return [manifest, lock].filter((each) => each !== undefined)
}

/** The file of a package that is linked here from where it is being written; an installed one counts by its version. */
const linkedFile = (from: string, specifier: string): string | undefined => {
  try {
    const file = fs.realpathSync(createRequire(from).resolve(specifier))
    return file.split(path.sep).includes('node_modules') ? undefined : file
  } catch {
    return undefined
  }
}

const isParsed = (file: string): boolean => /\.[cm]?[jt]sx?$/.test(file)

/** Absolute paths; of those that are not there, some file is expected. `indexPath` is where it is remembered who imports what. */
export const importClosure = async (entry: string, indexPath: string): Promise<readonly string[]> => {
  const index = new FileIndex<readonly string[]>(indexPath, 'imports-1')
  const importsIn = async (file: string): Promise<readonly string[]> => {
    const identity = identityOf(file)
    if (identity === undefined || !isParsed(file)) return []
    const known = index.peek(file)
    if (known !== undefined) return known
    const { importsOf } = await import('./imports-of.js')
    const imports = importsOf(file, fs.readFileSync(file, 'utf8'))
    index.remember(file, identity, imports)
    return imports
  }
  const reached = new Set([entry])
  // A set is walked in the order of its growth.
  for (const file of reached) {
    for (const specifier of await importsIn(file)) {
      if (/^[a-z]+:/.test(specifier)) continue
      const isRelative = specifier.startsWith('.') || path.isAbsolute(specifier)
      const places = isRelative ? candidates(file, specifier) : []
      const target = isRelative ? places.find(isFile) : linkedFile(file, specifier)
      if (target !== undefined) reached.add(target)
      else if (isRelative) for (const place of places) reached.add(place)
      else reached.add(manifestOf(packageName(specifier), file))
    }
  }
  for (const file of packageFilesOf(entry)) reached.add(file)
  index.save()
  return [...reached]
}
