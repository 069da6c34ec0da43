/** Every file that can change what a pipeline is or gives: of its definition, of its stages' code, of its data. */
import * as fs from 'node:fs'
import * as path from 'node:path'
import * as Effect from 'effect/Effect'
import { CodeReader } from '../code/code-reader.js'
import { StageError, UsageError, sentenceOf } from '../errors.js'
import type { Prepared } from '../plan/prepare.js'
import { Store } from '../store/store.js'

export interface ReachedFile {
  /** Absolute. */
  readonly path: string
  /** Of a file whose bytes were hashed for the plan. */
  readonly sha256?: string
}

/** Where the package.json may be that says how the file is to be read. */
const manifestsAbove = (file: string): readonly string[] => {
  const manifests: string[] = []
  for (let at = path.dirname(file); ; at = path.dirname(at)) {
    manifests.push(path.join(at, 'package.json'))
    if (fs.existsSync(manifests.at(-1)!) || path.dirname(at) === at) return manifests
  }
}

/** What the definition imports; also of one that cannot be loaded. */
export const reachOfDefinition = Effect.fnUntraced(function* (
  file: string,
): Effect.fn.Return<readonly ReachedFile[], UsageError, Store> {
  const store = yield* Store
  const absolute = path.resolve(file)
  const paths = yield* Effect.try({
    try: () => [...new CodeReader(store.root).reached(absolute), ...manifestsAbove(absolute)],
    catch: (cause) => new UsageError({ message: `cannot tell what ${file} imports: ${sentenceOf(cause)}`, cause }),
  })
  return paths.map((each) => ({ path: each }))
})

/** The code and the external files of all stages. */
export const reachOfStages = ({ stages, code }: Prepared): readonly ReachedFile[] => {
  const files = new Map<string, ReachedFile>()
  for (const { codeEntry, codeWithout, sources } of stages) {
    for (const each of code.dependsOn(codeEntry, codeWithout)) files.set(each, { path: each })
    for (const { path: each, sha256 } of Object.values(sources)) files.set(each, { path: each, sha256 })
  }
  return [...files.values()]
}

/** The external file that keeps a definition from being run, where that is what this error says. */
export const reachOfError = (error: UsageError): readonly ReachedFile[] =>
  error.cause instanceof StageError && error.cause.path !== undefined ? [{ path: error.cause.path }] : []
