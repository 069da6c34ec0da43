import { DefinitionError } from './definition-error.js'
import type { Place } from './nodes.js'
import { shown } from './option-reader.js'
import type { VitConfig } from './vit-config.js'

export type ModelPair = readonly [front: number, end: number]
export type Pairs = 'nearest' | 'all' | readonly ModelPair[]

const isIndex = (value: unknown, count: number): value is number =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) < count

/** The pairs of indices that `pairs` stands for, each once, in the order (0,1), (0,2), (1,2). */
export const selectPairs = (pairs: Pairs, count: number, path: string, place?: Place): readonly ModelPair[] => {
  const indices = Array.from({ length: count }, (_, index) => index)
  if (pairs === 'nearest') return indices.slice(1).map((end) => [end - 1, end])
  if (pairs === 'all') return indices.flatMap((front) => indices.slice(front + 1).map((end) => [front, end] as const))
  if (!Array.isArray(pairs)) {
    const advice = "write 'nearest', 'all' or pairs of indices such as [[0, 2]]"
    throw new DefinitionError('notAChoice', `${path} is ${shown(pairs)}: ${advice}`, place)
  }
  const chosen = new Map<number, ModelPair>()
  for (const [index, pair] of pairs.entries()) {
    const [front, end] = Array.isArray(pair) && pair.length === 2 ? pair : []
    if (!isIndex(front, count) || !isIndex(end, count)) {
      const advice = `write two indices from 0 to ${count - 1}`
      throw new DefinitionError('outOfRange', `${path}[${index}] is ${shown(pair)}: ${advice}`, place)
    }
    chosen.set(front * count + end, [front, end])
  }
  return [...chosen].sort(([a], [b]) => a - b).map(([, pair]) => pair)
}

/** Pairs in the order in which their stitch layers are numbered: those given, then (`twoWay`) the same ones back. */
export const orderedPairs = (pairs: readonly ModelPair[], twoWay: boolean): readonly ModelPair[] =>
  twoWay ? [...pairs, ...pairs.map(([front, end]) => [end, front] as const)] : pairs

/** Whether the deeper of two models has a whole number of blocks for every block of the other. */
export const isWholeRatio = (a: number, b: number): boolean => Math.max(a, b) % Math.min(a, b) === 0

/** What two models must have in common to be stitched: the same patches in, the same classes out. */
const COMMON = ['imageSize', 'patchSize', 'channels', 'numClasses'] as const satisfies readonly (keyof VitConfig)[]

/** Refuses pairs that cannot be stitched; `path` names the list of models. */
export const checkPairs = (
  models: readonly VitConfig[],
  pairs: readonly ModelPair[],
  path: string,
  place?: Place,
): void => {
  for (const [a, b] of pairs) {
    const [front, end] = [models[a]!, models[b]!]
    if (front.embedDim >= end.embedDim) {
      throw new DefinitionError(
        'mismatch',
        `${path}[${a}] (embedDim ${front.embedDim}) is not narrower than ${path}[${b}] (${end.embedDim}), and a stitch goes from narrow to wide: write the models narrowest first`,
        place,
      )
    }
    for (const key of COMMON) {
      if (front[key] === end[key]) continue
      throw new DefinitionError(
        'mismatch',
        `${path}[${a}].${key} is ${front[key]}, but ${path}[${b}].${key} is ${end[key]}: write the same ${key} for models that are stitched`,
        place,
      )
    }
    if (!isWholeRatio(front.depth, end.depth)) {
      throw new DefinitionError(
        'mismatch',
        `${path}[${a}].depth is ${front.depth}, but ${path}[${b}].depth is ${end.depth}: write the same depth, or a whole multiple of it, for models that are stitched`,
        place,
      )
    }
  }
}
