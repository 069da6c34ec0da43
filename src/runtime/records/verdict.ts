/** What a stage that was computed again says of the stored one. */
import type { Json } from '../../dsl/nodes.js'
import { differingFile, missingFile, type ArtifactDifference } from './compare-artifacts.js'
import type { Comparison } from './comparison.js'
import type { Manifest } from '../store/store.js'
import { compareFigures, figuresIn, type FigureComparison, type Tolerances } from './tolerance.js'

export type Verdict = 'identical' | 'within-tolerance' | 'same-shape' | 'differs' | 'damaged' | 'failed'

export const isGood = (verdict: Verdict): boolean =>
  verdict === 'identical' || verdict === 'within-tolerance' || verdict === 'same-shape'

export interface Judgement {
  readonly verdict: Verdict
  /** Where the two first differ, also where that is tolerated. */
  readonly difference: ArtifactDifference | null
  /** Figures that are not the same. */
  readonly figures: readonly FigureComparison[]
}

const kindOf = (value: Json): string => (value === null ? 'number' : typeof value)

/** A figure that only one of them has, or that is another kind of thing. */
const differingShape = (stored: Manifest, now: Manifest): ArtifactDifference | undefined => {
  const missing = missingFile(stored, now)
  if (missing !== undefined) return missing
  const [before, after] = [figuresIn(stored.summary), figuresIn(now.summary)]
  for (const figure of new Set([...before.keys(), ...after.keys()])) {
    const [a, b] = [before.get(figure) ?? null, after.get(figure) ?? null]
    if (before.has(figure) && after.has(figure) && kindOf(a) === kindOf(b)) continue
    return { type: 'summary', figure, stored: a, now: b }
  }
  return undefined
}

const summaryDifference = (figures: readonly FigureComparison[]): ArtifactDifference | undefined => {
  const [first] = figures
  return first && { type: 'summary', figure: first.figure, stored: first.stored, now: first.now }
}

/** `pathsOf` gives where a file's bytes are, stored and now. */
export const judge = (
  stored: Manifest,
  now: Manifest,
  compared: Comparison,
  tolerances: Tolerances,
  pathsOf: (file: string) => readonly [stored: string, now: string],
): Judgement => {
  if (compared.of === 'shape') {
    const difference = differingShape(stored, now)
    return { verdict: difference === undefined ? 'same-shape' : 'differs', difference: difference ?? null, figures: [] }
  }
  const figures = compareFigures(stored.summary, now.summary, tolerances).filter(
    (each) => each.difference !== 0 && JSON.stringify(each.stored) !== JSON.stringify(each.now),
  )
  const bytes = differingFile(stored, now, pathsOf)
  const difference = bytes ?? summaryDifference(figures)
  if (difference === undefined) return { verdict: 'identical', difference: null, figures }
  if (compared.of === 'bytes') return { verdict: 'differs', difference, figures }
  const beyond = missingFile(stored, now) ?? summaryDifference(figures.filter(({ isWithin }) => !isWithin))
  return beyond === undefined
    ? { verdict: 'within-tolerance', difference, figures }
    : { verdict: 'differs', difference: beyond, figures }
}
