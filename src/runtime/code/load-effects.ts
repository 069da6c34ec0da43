/**
 * Declarations that nothing uses and that count all the same: evaluated with their module, they change state that
 * others read. A registry that is filled by `const relu = register('relu', …)` is what it holds.
 */
import type { Declaration, Effects } from './file-code.js'
import type { Declared, Program } from './program.js'
import { isLocal } from './resolve-import.js'

/** What code reaches: declarations of local files. Packages are taken to keep to themselves. */
export const reachedBy = (program: Program, file: string, uses: readonly string[]): readonly Declared[] => {
  const found = new Map<Declaration, Declared>()
  const pending = [{ file, uses }]
  for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
    for (const used of at.uses) {
      // Also one that is followed since it is under development: it is used as a package.
      const specifier = program.importOf(at.file, used)?.specifier
      if (specifier !== undefined && !isLocal(specifier)) continue
      const meaning = program.use(at.file, used)
      const declared =
        meaning.type === 'declaration'
          ? [meaning]
          : meaning.type === 'module'
            ? program.declarationsOf(meaning.file)
            : []
      for (const each of declared) {
        if (found.has(each.declaration)) continue
        found.set(each.declaration, each)
        pending.push({ file: each.file, uses: each.declaration.uses })
      }
    }
  }
  return [...found.values()]
}

/** The state that names of a file's scope, written to, may stand for: themselves and what they were made of. */
const writtenBy = (program: Program, file: string, { writes }: Effects): readonly Declaration[] =>
  writes.flatMap((name) => {
    const meaning = program.use(file, name)
    if (meaning.type !== 'declaration' || !meaning.declaration.isState) return []
    const behind = reachedBy(program, meaning.file, meaning.declaration.uses)
    return [meaning.declaration, ...behind.map((each) => each.declaration).filter(({ isState }) => isState)]
  })

export interface LoadEffects {
  /** Whether it changes more than can be seen: a global, a package's registry. */
  readonly world: boolean
  readonly written: ReadonlySet<Declaration>
}

/** What code of a file changes when it runs, itself and through what it calls. */
export const effectsOf = (program: Program, file: string, own: Effects): LoadEffects => {
  const reached = reachedBy(program, file, own.uses)
  const all = [
    { file, effects: own },
    ...reached.map((each) => ({ file: each.file, effects: each.declaration.effects })),
  ]
  const written = new Set(all.flatMap((each) => writtenBy(program, each.file, each.effects)))
  if (all.some(({ effects }) => effects.alters)) {
    for (const each of reached) if (each.declaration.isState) written.add(each.declaration)
  }
  return { world: all.some(({ effects }) => effects.world), written }
}
