/** Evaluates a compiled definition, as if its files were imported one by one. */
import * as path from 'node:path'
import * as vm from 'node:vm'
import { SourceMap, isBuiltin, type SourceMapPayload } from 'node:module'
import { pathToFileURL } from 'node:url'
import { mapPlaces } from '../dsl/mapped-places.js'
import { metaNames } from './compile-definition.js'
import type { CompiledScript, External } from './compiled-definition.js'
import { isOwnPackage, ownPackage } from './own-package.js'

/** A module as compiled code takes it: its default export is then no other than an import has it. */
const asRequired = (module: object): object =>
  Object.defineProperties(Object.create(null) as object, {
    ...Object.fromEntries(
      Object.keys(module).map((name) => [name, { enumerable: true, get: () => Reflect.get(module, name) as unknown }]),
    ),
    __esModule: { value: true },
  })

/** Rejects where the package's name means another installation of it, which Node's loader is to find. */
const external = async ({ specifier, from }: External): Promise<object> => {
  if (isBuiltin(specifier)) return asRequired((await import(specifier)) as object)
  if (ownPackage.load === undefined || !isOwnPackage(specifier, from)) throw new Error(`${specifier} is another one`)
  return asRequired(await ownPackage.load())
}

/** Of a source map's source: the compiler writes its name space before the path. */
const sourcePath = (source: string): string => source.replace(/^definition:/, '')

/** The exports. Throws whatever the definition throws, with places in the compiled script. */
export const evaluateDefinition = async (file: string, script: CompiledScript): Promise<unknown> => {
  const externals: object[] = []
  for (const each of script.externals) externals.push(await external(each))
  const map = new SourceMap(JSON.parse(script.map) as SourceMapPayload)
  // A name of its own: of the file itself another loader may have told Node a source map.
  const filename = `${file}?compiled`
  mapPlaces(filename, (line, column) => {
    const entry = map.findEntry(line - 1, column - 1)
    if (!('originalSource' in entry)) return { file, line: 1, column: 1 }
    const { originalSource, originalLine, originalColumn } = entry
    return { file: sourcePath(originalSource), line: originalLine + 1, column: originalColumn + 1 }
  })
  const values = {
    require: (place: string): object => externals[Number(place)]!,
    module: { exports: {} as unknown },
    [metaNames.url]: pathToFileURL(file).href,
    [metaNames.dirname]: path.dirname(file),
    [metaNames.filename]: file,
  }
  const run = vm.compileFunction(script.code, Object.keys(values), { filename })
  run(...Object.values(values))
  return values.module.exports
}
