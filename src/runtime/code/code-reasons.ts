/** What changed from one code to another, symbol by symbol, with the way on which each is reached. */
import type { Reason } from '../events.js'
import { chainTo, classOf, type CodeRecord, type CodeSymbol } from './code-record.js'

type CodeChanged = Extract<Reason, { type: 'code-changed' }>

/** What people call a part of a chain: the symbol's own name, or the file that loads the next. */
const nameOf = (record: CodeRecord, key: string): string => record.symbols[key]?.name ?? key

const changed = (record: CodeRecord, key: string, symbol: CodeSymbol, change: CodeChanged['change']): CodeChanged => {
  const chain = chainTo(record, key).map((each) => nameOf(record, each))
  return {
    type: 'code-changed',
    symbol: symbol.name,
    file: symbol.file,
    line: symbol.line,
    change,
    through: chain.at(-2) ?? null,
    chain,
  }
}

/** A name that means something else than before, though what uses it says the same. */
const rebound = (record: CodeRecord, key: string, before: CodeSymbol, now: CodeSymbol): readonly CodeChanged[] =>
  Object.entries(now.uses)
    .filter(([name, { means }]) => before.uses[name]?.means !== means)
    .map(([name, { at }]) => {
      const place = /^(.*):(\d+)$/.exec(at ?? '')
      return {
        type: 'code-changed',
        symbol: name.split('.').at(-1)!,
        file: place?.[1] ?? now.file,
        line: place === null ? now.line : Number(place[2]),
        change: 'edited',
        through: now.name,
        chain: [...chainTo(record, key).map((each) => nameOf(record, each)), name],
      }
    })

const symbolChanges = (before: CodeRecord, now: CodeRecord): readonly CodeChanged[] => {
  const edited: CodeChanged[] = []
  const rebinds: CodeChanged[] = []
  const added: CodeChanged[] = []
  const removed: CodeChanged[] = []
  for (const [key, symbol] of Object.entries(now.symbols)) {
    const old = before.symbols[key]
    if (old === undefined) {
      const ofClass = classOf(key)
      // A new class is one thing, not its members.
      if (!(ofClass in now.symbols) || ofClass in before.symbols) added.push(changed(now, key, symbol, 'added'))
    } else if (old.hash !== symbol.hash) {
      const other = old.syntax === symbol.syntax ? rebound(now, key, old, symbol) : []
      if (other.length > 0) rebinds.push(...other)
      else edited.push(changed(now, key, symbol, 'edited'))
    }
  }
  for (const [key, symbol] of Object.entries(before.symbols)) {
    if (key in now.symbols) continue
    const ofClass = classOf(key)
    if (!(ofClass in before.symbols) || ofClass in now.symbols) removed.push(changed(before, key, symbol, 'removed'))
  }
  // A class whose fields are others than before says nothing else by itself.
  const others = [...added, ...removed].map(({ symbol }) => symbol)
  const own = edited.filter(({ symbol }) => !others.some((other) => other.startsWith(`${symbol}.`)))
  return [...own, ...rebinds, ...added, ...removed]
}

const packageChanges = (before: CodeRecord, now: CodeRecord): readonly Reason[] =>
  [...new Set([...Object.keys(before.packages), ...Object.keys(now.packages)])]
    .sort()
    .filter((name) => before.packages[name] !== now.packages[name])
    .map((name) => ({
      type: 'package-changed',
      name,
      before: before.packages[name] ?? 'absent',
      now: now.packages[name] ?? 'absent',
    }))

/** Where a record is gone, all that is known is that the code is another. */
const unknownChange: CodeChanged = {
  type: 'code-changed',
  symbol: 'code',
  file: '',
  line: 0,
  change: 'edited',
  through: null,
  chain: [],
}

/** Edited symbols first, then added and removed ones, then packages. At least one where the records differ. */
export const codeReasons = (before: CodeRecord | undefined, now: CodeRecord | undefined): readonly Reason[] => {
  if (before === undefined || now === undefined) return [unknownChange]
  const reasons = [...symbolChanges(before, now), ...packageChanges(before, now)]
  if (reasons.length > 0) return reasons
  const moved = now.order.find((name, index) => before.order[index] !== name)
  if (moved === undefined) return [unknownChange]
  const symbol = now.symbols[moved.split(' before ')[0]!]
  return symbol === undefined
    ? [unknownChange]
    : [{ ...changed(now, moved, symbol, 'edited'), symbol: `the order in which ${symbol.name} is evaluated` }]
}
