/** What a stage that was computed again says of the stored one. */
import * as fs from 'node:fs'
import type { Json } from '../../dsl/nodes.js'
import type { EngineIdentity } from '../fingerprint.js'
import type { MachineIdentity } from '../machine.js'
import type { RecordedEnvironment } from '../records/run-environment.js'
import type { StageKind } from '../stage-contract.js'
import type { Manifest } from '../store/store.js'
import { compareFigures, type FigureComparison, figuresIn, type Tolerances } from './tolerance.js'

/** Where the stored artifact and the one that was computed again first differ. */
export type ArtifactDifference =
  | { readonly type: 'missing-file'; readonly file: string }
  | { readonly type: 'new-file'; readonly file: string }
  /** `offset` is that of the first byte that differs. */
  | { readonly type: 'bytes'; readonly file: string; readonly offset: number }
  | { readonly type: 'summary'; readonly figure: string; readonly stored: Json; readonly now: Json }

const chunkBytes = 1 << 20

/**
 * Offset of the first byte in which two files differ; where one goes on, its own next one. Undefined where they are
 * equal.
 */
const firstDifference = (a: string, b: string): number | undefined => {
  const [one, other] = [fs.openSync(a, 'r'), fs.openSync(b, 'r')]
  try {
    const [left, right] = [Buffer.alloc(chunkBytes), Buffer.alloc(chunkBytes)]
    for (let from = 0; ;) {
      const read = fs.readSync(one, left, 0, chunkBytes, from)
      const also = fs.readSync(other, right, 0, chunkBytes, from)
      const both = Math.min(read, also)
      if (left.compare(right, 0, both, 0, both) !== 0) {
        for (let at = 0; at < both; at++) if (left[at] !== right[at]) return from + at
      }
      if (read !== also) return from + both
      if (read === 0) return undefined
      from += read
    }
  } finally {
    fs.closeSync(one)
    fs.closeSync(other)
  }
}

/** Names of files alone. */
const missingFile = (stored: Manifest, now: Manifest): ArtifactDifference | undefined => {
  const missing = Object.keys(stored.files).find((file) => now.files[file] === undefined)
  if (missing !== undefined) return { type: 'missing-file', file: missing }
  const added = Object.keys(now.files).find((file) => stored.files[file] === undefined)
  return added === undefined ? undefined : { type: 'new-file', file: added }
}

/** Every byte of every file. `pathsOf` gives where a file's bytes are, stored and now. */
const differingFile = (
  stored: Manifest,
  now: Manifest,
  pathsOf: (file: string) => readonly [stored: string, now: string],
): ArtifactDifference | undefined => {
  const missing = missingFile(stored, now)
  if (missing !== undefined) return missing
  const file = Object.keys(stored.files).find((name) => stored.files[name]!.sha256 !== now.files[name]!.sha256)
  return file === undefined ? undefined : { type: 'bytes', file, offset: firstDifference(...pathsOf(file)) ?? 0 }
}

/** What of the two is compared: every byte where computing is exact, else figures or shape, and why. */
export type Comparison =
  | { readonly of: 'bytes' }
  | { readonly of: 'figures'; readonly why: string }
  /** Names of files and figures alone. */
  | { readonly of: 'shape'; readonly why: string }

/** What computes now. */
export interface ComputedHere {
  readonly engine: EngineIdentity
  readonly machine: MachineIdentity
}

/** Engines on these devices give the same bytes every time. */
const exactDevices = ['cpu']

const sameVersions = (a: EngineIdentity, b: EngineIdentity): boolean => {
  const names = new Set([...Object.keys(a.versions), ...Object.keys(b.versions)])
  return [...names].every((name) => a.versions[name] === b.versions[name])
}

/** `then` is the environment in which the artifact was made; null where no record says. */
export const comparisonFor = (
  kind: Pick<StageKind, 'onMachine'>,
  { identity, made }: Pick<Manifest, 'identity' | 'made'>,
  { engine: now, machine }: ComputedHere,
  then: RecordedEnvironment | null,
): Comparison => {
  if (kind.onMachine === true) return { of: 'shape', why: 'it measures time, which is never the same twice' }
  const before = identity.engine
  if (before === null) return { of: 'bytes' }
  if (before.engine !== now.engine || before.device !== now.device || !sameVersions(before, now)) {
    return {
      of: 'figures',
      why: `it was made by another engine, device or version (${before.engine} on ${before.device})`,
    }
  }
  if (!exactDevices.includes(now.device)) {
    return { of: 'figures', why: `${now.engine} on ${now.device} does not compute the same bytes every time` }
  }
  const platform = `${process.platform}-${process.arch}`
  const processor = then?.machine.processor
  if (made.platform !== platform || (processor !== undefined && processor !== machine.processor)) {
    return { of: 'figures', why: `it was made on another machine (${processor ?? made.platform})` }
  }
  return { of: 'bytes' }
}

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
