/**
 * Declarations that nothing uses and that count all the same: evaluated with their module, they change state that others
 * read. A registry that is filled by `const relu = register('relu', …)` is what it holds.
 */
import type { Declaration, Effects } from './file-code.js'
import type { Declared, Program } from './program.js'

/** What an effect can reach: declarations of local files. Packages are taken to keep to themselves. */
const reachedBy = (program: Program, file: string, uses: readonly string[]): readonly Declared[] => {
  const found = new Map<Declaration, Declared>()
  const pending = [{ file, uses }]
  for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
    for (const used of at.uses) {
      const specifier = program.read(at.file)?.imports[used.split('.')[0]!]?.specifier
      // Also one that is followed since it is under development: it is used as a package.
      if (specifier !== undefined && !/^[./#]/.test(specifier)) continue
      const meaning = program.use(at.file, used)
      const declared =
        meaning.type === 'declaration'
          ? [meaning]
          : meaning.type === 'module'
            ? (program.read(meaning.file)?.declarations ?? []).map((declaration) => ({
                file: meaning.file,
                declaration,
              }))
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

/** What names of a file's scope, written to, mean as declarations. */
const writtenBy = (program: Program, file: string, { writes }: Effects): readonly Declaration[] =>
  writes.flatMap((name) => {
    const meaning = program.use(file, name)
    return meaning.type === 'declaration' && meaning.declaration.isState ? [meaning.declaration] : []
  })

export interface LoadEffects {
  /** Whether it changes more than can be seen: a global, a package's registry. */
  readonly world: boolean
  readonly written: ReadonlySet<Declaration>
}

/** What loading a declaration changes, itself and through what it calls. */
export const loadEffectsOf = (program: Program, { file, declaration }: Declared): LoadEffects | undefined => {
  const { onLoad } = declaration
  if (onLoad === undefined) return undefined
  const reached = reachedBy(program, file, onLoad.uses)
  const all = [
    { file, effects: onLoad },
    ...reached.map((each) => ({ file: each.file, effects: each.declaration.effects })),
  ]
  const written = new Set(all.flatMap((each) => writtenBy(program, each.file, each.effects)))
  if (all.some(({ effects }) => effects.alters)) {
    for (const each of reached) if (each.declaration.isState) written.add(each.declaration)
  }
  written.delete(declaration)
  return { world: all.some(({ effects }) => effects.world), written }
}
