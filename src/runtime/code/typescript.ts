/** TypeScript's parser, loaded when the first file has to be parsed: a run in which nothing changed never pays for it. */
import { createRequire } from 'node:module'
import type * as tsMorph from 'ts-morph'

type TypeScript = typeof tsMorph.ts

let loaded: TypeScript | undefined

// A CommonJS package: loading it needs no `await`, so that all of reading code stays synchronous.
export const typescript = (): TypeScript =>
  (loaded ??= (createRequire(import.meta.url)('ts-morph') as typeof tsMorph).ts)
