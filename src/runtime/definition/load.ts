/** A file → its definition. The file is TypeScript or JavaScript and exports a pipeline or a suite as default. */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { pathToFileURL } from 'node:url'
import * as Effect from 'effect/Effect'
import type { DefinitionError } from '../../dsl/definition-error.js'
import type { PipelineNode, SuiteNode } from '../../dsl/nodes.js'
import { toPipelineNode } from '../../dsl/pipeline-step.js'
import { placeOfThrow, type Place } from '../../dsl/place.js'
import { isSuite } from '../../dsl/suite.js'
import { UsageError } from '../errors.js'
import { sentenceOf } from '../../base/errors.js'
import { otherThanFile } from '../../base/files.js'
import { isEsModule } from './compile-definition.js'
import { runCompiled } from './compiled-definition.js'

let loaderReady = false

/**
 * Imports a TypeScript or JavaScript file of the user's, by its absolute path. `before` is called before it runs, and
 * told whether a tsconfig.json says how it is compiled: of ES modules none does.
 */
export const importFile = async (file: string, before = (_: boolean): void => {}): Promise<unknown> => {
  const url = pathToFileURL(file).href
  const isTypeScript = /\.[cm]?tsx?$/.test(file)
  // A folder without "type": "module" makes the file CommonJS, which import() cannot load as TypeScript.
  const api = isTypeScript && !isEsModule(file) ? await import('tsx/cjs/api') : undefined
  if (isTypeScript && api === undefined && !loaderReady) {
    loaderReady = true
    ;(await import('tsx/esm/api')).register({ tsconfig: false })
  }
  before(api !== undefined)
  return api === undefined ? import(url) : api.require(file, import.meta.url)
}

/** CommonJS files put their default export one level deeper. */
const defaultExports = (module: unknown): readonly unknown[] => {
  const outer = (module as { default?: unknown }).default
  const inner = typeof outer === 'object' && outer !== null ? (outer as { default?: unknown }).default : undefined
  return [outer, inner]
}

const describe = (value: unknown): string => {
  if (value === undefined) return 'it has no default export'
  const what = value === null ? 'null' : typeof value === 'object' ? 'some other object' : `a ${typeof value}`
  return `its default export is ${what}`
}

const placeText = (place: Place | undefined): string =>
  place === undefined ? '' : ` (${path.relative(process.cwd(), place.file)}:${place.line}:${place.column})`

const loadError = (file: string, cause: unknown): UsageError => {
  // By name: the file may have got its builders from another copy of this package.
  if (cause instanceof Error && cause.name === 'DefinitionError') {
    return new UsageError({ message: `${cause.message}${placeText((cause as DefinitionError).place)}`, cause })
  }
  // A name that a package does not export is one of the compiler's by now.
  const message = sentenceOf(cause).replace(/\(0 ?, ?import_\w+\.(\w+)\)/, '$1')
  if (/Cannot find package 'genepool'/.test(message)) {
    return new UsageError({
      message: `${file} imports 'genepool', which is not installed where the file is`,
      hint: `run npm install genepool in ${path.dirname(path.resolve(file))}`,
      cause,
    })
  }
  // The file that does not parse may be one that the pipeline's file imports.
  const [, broken, line, problem] = /^Transform failed[^\n]*\n(.*?):(\d+:\d+): ERROR: (.*)/.exec(message) ?? []
  if (broken !== undefined) {
    const where = path.isAbsolute(broken) ? path.relative(process.cwd(), broken) : file
    return new UsageError({ message: `cannot load ${file}: ${problem} (${where}:${line})`, cause })
  }
  const where = cause instanceof Error ? placeText(placeOfThrow(cause.stack ?? '')) : ''
  return new UsageError({ message: `cannot load ${file}: ${message}${where}`, cause })
}

const toDefinition = (value: unknown): PipelineNode | SuiteNode | undefined =>
  isSuite(value) ? value : toPipelineNode(value)

const endingSignals = ['SIGINT', 'SIGTERM'] as const

/**
 * While it goes on, these signals end the process at once: a definition that never comes to its end would keep everyone
 * who listens to them from hearing of them.
 */
const endedBySignals = <A, E>(work: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.acquireUseRelease(
    Effect.sync(() =>
      endingSignals.flatMap((signal) => {
        const listeners = process.rawListeners(signal) as NodeJS.SignalsListener[]
        process.removeAllListeners(signal)
        return listeners.map((listener) => ({ signal, listener }))
      }),
    ),
    () => work,
    (removed) =>
      Effect.sync(() => {
        for (const { signal, listener } of removed) process.on(signal, listener)
      }),
  )

/**
 * Fails with a UsageError: no such file, it does not parse, it throws, or it exports neither a pipeline nor a suite.
 */
export const loadDefinition = Effect.fnUntraced(function* (
  file: string,
): Effect.fn.Return<PipelineNode | SuiteNode, UsageError> {
  const absolute = path.resolve(file)
  if (!fs.existsSync(absolute)) return yield* new UsageError({ message: `there is no pipeline file ${file}` })
  const other = otherThanFile(absolute)
  if (other !== undefined) return yield* new UsageError({ message: `${file} is ${other}, not a pipeline file` })
  const module = yield* endedBySignals(
    Effect.tryPromise({
      try: async () => (await runCompiled(absolute)) ?? importFile(absolute),
      catch: (cause) => loadError(file, cause),
    }),
  )
  const definition = yield* Effect.try({
    try: () =>
      defaultExports(module)
        .map(toDefinition)
        .find((candidate) => candidate !== undefined),
    catch: (cause) => loadError(file, cause),
  })
  if (definition === undefined) {
    return yield* new UsageError({
      message: `${file} exports no pipeline: ${describe(defaultExports(module)[0])}`,
      hint: "write `export default pipeline('name').data(…)…`, or a suite of pipelines",
    })
  }
  return definition
})
