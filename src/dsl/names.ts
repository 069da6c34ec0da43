/** Names that people write: which ones can be used, and which one a slip of the pen was meant to be. */
import { DefinitionError } from './definition-error.js'
import type { Place } from './place.js'

/** Edits (insert, delete, replace) that turn `a` into `b`, by one row of the usual table. */
const editDistance = (a: string, b: string): number => {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1))
    }
    row = next
  }
  return row[b.length]!
}

const byDistance = (word: string, candidates: readonly string[]) =>
  candidates
    .map((candidate) => ({ candidate, distance: editDistance(word.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance)

/** A model's id or name as tables spell it: without spaces, `->` for the arrow. */
export const spelled = (name: string | number): string => String(name).replaceAll(/\s/g, '').replaceAll('->', '→')

/** The `count` candidates that are most like `word`, the nearest first. */
export const nearest = (word: string, candidates: readonly string[], count: number): readonly string[] =>
  byDistance(word, candidates)
    .slice(0, count)
    .map(({ candidate }) => candidate)

/** The candidate that `word` was probably meant to be; undefined where none is near. */
export const closest = (word: string, candidates: readonly string[]): string | undefined => {
  const near = byDistance(word, candidates)
  return near.find(({ candidate, distance }) => distance <= Math.max(1, Math.floor(candidate.length / 3)))?.candidate
}

/** Windows opens devices by these names, in every folder. */
const DEVICE = /^(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)/i

/** Refuses a name that could not be a file's name everywhere. `path` says whose name it is. */
export const checkName = (path: string, name: unknown, place?: Place): string => {
  if (
    typeof name === 'string' &&
    /^[A-Za-z][A-Za-z0-9._-]{0,63}$/.test(name) &&
    !name.endsWith('.') &&
    !DEVICE.test(name)
  ) {
    return name
  }
  throw new DefinitionError(
    'badName',
    `${path} is ${JSON.stringify(name) ?? 'missing'}, which cannot name a file: write a letter, ` +
      `then letters, digits, ".", "_" or "-" (64 at most)`,
    place,
  )
}

/** Refuses two names that would be one on a file system that ignores case. */
export const checkDistinctNames = (path: string, names: readonly string[], place?: Place): void => {
  const seen = new Map<string, string>()
  for (const name of names) {
    const before = seen.get(name.toLowerCase())
    if (before !== undefined) {
      const other = before === name ? '' : ` (${JSON.stringify(before)} differs in case alone)`
      throw new DefinitionError(
        'duplicateName',
        `${path} has the name ${JSON.stringify(name)} twice${other}: write another name`,
        place,
      )
    }
    seen.set(name.toLowerCase(), name)
  }
}
