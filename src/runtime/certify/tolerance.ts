/** How far a figure that was computed again may be from what it was, where computing is not exact. */
import type { Json } from '../../dsl/nodes.js'

export type Tolerance =
  | { readonly type: 'exact' }
  | { readonly type: 'absolute'; readonly within: number }
  | { readonly type: 'relative'; readonly within: number }

/** By a figure's name, the last part of its place or all of it; `*` is for every figure that is not named. */
export type Tolerances = Readonly<Record<string, Tolerance>>

/** Shares of one: half a point. What is no whole number: one in a hundred. What is counted: none. */
export const defaultTolerances = {
  share: { type: 'absolute', within: 0.005 },
  figure: { type: 'relative', within: 0.01 },
  count: { type: 'exact' },
} as const satisfies Readonly<Record<string, Tolerance>>

const isShare = (figure: string): boolean => /top\d$/i.test(figure)

const toleranceFor = (figure: string, stored: number, now: number, named: Tolerances): Tolerance => {
  const own = named[figure] ?? named[figure.split('.').at(-1)!] ?? named['*']
  if (own !== undefined) return own
  if (isShare(figure)) return defaultTolerances.share
  return Number.isInteger(stored) && Number.isInteger(now) ? defaultTolerances.count : defaultTolerances.figure
}

/** `top1=0.002,loss=1%` → by name; undefined for what cannot be read. */
export const parseTolerances = (written: string): Tolerances | undefined => {
  const parts = written.split(',').map((part) => /^\s*([\w.*/-]+)\s*=\s*(\d*\.?\d+(?:e-?\d+)?)\s*(%?)\s*$/i.exec(part))
  if (parts.some((part) => part === null)) return undefined
  return Object.fromEntries(
    parts.map((part) => {
      const [, name = '', number, percent] = part!
      const within = Number(number)
      const tolerance: Tolerance =
        within === 0
          ? { type: 'exact' }
          : percent === '%'
            ? { type: 'relative', within: within / 100 }
            : { type: 'absolute', within }
      return [name, tolerance]
    }),
  )
}

export interface FigureComparison {
  /** Place in the summary: `top1`, `students.0.params`. */
  readonly figure: string
  readonly stored: Json
  readonly now: Json
  /** |now − stored|; null where one of them is no number. */
  readonly difference: number | null
  /** Null where they are the same, or where they are no numbers. */
  readonly tolerance: Tolerance | null
  readonly isWithin: boolean
}

const leaves = (value: Json | undefined, path: string, out: Map<string, Json>): Map<string, Json> => {
  if (typeof value === 'object' && value !== null && Object.keys(value).length > 0) {
    for (const [key, item] of Object.entries(value)) leaves(item as Json, path === '' ? key : `${path}.${key}`, out)
  } else if (value !== undefined && path !== '') out.set(path, value)
  return out
}

export const figuresIn = (summary: Readonly<Record<string, Json>>): ReadonlyMap<string, Json> =>
  leaves(summary, '', new Map())

const allows = (tolerance: Tolerance, stored: number, difference: number): boolean => {
  switch (tolerance.type) {
    case 'exact':
      return difference === 0
    case 'absolute':
      return difference <= tolerance.within
    case 'relative':
      return difference <= tolerance.within * Math.abs(stored)
  }
}

/** Every place of both summaries, in the order of the stored one. Words have to be the same. */
export const compareFigures = (
  stored: Readonly<Record<string, Json>>,
  now: Readonly<Record<string, Json>>,
  named: Tolerances,
): readonly FigureComparison[] => {
  const [before, after] = [figuresIn(stored), figuresIn(now)]
  return [...new Set([...before.keys(), ...after.keys()])].map((figure): FigureComparison => {
    const [a, b] = [before.get(figure) ?? null, after.get(figure) ?? null]
    const about = { figure, stored: a, now: b }
    if (typeof a !== 'number' || typeof b !== 'number') {
      const isSame = before.has(figure) && after.has(figure) && JSON.stringify(a) === JSON.stringify(b)
      return { ...about, difference: null, tolerance: null, isWithin: isSame }
    }
    const difference = Math.abs(b - a)
    const tolerance = toleranceFor(figure, a, b, named)
    return { ...about, difference, tolerance, isWithin: allows(tolerance, a, difference) }
  })
}
