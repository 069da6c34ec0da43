/** What an import means: a file to follow, an installed package, a module of Node's, or nothing that is there. */
import * as fs from 'node:fs'
import { isBuiltin } from 'node:module'
import * as path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { FilesSeen } from './files-seen.js'
import type { InstalledPackage, Packages } from './packages.js'

export type Resolved =
  | { readonly type: 'file'; readonly file: string }
  | { readonly type: 'package'; readonly package: InstalledPackage }
  | { readonly type: 'builtin' }
  | { readonly type: 'missing' }

/** Conditions that workers resolve under besides Node's own: they inherit the environment. */
export const ownConditions: readonly string[] = [
  ...(process.env['NODE_OPTIONS'] ?? '').matchAll(/(?:--conditions|-C)[= ]([^\s"']+)/g),
].map(([, condition]) => condition!)

/** How a module is asked for. */
export type ImportKind = 'import' | 'require'

/** As Node does, in the order in which a package names them. */
const conditionsOf = (kind: ImportKind): ReadonlySet<string> =>
  new Set(['node', kind, 'module-sync', 'node-addons', 'default', ...ownConditions])
const conditions = { import: conditionsOf('import'), require: conditionsOf('require') }

export const packageName = (specifier: string): string =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')

const isFile = (file: string): boolean => fs.statSync(file, { throwIfNoEntry: false })?.isFile() ?? false

const isFolder = (file: string): boolean => fs.statSync(file, { throwIfNoEntry: false })?.isDirectory() ?? false

const isTypeScript = (file: string): boolean => /\.[cm]?tsx?$/.test(file)

/** Names under which the file of an import may lie, the first that is there counts. */
const candidates = (from: string, plain: string): readonly string[] => {
  const source = /\.([cm]?)jsx?$/.exec(plain)
  const sources =
    source === null
      ? []
      : [plain.replace(/\.([cm]?)jsx?$/, '.$1ts'), ...(source[1] === '' ? [plain.replace(/\.jsx?$/, '.tsx')] : [])]
  const bare = ['.ts', '.tsx', '.mts', '.cts', '.js', '.mjs', '.cjs', '.json'].map((ending) => plain + ending)
  const index = ['.ts', '.tsx', '.js', '.cjs', '.json'].map((ending) => path.join(plain, `index${ending}`))
  // A loader of TypeScript takes the source where there is one.
  return isTypeScript(from) ? [...sources, plain, ...bare, ...index] : [plain, ...sources, ...bare, ...index]
}

/** The target of `exports` or `imports` under the conditions of an import. */
const underConditions = (target: unknown, kind: ImportKind): string | undefined => {
  if (typeof target === 'string') return target
  if (Array.isArray(target)) {
    return target.map((each) => underConditions(each, kind)).find((each) => each !== undefined)
  }
  if (typeof target !== 'object' || target === null) return undefined
  for (const [condition, below] of Object.entries(target)) {
    if (!conditions[kind].has(condition)) continue
    const found = underConditions(below, kind)
    if (found !== undefined) return found
  }
  return undefined
}

/** Looks a key up in a map of `exports` or `imports`, in which a `*` stands for any part of it. */
const lookUp = (map: object, key: string, kind: ImportKind): string | undefined => {
  const exact = (map as Record<string, unknown>)[key]
  if (exact !== undefined) return underConditions(exact, kind)
  const patterns = Object.keys(map)
    .filter((pattern) => pattern.includes('*'))
    .sort((a, b) => b.length - a.length)
  for (const pattern of patterns) {
    const [before, after] = pattern.split('*') as [string, string]
    if (!key.startsWith(before) || !key.endsWith(after) || key.length < pattern.length) continue
    const part = key.slice(before.length, key.length - after.length)
    return underConditions((map as Record<string, unknown>)[pattern], kind)?.replaceAll('*', part)
  }
  return undefined
}

const isMap = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && Object.keys(value).some((key) => key.startsWith('.'))

export class Resolver {
  readonly packages: Packages

  constructor(packages: Packages) {
    this.packages = packages
  }

  #resolvePath(from: string, plain: string, seen: FilesSeen): Resolved {
    const inFolder = isFolder(plain) ? this.packages.manifest(plain, seen)?.main : undefined
    const named = inFolder === undefined ? [] : candidates(from, path.join(plain, inFolder))
    for (const candidate of [...named, ...candidates(from, plain)]) {
      seen.note(candidate)
      if (isFile(candidate)) return { type: 'file', file: fs.realpathSync(candidate) }
    }
    return { type: 'missing' }
  }

  resolve(from: string, specifier: string, seen: FilesSeen, kind: ImportKind = 'import'): Resolved {
    if (specifier.startsWith('node:') || isBuiltin(specifier)) return { type: 'builtin' }
    if (specifier.startsWith('file:')) return this.#resolvePath(from, fileURLToPath(specifier), seen)
    if (specifier.startsWith('.'))
      return this.#resolvePath(from, path.resolve(path.dirname(from), plainPath(specifier)), seen)
    if (path.isAbsolute(specifier)) return this.#resolvePath(from, specifier, seen)
    if (specifier.startsWith('#')) return this.#resolveOwn(from, specifier, seen, kind)
    return this.#resolvePackage(from, specifier, seen, kind)
  }

  /** `#name`, of the package's own `imports`. */
  #resolveOwn(from: string, specifier: string, seen: FilesSeen, kind: ImportKind): Resolved {
    const root = this.packages.rootOf(path.dirname(from), seen)
    const imports = root === undefined ? undefined : this.packages.manifest(root, seen)?.imports
    const target = typeof imports === 'object' && imports !== null ? lookUp(imports, specifier, kind) : undefined
    if (root === undefined || target === undefined) return { type: 'missing' }
    return target.startsWith('.')
      ? this.#resolvePath(from, path.join(root, target), seen)
      : this.resolve(from, target, seen, kind)
  }

  #resolvePackage(from: string, specifier: string, seen: FilesSeen, kind: ImportKind): Resolved {
    const name = packageName(specifier)
    const root = this.packages.rootOf(path.dirname(from), seen)
    const own = root === undefined ? undefined : this.packages.manifest(root, seen)
    const found =
      root !== undefined && own?.name === name && own.exports !== undefined
        ? { name, directory: fs.realpathSync(root) }
        : this.packages.find(name, path.dirname(from), seen)
    if (found === undefined) return { type: 'missing' }
    // Linked from elsewhere, it is under development: its version says nothing of what is in it.
    return found.directory.split(path.sep).includes('node_modules')
      ? { type: 'package', package: found }
      : this.#entryOf(from, found, specifier.slice(name.length), seen, kind)
  }

  #entryOf(from: string, { directory }: InstalledPackage, rest: string, seen: FilesSeen, kind: ImportKind): Resolved {
    const manifest = this.packages.manifest(directory, seen)
    const key = `.${rest}`
    const { exports } = manifest ?? {}
    const target =
      exports === undefined
        ? rest === ''
          ? (manifest?.main ?? './index.js')
          : key
        : isMap(exports)
          ? lookUp(exports, key, kind)
          : rest === ''
            ? underConditions(exports, kind)
            : undefined
    return target === undefined ? { type: 'missing' } : this.#resolvePath(from, path.join(directory, target), seen)
  }
}

/** Without what a loader may put behind a name: `./x.js?fresh`. */
const plainPath = (specifier: string): string => decodeURIComponent(specifier.replace(/[?#].*$/, ''))
