/** TypeScript's parser, loaded when the first file has to be parsed, so that a run without changes does not load it. */
import { createRequire } from 'node:module'
import * as path from 'node:path'
import type * as tsMorph from 'ts-morph'
import { KeptCode } from '../../base/kept-code.js'

type TypeScript = typeof tsMorph.ts

/**
 * The compiler alone, from the package that ts-morph has it from; with the rest of both it takes twice as long. A
 * CommonJS module: loading it needs no `await`, so that all of reading code stays synchronous.
 */
const load = (): TypeScript => {
  const require = createRequire(import.meta.url)
  const common = createRequire(require.resolve('ts-morph')).resolve('@ts-morph/common')
  const file = path.join(path.dirname(common), 'typescript.js')
  return new KeptCode(file, 'typescript').requiring(() => require(file) as TypeScript)
}

let loaded: TypeScript | undefined

export const typescript = (): TypeScript => (loaded ??= load())
