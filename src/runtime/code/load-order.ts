/** The order in which a program's modules run while they are loaded, as far as results can depend on it. */
import { reachedBy } from './load-effects.js'
import type { Declaration } from './file-code.js'
import type { Declared, Program } from './program.js'

export interface Loaded {
  /** Evaluated files, each after those that it imports. */
  readonly files: readonly string[]
  readonly reached: ReadonlySet<Declaration>
  /** Declarations that change something when they are evaluated. */
  readonly effectful: ReadonlySet<Declaration>
  /** State that those, and statements, change. */
  readonly written: ReadonlySet<Declaration>
}

/** Whether evaluating the declaration may read what others change. */
const readsState = (program: Program, { file, declaration }: Declared, { written }: Loaded): boolean => {
  const isEvaluated = declaration.isState || declaration.onLoad !== undefined
  if (!isEvaluated || written.size === 0) return false
  return (
    written.has(declaration) || reachedBy(program, file, declaration.uses).some((each) => written.has(each.declaration))
  )
}

/** Names of declarations, and undefined for a statement; each with its file. */
export interface LoadStep {
  readonly file: string
  readonly declaration: Declaration | undefined
}

export const stepsOf = (program: Program, loaded: Loaded): readonly LoadStep[] =>
  loaded.files.flatMap((file) => {
    const code = program.read(file)
    return (code?.order ?? []).flatMap((index): readonly LoadStep[] => {
      if (index < 0) return [{ file, declaration: undefined }]
      const declaration = code!.declarations[index]!
      if (!loaded.reached.has(declaration)) return []
      return loaded.effectful.has(declaration) || readsState(program, { file, declaration }, loaded)
        ? [{ file, declaration }]
        : []
    })
  })
