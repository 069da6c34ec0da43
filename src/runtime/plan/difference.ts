/** What differs between two experiments, stage by stage, and between what they measured. */
import type { Json } from '../../dsl/nodes.js'
import type { Reason } from '../events.js'
import type { StageIdentity } from '../fingerprint.js'
import { reasonsBetween, type CodeRecords } from './reasons.js'

/** A stage as one side has it. */
export interface ComparedStage {
  readonly name: string
  /** Undefined where it is known only that there is such a stage: its artifact is gone, or it failed. */
  readonly identity: StageIdentity | undefined
  /** Undefined where it has not run. */
  readonly summary: Readonly<Record<string, Json>> | undefined
  /** Inputs and files from outside whose content is not known yet; they count as equal. */
  readonly unknownInputs: readonly string[]
  readonly unknownSources: boolean
  /** The stage behind each input, and the file behind each source. */
  readonly stageOf: Readonly<Record<string, string>>
  readonly pathOf: Readonly<Record<string, string>>
}

export type StageDifference =
  | { readonly stage: string; readonly state: 'same' }
  | { readonly stage: string; readonly state: 'differs'; readonly changes: readonly Reason[] }
  | { readonly stage: string; readonly state: 'only-a' | 'only-b' }
  /** One side's record does not say what its stage was. */
  | { readonly stage: string; readonly state: 'unknown' }

export interface FigureDifference {
  readonly stage: string
  readonly figure: string
  readonly a: number | null
  readonly b: number | null
  /** b − a. */
  readonly difference: number | null
}

export interface Difference {
  readonly stages: readonly StageDifference[]
  /** Numbers that stages summed up, of stages that are not the same. */
  readonly figures: readonly FigureDifference[]
}

type Stages = ReadonlyMap<string, ComparedStage>

/** `own`'s identity, with what it does not know taken from the other side. */
const completed = (own: ComparedStage, other: ComparedStage): StageIdentity => {
  const identity = own.identity!
  const inputs = { ...identity.inputs }
  for (const input of own.unknownInputs) {
    const theirs = other.identity?.inputs[input]
    if (theirs !== undefined) inputs[input] = theirs
    // Neither knows it, or the other does not read it: then it counts as one of its own.
    else if (!other.unknownInputs.includes(input)) inputs[input] = ''
  }
  return { ...identity, inputs, sources: own.unknownSources ? (other.identity?.sources ?? {}) : identity.sources }
}

/** Inputs whose content one side does not know, of stages that differ themselves. */
const pendingInputs = (a: ComparedStage, b: ComparedStage, differing: ReadonlySet<string>): readonly Reason[] =>
  [...new Set([...a.unknownInputs, ...b.unknownInputs])].flatMap((input) => {
    const [before, now] = [a.stageOf[input], b.stageOf[input]]
    return before === undefined || before !== now || !differing.has(now)
      ? []
      : [{ type: 'input-pending', input, stage: now }]
  })

const compareStage = (
  a: ComparedStage,
  b: ComparedStage,
  differing: ReadonlySet<string>,
  recordOf: CodeRecords,
): StageDifference => {
  const stage = a.name
  if (a.identity === undefined || b.identity === undefined) return { stage, state: 'unknown' }
  const before = completed(a, b)
  const now = completed(b, { ...a, identity: before })
  const changes = [
    ...reasonsBetween(before, now, { ...a.stageOf, ...b.stageOf }, { ...a.pathOf, ...b.pathOf }, recordOf),
    ...pendingInputs(a, b, differing),
  ]
  return changes.length === 0 ? { stage, state: 'same' } : { stage, state: 'differs', changes }
}

const numberOf = (stage: ComparedStage, figure: string): number | null => {
  const value = stage.summary?.[figure]
  return typeof value === 'number' ? value : null
}

const compareFigures = (a: ComparedStage, b: ComparedStage): readonly FigureDifference[] => {
  if (a.summary === undefined || b.summary === undefined) return []
  const names = new Set([...Object.keys(a.summary), ...Object.keys(b.summary)])
  return [...names].flatMap((figure) => {
    const [before, now] = [numberOf(a, figure), numberOf(b, figure)]
    if (before === null && now === null) return []
    const difference = before === null || now === null ? null : now - before
    return [{ stage: a.name, figure, a: before, b: now, difference }]
  })
}

/** Stages are matched by name; in the order of `a`, in which inputs come first, then what `b` has beside. */
export const differenceOf = (a: Stages, b: Stages, recordOf: CodeRecords): Difference => {
  const stages: StageDifference[] = []
  const figures: FigureDifference[] = []
  const differing = new Set<string>()
  for (const [name, before] of a) {
    const now = b.get(name)
    if (now === undefined) {
      stages.push({ stage: name, state: 'only-a' })
      continue
    }
    const difference = compareStage(before, now, differing, recordOf)
    stages.push(difference)
    if (difference.state === 'same') continue
    differing.add(name)
    figures.push(...compareFigures(before, now))
  }
  for (const name of b.keys()) if (!a.has(name)) stages.push({ stage: name, state: 'only-b' })
  return { stages, figures }
}
