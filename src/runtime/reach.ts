/** Every file that can change what a pipeline is or gives: of its definition, of its stages' code, of its data. */
import * as path from 'node:path'
import * as Effect from 'effect/Effect'
import { StageError, UsageError, sentenceOf } from './errors.js'
import { importClosure, manifestOf, packageFilesOf } from './import-closure.js'
import type { Prepared } from './prepare.js'
import { Store } from './store.js'

export interface ReachedFile {
  /** Absolute. */
  readonly path: string
  /** Of a file whose bytes were hashed for the plan. */
  readonly sha256?: string
}

/** What the definition imports; also of one that cannot be loaded. */
export const reachOfDefinition = Effect.fnUntraced(function* (
  file: string,
): Effect.fn.Return<readonly ReachedFile[], UsageError, Store> {
  const store = yield* Store
  const paths = yield* Effect.tryPromise({
    try: () => importClosure(path.resolve(file), store.place('index', 'watch.json')),
    catch: (cause) => new UsageError({ message: `cannot tell what ${file} imports: ${sentenceOf(cause)}`, cause }),
  })
  return paths.map((each) => ({ path: each }))
})

/** The code and the external files of all stages. */
export const reachOfStages = Effect.fnUntraced(function* (
  prepared: Prepared,
): Effect.fn.Return<readonly ReachedFile[], UsageError> {
  const modules = [...new Set(prepared.stages.map(({ kind }) => kind.module))]
  const code = yield* Effect.tryPromise({
    try: async () => {
      const paths = new Set<string>()
      for (const module of modules) {
        for (const file of await prepared.code.reached(module)) paths.add(file)
        for (const file of packageFilesOf(module)) paths.add(file)
        for (const name of Object.keys((await prepared.code.read(module)).packages)) paths.add(manifestOf(name, module))
      }
      return [...paths]
    },
    catch: (cause) => new UsageError({ message: sentenceOf(cause), cause }),
  })
  const sources = prepared.stages.flatMap((stage) => Object.values(stage.sources))
  return [...code.map((each) => ({ path: each })), ...sources.map(({ path: each, sha256 }) => ({ path: each, sha256 }))]
})

/** The external file that keeps a definition from being run, where that is what this error says. */
export const reachOfError = (error: UsageError): readonly ReachedFile[] =>
  error.cause instanceof StageError && error.cause.path !== undefined ? [{ path: error.cause.path }] : []
