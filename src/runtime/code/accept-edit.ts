/** Which edits a name means, and how they are declared harmless. */
import { changesOf, type AcceptedEdit } from './accepted-edits.js'
import { codeReasons } from './code-reasons.js'
import { classOf, type CodeRecord, type CodeSymbol } from './code-record.js'

/** A stage's code when it was last finished, and as it is. */
export interface CodeChange {
  readonly stage: string
  readonly before: CodeRecord
  readonly now: CodeRecord
}

/** A declaration that was edited, in some stages. */
export interface EditedDeclaration {
  readonly key: string
  readonly symbol: CodeSymbol
  readonly stages: readonly CodeChange[]
}

/** A class that has lost a member counts as edited. */
const editedIn = ({ before, now }: CodeChange): readonly string[] => {
  const shrunk = Object.keys(before.symbols).flatMap((key) => (key in now.symbols ? [] : [classOf(key)]))
  return Object.keys(now.symbols).filter(
    (key) => before.symbols[key]?.hash !== now.symbols[key]!.hash || shrunk.includes(key),
  )
}

/** Every declaration that was edited or added, over all stages. */
export const editedDeclarations = (changes: readonly CodeChange[]): readonly EditedDeclaration[] => {
  const found = new Map<string, EditedDeclaration>()
  for (const change of changes) {
    for (const key of editedIn(change)) {
      const known = found.get(key)
      const symbol = change.now.symbols[key]!
      found.set(key, { key, symbol, stages: [...(known?.stages ?? []), change] })
    }
  }
  return [...found.values()]
}

/** How a declaration is written so that it is no other: `src/stages/losses.ts:kdLoss`. */
export const qualifiedName = ({ symbol }: EditedDeclaration): string => `${symbol.file}:${symbol.name}`

/** Names that mean something else now in a declaration with the same text: `explain` names the edit by these. */
const reboundNames = ({ symbol, stages }: EditedDeclaration): readonly string[] =>
  stages.flatMap(({ before, now }) =>
    codeReasons(before, now).flatMap((reason) =>
      reason.type === 'code-changed' && reason.change === 'edited' && reason.through === symbol.name
        ? [reason.symbol, `${reason.file}:${reason.symbol}`]
        : [],
    ),
  )

/**
 * The edited declarations that a name means: of its own name, qualified or not; of a class all that is edited in it;
 * else those in which the name means something else than before. Several of different names: the name is ambiguous.
 */
export const editsCalled = (
  edits: readonly EditedDeclaration[],
  written: string,
): readonly (readonly EditedDeclaration[])[] => {
  const called = (matches: (name: string) => boolean): readonly EditedDeclaration[] =>
    edits.filter((edit) => [edit.symbol.name, qualifiedName(edit), edit.key].some(matches))
  const own = called((name) => name === written)
  const ofClass = called((name) => name.startsWith(`${written}.`) || name === written)
  const group = (found: readonly EditedDeclaration[], keyOf: (edit: EditedDeclaration) => string) =>
    [...new Set(found.map(keyOf))].map((key) => found.filter((edit) => keyOf(edit) === key))
  if (ofClass.length > own.length) return group(ofClass, ({ symbol }) => symbol.file)
  const edited = own.filter(({ key, stages }) => stages.some(({ before }) => key in before.symbols))
  if (edited.length > 0) return group(edited, ({ key }) => key)
  const rebound = edits.filter((edit) => reboundNames(edit).includes(written))
  return group(rebound.length > 0 ? rebound : own, ({ key }) => key)
}

/** The stages of an edit that have the same before and now; those with most of them. */
const commonest = ({ key, stages }: EditedDeclaration): readonly CodeChange[] => {
  const groups = new Map<string, CodeChange[]>()
  for (const change of stages) {
    const pair = `${change.before.symbols[key]?.hash} ${change.now.symbols[key]!.hash}`
    groups.set(pair, [...(groups.get(pair) ?? []), change])
  }
  return [...groups.values()].reduce((most, group) => (group.length > most.length ? group : most))
}

/** The acceptance of an edit, and the stages for which it holds. */
export const acceptEdit = (
  edit: EditedDeclaration,
  said: Pick<AcceptedEdit, 'id' | 'reason' | 'by' | 'at'>,
): { readonly accepted: AcceptedEdit; readonly stages: readonly string[] } => {
  const stages = commonest(edit)
  const seen = new Map<string, AcceptedEdit['changes'][number]>()
  for (const { before, now } of stages) {
    for (const change of changesOf(edit.key, before, now)) seen.set(`${change.key} ${change.from} ${change.to}`, change)
  }
  const [own, ...others] = seen.values()
  const { file, name } = edit.symbol
  return {
    accepted: { ...said, symbol: edit.key, file, name, changes: [own!, ...others] },
    stages: stages.map(({ stage }) => stage),
  }
}
