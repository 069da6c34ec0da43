/**
 * A definition's file and all local files that it imports, compiled into one script and kept between runs: a run in
 * which none of them changed neither starts a compiler nor registers a loader. What is kept is code, never a
 * definition: it is evaluated in every run, because it may read the environment or files.
 */
import { createHash } from 'node:crypto'
import * as fs from 'node:fs'
import { isBuiltin, Module, SourceMap, type SourceMapPayload } from 'node:module'
import * as path from 'node:path'
import { pathToFileURL } from 'node:url'
import * as vm from 'node:vm'
import { cacheFolderMode } from '../../base/cache-folder.js'
import { makeFolder, readTextIfThere, removeOldest, writeFileAtomic } from '../../base/files.js'
import { mapPlaces, type Place } from '../../dsl/place.js'
import { checkedText, readChecked } from '../checked-text.js'
import { changedAtMs, clockTickMs, identityOf } from '../file-identity.js'
import {
  type CompiledDefinition,
  compileDefinition,
  type CompiledScript,
  type External,
  metaNames,
} from './compile-definition.js'
import { isOwnPackage, ownPackage } from './own-package.js'

/** Raised when compiled scripts change their form. */
const form = 2

/** Definitions whose compiled scripts are kept, the latest ones. */
const mostKept = 200

const version = (): string => `${form} ${process.version}`

const placeOf = (folder: string, file: string): string =>
  path.join(folder, `${createHash('sha256').update(file).digest('hex').slice(0, 32)}.json`)

const isAsItWas = ([file, identity]: readonly [string, string | null], readAt: number): boolean => {
  const now = identityOf(file) ?? null
  if (now !== identity) return false
  return now === null || changedAtMs(now) + clockTickMs < readAt
}

const isUnchanged = ({ files, readAt }: CompiledDefinition): boolean =>
  Object.entries(files).every((entry) => isAsItWas(entry, readAt))

/** What is kept of this file, if nothing that it was made from has changed since. */
const keptDefinition = (folder: string, file: string): CompiledDefinition | undefined => {
  try {
    const text = readChecked(readTextIfThere(placeOf(folder, file)) ?? '')
    if (text === undefined) return undefined
    const kept = JSON.parse(text) as { version?: string; file?: string; compiled: CompiledDefinition }
    if (kept.version !== version() || kept.file !== file) return undefined
    return isUnchanged(kept.compiled) ? kept.compiled : undefined
  } catch {
    // What cannot be read is compiled again.
    return undefined
  }
}

const keepDefinition = (folder: string, file: string, compiled: CompiledDefinition): void => {
  try {
    makeFolder(folder, cacheFolderMode)
    writeFileAtomic(placeOf(folder, file), checkedText(JSON.stringify({ version: version(), file, compiled })))
    removeOldest(folder, mostKept)
  } catch {
    // It is compiled again next time.
  }
}

/** A module as compiled code takes it: its default export is then no other than an import has it. */
const asRequired = (module: object): object =>
  Object.defineProperties(Object.create(null) as object, {
    ...Object.fromEntries(
      Object.keys(module).map((name) => [name, { enumerable: true, get: () => Reflect.get(module, name) as unknown }]),
    ),
    __esModule: { value: true },
  })

type Compiling = Module & { _compile: (code: string, filename: string) => void }

/** What an import in that file gives, by Node's loader: to which it is a module like any other. */
const importFrom = (specifier: string, from: string): Promise<object> => {
  const module = new Module(from) as Compiling
  module['_compile']('module.exports = (specifier) => import(specifier)', from)
  return (module.exports as (specifier: string) => Promise<object>)(specifier)
}

/** Rejects where this package's name means another installation of it, which Node's loader is to find. */
const external = async ({ specifier, from }: External): Promise<object> => {
  if (isBuiltin(specifier)) return asRequired((await import(specifier)) as object)
  if (specifier !== ownPackage.name) return asRequired(await importFrom(specifier, from))
  if (ownPackage.load === undefined || !isOwnPackage(specifier, from)) throw new Error(`${specifier} is another one`)
  return asRequired(await ownPackage.load())
}

/** Of a source map's source: the compiler writes its name space before the path. */
const sourcePath = (source: string): string => source.replace(/^definition:/, '')

type Run = (...values: readonly unknown[]) => void

/** Scripts of which Node has been told a source map: it forgets that of a module which is gone. */
const mapped: Module[] = []

/**
 * A function of these names. Where stacks are written by source maps (in workers, whose stages throw long after this),
 * Node is told the script's: it takes one of modules alone.
 */
const compiledFunction = (script: CompiledScript, filename: string, names: readonly string[]): Run => {
  if (!process.sourceMapsEnabled) return vm.compileFunction(script.code, names, { filename }) as Run
  const map = JSON.parse(script.map) as SourceMapPayload
  const sources = map.sources.map((source) => pathToFileURL(sourcePath(source)).href)
  const told = Buffer.from(JSON.stringify({ ...map, sources, mappings: `;${map.mappings}` })).toString('base64')
  const module = new Module(filename) as Compiling
  mapped.push(module)
  const text = `module.exports = (${names.join()}) => {\n${script.code}\n}\n`
  module['_compile'](`${text}//# sourceMappingURL=data:application/json;base64,${told}`, filename)
  return module.exports as Run
}

/** The stack with places in the user's files, where it has some in the compiled one. */
const inSources = (stack: string, compiled: string, sourceOf: (line: number, column: number) => Place): string =>
  stack
    .split(`${compiled}:`)
    .map((part, index) =>
      index === 0
        ? part
        : part.replace(/^(\d+):(\d+)/, (_, row, at) => {
            const { file, line, column } = sourceOf(Number(row), Number(at))
            return `${file}:${line}:${column}`
          }),
    )
    .join('')

/**
 * What evaluates the definition and gives its exports; it throws whatever the definition throws, with places in the
 * user's files. Rejects, before any of the definition has run, where Node's loader has to take it.
 */
const readyDefinition = async (file: string, script: CompiledScript): Promise<() => unknown> => {
  const externals: object[] = []
  for (const each of script.externals) externals.push(await external(each))
  const map = new SourceMap(JSON.parse(script.map) as SourceMapPayload)
  // A name of its own: of the file itself another loader may have told Node a source map.
  const filename = `${file}?compiled`
  const firstLine = process.sourceMapsEnabled ? 2 : 1
  const sourceOf = (line: number, column: number): Place => {
    const entry = map.findEntry(line - firstLine, column - 1)
    if (!('originalSource' in entry)) return { file, line: 1, column: 1 }
    const { originalSource, originalLine, originalColumn } = entry
    return { file: sourcePath(originalSource), line: originalLine + 1, column: originalColumn + 1 }
  }
  mapPlaces(filename, sourceOf)
  const values = {
    require: (place: string): object => externals[Number(place)]!,
    module: { exports: {} as unknown },
    [metaNames.url]: pathToFileURL(file).href,
    [metaNames.dirname]: path.dirname(file),
    [metaNames.filename]: file,
  }
  const run = compiledFunction(script, filename, Object.keys(values))
  return () => {
    try {
      run(...Object.values(values))
    } catch (cause) {
      if (cause instanceof Error) cause.stack = inSources(cause.stack ?? '', filename, sourceOf)
      throw cause
    }
    return values.module.exports
  }
}

/** Where compiled definitions are kept; nothing is compiled where there is no such place. */
export const compiledDefinitions: { folder: string | undefined } = { folder: undefined }

/**
 * The exports of a file of TypeScript or JavaScript; undefined, with nothing of it evaluated, where Node's loader or
 * that of TypeScript has to take it because something about it is unusual. Rejects with what it throws: evaluated again
 * it would do again what it does besides. `before` is told the files that were compiled, before any code runs.
 */
export const runCompiled = async (
  name: string,
  before: (compiled: { readonly files: readonly string[]; readonly loads: boolean }) => void = () => {},
): Promise<unknown> => {
  const { folder } = compiledDefinitions
  if (folder === undefined || !/\.m?[jt]s$/.test(name)) return undefined
  const file = fs.realpathSync(name)
  const kept = keptDefinition(folder, file)
  const compiled = kept ?? (await compileDefinition(file))
  if (compiled === undefined) return undefined
  if (kept === undefined) keepDefinition(folder, file, compiled)
  if (compiled.script === undefined) return undefined
  const files = Object.entries(compiled.files).flatMap(([each, identity]) => (identity === null ? [] : [each]))
  const loads = compiled.script.externals.some(
    ({ specifier }) => !isBuiltin(specifier) && specifier !== ownPackage.name,
  )
  before({ files: files.filter((each) => path.basename(each) !== 'package.json'), loads })
  let evaluate: () => unknown
  try {
    evaluate = await readyDefinition(file, compiled.script)
  } catch {
    return undefined
  }
  return evaluate()
}
