/**
 * Compiles a definition's file with all local files that it imports into one script. Only what means the same there as
 * to Node and to the loader of TypeScript (tsx, whose options are used): modules that import and export, at their top,
 * without waiting. Whatever else there is, a `require`, an `import()`, an `await`, makes the definition unusual.
 */
import * as fs from 'node:fs'
import { isBuiltin } from 'node:module'
import * as path from 'node:path'
import type { BuildOptions, Plugin } from 'esbuild'
import { isRefused } from './compiler.js'
import { readTextIfThere } from '../../base/files.js'
import { identityOf } from '../file-identity.js'
import { ownPackage } from './own-package.js'

/** Endings under which an import without an ending is looked for. */
const implied = ['.ts', '.tsx', '.mts', '.cts', '.js', '.jsx', '.mjs', '.cjs', '.json']

/** Endings that may stand for a TypeScript source. */
const sources: Readonly<Record<string, readonly string[]>> = {
  '.js': ['.ts', '.tsx'],
  '.jsx': ['.tsx', '.ts'],
  '.mjs': ['.mts'],
  '.cjs': ['.cts'],
}

/** Whether there is one answer, whoever looks: what this program compiles and what Node's loader would take. */
const endings = new Set(['.ts', '.mts', '.js', '.mjs', '.json'])

interface LocalImport {
  /** Absolute, links followed; undefined where there is none, or more than one that could be meant. */
  readonly file: string | undefined
  /** All that was looked at. */
  readonly candidates: readonly string[]
}

const candidatesOf = (plain: string): readonly string[] => {
  const ending = path.extname(plain)
  const stem = plain.slice(0, plain.length - ending.length)
  const others = endings.has(ending)
    ? (sources[ending] ?? []).map((source) => `${stem}${source}`)
    : [...implied.map((each) => `${plain}${each}`), ...implied.map((each) => path.join(plain, `index${each}`))]
  return [plain, ...others]
}

const isThere = (file: string): boolean => fs.statSync(file, { throwIfNoEntry: false }) !== undefined

/** The local file that a relative import of a definition means, and every path that had to be looked at to know. */
const localImport = (from: string, specifier: string): LocalImport => {
  const candidates = candidatesOf(path.resolve(path.dirname(from), specifier))
  const found = candidates.filter(isThere)
  const [only] = found
  if (only === undefined || found.length > 1) return { file: undefined, candidates }
  const file = fs.realpathSync(only)
  const isPlain = fs.statSync(file).isFile() && endings.has(path.extname(file))
  return { file: isPlain ? file : undefined, candidates }
}

/**
 * Whether Node takes a file as an ES module: by its ending, else by the nearest package.json. `onLookedAt` is told of
 * every package.json that was looked for.
 */
export const isEsModule = (file: string, onLookedAt: (manifest: string) => void = () => {}): boolean => {
  if (/\.m[jt]s$/.test(file)) return true
  if (/\.c[jt]s$/.test(file)) return false
  for (let at = path.dirname(file); ; at = path.dirname(at)) {
    const manifest = path.join(at, 'package.json')
    onLookedAt(manifest)
    const text = readTextIfThere(manifest)
    if (text !== undefined) return (JSON.parse(text) as { type?: string }).type === 'module'
    if (path.dirname(at) === at) return false
  }
}

class Unusual extends Error {}

/** What a file imports by a path is not there, whoever looks for it. */
export class ImportMissing extends Error {
  override readonly name = 'ImportMissing'
}

/** Whether nothing in its folder begins as the path ends; a loader may find `name.ts` or `name/index.ts` for `name`. */
const isAbsent = (plain: string): boolean => {
  const folder = path.dirname(plain)
  const { name } = path.parse(plain)
  return !fs.existsSync(folder) || !fs.readdirSync(folder).some((entry) => entry.startsWith(name))
}

/** With the place in the file, as stacks have it. */
const importMissing = (importer: string, specifier: string): ImportMissing => {
  const lines = fs.readFileSync(importer, 'utf8').split('\n')
  const line = 1 + lines.findIndex((text) => text.includes(`'${specifier}'`) || text.includes(`"${specifier}"`))
  const place = path.relative(process.cwd(), importer) + (line > 0 ? `:${line}` : '')
  return new ImportMissing(`'${specifier}' is not there, which ${place} imports`)
}

const isJavaScript = (file: string): boolean => /\.m?js$/.test(file)

/** What CommonJS has and ES modules have not, and what of `import.meta` the script is not given. */
const foreign = ['require', 'module', 'exports', '__filename', '__dirname', 'import.meta']

const foreignMark = 'genepoolForeignName'

/** The parts of `import.meta` that a definition may use, as parameters of its script. */
export const metaNames = { url: 'genepoolMetaUrl', dirname: 'genepoolMetaDirname', filename: 'genepoolMetaFilename' }

const loaderOf = (file: string): 'ts' | 'js' | 'json' =>
  file.endsWith('.json') ? 'json' : /\.m?ts$/.test(file) ? 'ts' : 'js'

/** Files are read under a name space of their own: the compiler then decides nothing by what lies beside them. */
const space = 'definition'

interface Found {
  readonly files: Map<string, string | null>
  readonly externals: External[]
}

const lookAt = ({ files }: Found, file: string): void => {
  if (!files.has(file)) files.set(file, identityOf(file) ?? null)
}

const isLocal = (specifier: string): boolean => /^\.\.?(\/|$)/.test(specifier)

/** Of JavaScript, which Node loads itself, by the name alone that is written there. */
const exactImport = (from: string, specifier: string): LocalImport => {
  const plain = path.resolve(path.dirname(from), specifier)
  const isScript = isJavaScript(plain) && fs.statSync(plain, { throwIfNoEntry: false })?.isFile() === true
  return { file: isScript ? fs.realpathSync(plain) : undefined, candidates: [plain] }
}

const followImports = (found: Found, isModule: boolean, importOf: typeof localImport): Plugin => ({
  name: 'follow-imports',
  setup: (build) => {
    const placeOf = new Map<string, number>()
    build.onResolve({ filter: /.*/ }, ({ path: specifier, importer, kind }) => {
      if (kind === 'entry-point') return { path: specifier, namespace: space }
      if (kind !== 'import-statement') throw new Unusual(kind)
      if (isLocal(specifier)) {
        const { file, candidates } = importOf(importer, specifier)
        for (const candidate of candidates) lookAt(found, candidate)
        if (file === undefined) {
          const isMissing = isAbsent(path.resolve(path.dirname(importer), specifier))
          throw isMissing ? importMissing(importer, specifier) : new Unusual(`${specifier} from ${importer}`)
        }
        const isOfKind = file.endsWith('.json') || isEsModule(file, (manifest) => lookAt(found, manifest)) === isModule
        if (!isOfKind) throw new Unusual(`${file} is of another kind`)
        return { path: file, namespace: space, sideEffects: true }
      }
      // A package's file is Node's to find, and to load: as an ES module does, which alone may wait for it.
      const isPackage = isModule && /^(@[^/:]+\/)?[^./#@:][^:]*$/.test(specifier)
      if (!isBuiltin(specifier) && specifier !== ownPackage.name && !isPackage) throw new Unusual(specifier)
      const key = `${specifier} ${path.dirname(importer)}`
      const place = placeOf.get(key) ?? found.externals.push({ specifier, from: importer }) - 1
      placeOf.set(key, place)
      return { path: String(place), external: true, sideEffects: true }
    })
    build.onLoad({ filter: /.*/, namespace: space }, ({ path: file }) => {
      lookAt(found, file)
      return { contents: fs.readFileSync(file, 'utf8'), loader: loaderOf(file), resolveDir: path.dirname(file) }
    })
  },
})

const defines = {
  ...Object.fromEntries(foreign.map((name) => [name, foreignMark])),
  ...Object.fromEntries(Object.entries(metaNames).map(([key, name]) => [`import.meta.${key}`, name])),
}

const compile = async (file: string, found: Found): Promise<CompiledScript> => {
  const isModule = isEsModule(file, (manifest) => lookAt(found, manifest))
  if (isJavaScript(file) && !isModule) throw new Unusual(`${file} is CommonJS`)
  const how = {
    entryPoints: [file],
    plugins: [followImports(found, isModule, isJavaScript(file) ? exactImport : localImport)],
    bundle: true,
    write: false,
    metafile: true,
    // Never written: sources are named relative to its folder.
    outfile: path.join(path.dirname(file), 'definition.js'),
    absWorkingDir: path.dirname(file),
    format: 'cjs',
    platform: 'node',
    logLevel: 'silent',
    legalComments: 'none',
    // As modules are; compiled with it, so that places count it.
    banner: { js: '"use strict";' },
    define: defines,
    treeShaking: false,
    ignoreAnnotations: true,
    tsconfigRaw: '{}',
    // As the loader of TypeScript has them: names and places are then the same.
    target: `node${process.versions.node}`,
    keepNames: true,
    minifyWhitespace: true,
    sourcemap: 'external',
    sourcesContent: false,
  } satisfies BuildOptions
  const { build } = await import('esbuild')
  const { outputFiles, metafile } = await build(how)
  const [map, script] = [true, false].map((isMap) => outputFiles.find(({ path }) => path.endsWith('.map') === isMap))
  const code = script!.text
  const modules = Object.keys(metafile.inputs).filter((name) => !name.endsWith('.json'))
  const usesMeta = Object.values(metaNames).some((name) => code.includes(name))
  if (code.includes(foreignMark) || /\b(eval|import)\s*\(/.test(code)) throw new Unusual('a foreign name')
  if (usesMeta && (modules.length > 1 || !isModule)) throw new Unusual('import.meta of several files')
  return { code, map: map!.text, externals: found.externals }
}

/** Errors thrown while imports are followed come back as details of the compiler's own. */
const thrownWithin = (cause: unknown): readonly unknown[] =>
  isRefused(cause) ? cause.errors.map(({ detail }): unknown => detail) : [cause]

/**
 * Rejects with an ImportMissing. Undefined where it does not compile or the compiler does not run, which is not to be
 * kept; the loader of TypeScript says what is wrong.
 */
export const compileDefinition = async (file: string): Promise<CompiledDefinition | undefined> => {
  const found: Found = { files: new Map(), externals: [] }
  const readAt = Date.now()
  try {
    const script = await compile(file, found)
    return { script, files: Object.fromEntries(found.files), readAt }
  } catch (cause) {
    const thrown = thrownWithin(cause)
    if (thrown.some((each) => each instanceof Unusual)) return { files: Object.fromEntries(found.files), readAt }
    const missing = thrown.find((each) => each instanceof ImportMissing)
    if (missing !== undefined) throw missing
    return undefined
  }
}

/** A package or a module of Node's, which the script asks for by its place in `externals`. */
export interface External {
  readonly specifier: string
  /** The file that imports it: where its name is looked up. */
  readonly from: string
}

export interface CompiledScript {
  /** CommonJS; strict by whoever evaluates it. */
  readonly code: string
  /** Source map of `code`, whose sources are absolute paths. */
  readonly map: string
  readonly externals: readonly External[]
}

export interface CompiledDefinition {
  /** Undefined where something about the files is unusual, so that the loader of TypeScript has to take them. */
  readonly script?: CompiledScript
  /** Everything that was looked at, with its identity; null for what was looked for and was not there. */
  readonly files: Readonly<Record<string, string | null>>
  /** When they were read, in milliseconds since 1970. */
  readonly readAt: number
}
