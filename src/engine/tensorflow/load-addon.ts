/** Loads TensorFlow's library into this process, once. */
import * as fs from 'node:fs'
import { createRequire } from 'node:module'
import { EngineError } from '../engine.js'
import type { Binding } from './binding.js'
import type { LocatedTensorflow } from './locate.js'
import { libraryProblem } from '../shared-library.js'

const require = createRequire(import.meta.url)

const repairOf = ({ origin, name }: LocatedTensorflow): string =>
  origin === 'build'
    ? 'genepool engine build tensorflow makes it again'
    : `genepool engine build tensorflow makes one that works, or install ${name} again`

const failure = (located: LocatedTensorflow, reason: string, cause?: unknown): EngineError =>
  new EngineError(`TensorFlow's library does not load: ${reason}; ${repairOf(located)}`, { cause })

const loaderSays = (error: unknown): string => {
  const [line] = (error instanceof Error ? error.message : String(error)).split('\n')
  return line!
}

/** A library that is missing, cut short or another machine's is an EngineError that says how to repair it. */
export const loadAddon = (located: LocatedTensorflow): Binding => {
  for (const file of [located.addon, ...located.libraries]) {
    if (!fs.existsSync(file)) throw failure(located, `${file} is missing`)
    const problem = libraryProblem(file)
    if (problem !== undefined) throw failure(located, problem)
  }
  try {
    // genepool: opaque the version of TensorFlow's library is part of the engine's identity
    return require(located.addon) as Binding
  } catch (error) {
    throw failure(located, loaderSays(error), error)
  }
}
