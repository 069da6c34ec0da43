/** Finds the call `stage('name', { run })` that a stage began with, and who calls what it is in. */
import type { Declaration, CodePlace, StageCall } from './file-code.js'
import { isCode, type Declared, type Program } from './program.js'
import { stageCallAt } from './stage-call.js'

export interface Beginning {
  readonly file: string
  readonly call: StageCall
}

/** The one call of these files that gives the name: where a stack says it stands is not certain under source maps. */
const calledSo = (program: Program, files: readonly string[], name: string): Beginning | undefined => {
  const found = files.flatMap((file) =>
    (program.read(file)?.stageCalls ?? []).flatMap((call) => (call.name === name ? [{ file, call }] : [])),
  )
  return found.length === 1 ? found[0] : undefined
}

/** Every name of a stage that these files write out. */
export const namesIn = (program: Program, files: readonly string[]): readonly string[] =>
  files.flatMap((file) => (program.read(file)?.stageCalls ?? []).flatMap(({ name }) => name ?? []))

/**
 * The call that begins on the line of the place; else the one that writes the name out, else what is nearest to the
 * place. Both of the first two where the one at the place computes its name, since either may be meant. None where it
 * is written in no way that can be read.
 */
export const beginningsOf = (
  program: Program,
  files: readonly string[],
  name: string,
  place: CodePlace & { readonly file: string },
): readonly Beginning[] => {
  const { file } = place
  const calls = isCode(file) ? (program.read(file)?.stageCalls ?? []) : []
  const call = stageCallAt(
    calls.filter((each) => each.name === undefined || each.name === name),
    place,
  )
  const there = call === undefined ? [] : [{ file, call }]
  const called = calledSo(program, files, name)
  if (called === undefined || (call !== undefined && call.name === name && call.line === place.line)) return there
  return call?.line === place.line && called.call !== call ? [...there, called] : [called]
}

/** A declaration, and all of the files that use it, however indirectly: what is captured in it comes from them. */
export const callersOf = (program: Program, files: readonly string[], start: Declared): readonly Declared[] => {
  const found = new Map<Declaration, Declared>([[start.declaration, start]])
  const all = files.flatMap((file) => program.declarationsOf(file))
  for (let before = 0; before !== found.size;) {
    before = found.size
    for (const each of all) {
      if (found.has(each.declaration)) continue
      const uses = each.declaration.uses.some((used) => {
        const meaning = program.use(each.file, used)
        return meaning.type === 'declaration' && found.has(meaning.declaration)
      })
      if (uses) found.set(each.declaration, each)
    }
  }
  return [...found.values()]
}
