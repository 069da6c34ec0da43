/**
 * Edits that somebody has declared harmless. Of such a declaration the new hash counts as the old one, so that nothing
 * runs again for it; the next edit has another hash and counts.
 */
import { randomBytes } from 'node:crypto'
import { readTextIfThere } from '../../base/files.js'
import { sentenceOf } from '../../base/errors.js'
import {
  listShape,
  nullableShape,
  optionalShape,
  recordShape,
  type Shape,
  soundShape,
  textReaderOf,
  textShape,
  timeShape,
} from '../shape.js'
import { chainTo, classOf, type CodeRecord, type CodeSymbol } from './code-record.js'

interface Change {
  readonly key: string
  /** Hash before; null for what was added. */
  readonly from: string | null
  /** Hash now; null for what was removed. */
  readonly to: string | null
}

export interface AcceptedEdit {
  readonly id: string
  /** Key of the declaration, as in code records. */
  readonly symbol: string
  /** Where it was then, for people. */
  readonly file: string
  readonly name: string
  /** The declaration's own change first; then what only it brought in or left. */
  readonly changes: readonly [Change, ...Change[]]
  readonly reason: string
  readonly by: { readonly name: string; readonly email?: string }
  /** ISO 8601. */
  readonly at: string
  /** Since when it counts no more. */
  readonly revokedAt?: string
}

const changeShape = recordShape<Change>({
  key: textShape,
  from: nullableShape(textShape),
  to: nullableShape(textShape),
})

const changesShape = soundShape(listShape(changeShape), (changes) =>
  changes.length === 0 ? { path: [], message: 'is empty' } : undefined,
) as Shape<AcceptedEdit['changes']>

const read = textReaderOf(
  recordShape<{ readonly edits: readonly AcceptedEdit[] }>({
    edits: listShape(
      recordShape<AcceptedEdit>({
        id: textShape,
        symbol: textShape,
        file: textShape,
        name: textShape,
        changes: changesShape,
        reason: textShape,
        by: recordShape<AcceptedEdit['by']>({ name: textShape, email: optionalShape(textShape) }),
        at: timeShape,
        revokedAt: optionalShape(timeShape),
      }),
    ),
  }),
)

/** Throws a WrongShape where the text is no list of them. */
export const parseAcceptedEdits = (text: string): readonly AcceptedEdit[] => read(text).edits

/** All that were ever accepted, the oldest first; a damaged list is an error: it decides what is a hit. */
export const readAcceptedEdits = (file: string): readonly AcceptedEdit[] => {
  const text = readTextIfThere(file)
  if (text === undefined) return []
  try {
    return parseAcceptedEdits(text)
  } catch (cause) {
    throw new Error(`${file} is damaged (${sentenceOf(cause)}): mend it, or remove it and accept the edits again`, {
      cause,
    })
  }
}

export const newEditId = (): string => randomBytes(4).toString('hex')

const symbolOfHash = (hash: string): CodeSymbol => ({
  file: '',
  name: '',
  line: 0,
  column: 0,
  hash,
  syntax: hash,
  through: null,
  uses: {},
})

/** The record as it counts: accepted edits undone in it, and named. */
export const withAccepted = (record: CodeRecord, edits: readonly AcceptedEdit[]): CodeRecord => {
  const symbols: Record<string, CodeSymbol> = { ...record.symbols }
  const accepted = edits.filter(({ revokedAt, changes, id }) => {
    const [{ key, to }] = changes
    if (revokedAt !== undefined || id === '' || symbols[key]?.hash !== to) return false
    for (const change of changes) {
      const now = symbols[change.key]
      if (change.to === null) symbols[change.key] ??= symbolOfHash(change.from!)
      else if (now?.hash !== change.to) continue
      else if (change.from === null) delete symbols[change.key]
      else symbols[change.key] = { ...now, hash: change.from, syntax: change.from }
    }
    return true
  })
  if (accepted.length === 0) return record
  return {
    ...record,
    symbols: Object.fromEntries(Object.entries(symbols).sort(([a], [b]) => (a < b ? -1 : 1))),
    accepted: accepted.map(({ id, symbol }) => ({ id, symbol })),
  }
}

/** What the edit of a declaration consists of: its own change, and what came or went with it alone. */
export const changesOf = (key: string, before: CodeRecord, now: CodeRecord): readonly [Change, ...Change[]] => {
  const passes = (record: CodeRecord, symbol: string): boolean =>
    symbol !== key && chainTo(record, symbol).includes(key)
  const head = classOf(key)
  const own = { key, from: before.symbols[key]?.hash ?? null, to: now.symbols[key]?.hash ?? null }
  const added = Object.entries(now.symbols)
    .filter(([symbol]) => symbol !== key && !(symbol in before.symbols) && passes(now, symbol))
    .map(([symbol, { hash }]) => ({ key: symbol, from: null, to: hash }))
  const removed = Object.entries(before.symbols)
    .filter(([symbol]) => !(symbol in now.symbols) && (passes(before, symbol) || classOf(symbol) === key))
    .map(([symbol, { hash }]) => ({ key: symbol, from: hash, to: null }))
  // A class says which fields it has, in which order: one that came is a change of both.
  const [wasHead, isHead] = [before.symbols[head], now.symbols[head]]
  const ofClass =
    own.from !== null || wasHead === undefined || isHead === undefined || wasHead.hash === isHead.hash
      ? []
      : [{ key: head, from: wasHead.hash, to: isHead.hash }]
  return [own, ...ofClass, ...added, ...removed]
}
