/** A definition by its compiled script, where it has one. */
import * as fs from 'node:fs'
import { compileDefinition } from './compile-definition.js'
import { keepDefinition, keptDefinition } from './compiled-definition.js'
import { evaluateDefinition } from './evaluate-definition.js'

/** Where compiled definitions are kept; nothing is compiled where there is no such place. */
export const compiledDefinitions: { folder: string | undefined } = { folder: undefined }

/**
 * The exports of a TypeScript file; undefined where the loader of TypeScript has to take it: something about it is unusual,
 * or it throws, of which that loader says exactly where.
 */
export const runCompiled = async (name: string): Promise<unknown> => {
  const { folder } = compiledDefinitions
  if (folder === undefined || !/\.m?ts$/.test(name)) return undefined
  const file = fs.realpathSync(name)
  const kept = keptDefinition(folder, file)
  const compiled = kept ?? (await compileDefinition(file))
  if (compiled === undefined) return undefined
  if (kept === undefined) keepDefinition(folder, file, compiled)
  if (compiled.script === undefined) return undefined
  try {
    return await evaluateDefinition(file, compiled.script)
  } catch {
    return undefined
  }
}
