/**
 * The grid of stitched models (docs/method.md, section 3): which models are paired, where one is left for the other,
 * and the options that say so.
 */
import { DefinitionError } from './definition-error.js'
import type { GridParams } from './nodes.js'
import { shown, type OptionReader } from './option-reader.js'
import { GRID_OPTIONS } from './option-tables.js'
import { readOptions, type Options } from './options.js'
import type { Place } from './place.js'
import { prefixTokens, type VitConfig } from './vit-config.js'

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
const COMMON = [
  'imageSize',
  'patchSize',
  'channels',
  'numClasses',
  'distillation',
] as const satisfies readonly (keyof VitConfig)[]

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
        `${path}[${a}] (embedDim ${front.embedDim}) is not narrower than ${path}[${b}] ` +
          `(${end.embedDim}), and a stitch goes from narrow to wide: write the models narrowest first`,
        place,
      )
    }
    for (const key of COMMON) {
      // A distillation token is one more token, whether a head reads it or not.
      const same = key === 'distillation' ? prefixTokens(front) === prefixTokens(end) : front[key] === end[key]
      if (same) continue
      throw new DefinitionError(
        'mismatch',
        `${path}[${a}].${key} is ${front[key] ?? 'none'}, but ${path}[${b}].${key} is ${end[key] ?? 'none'}: write the same ` +
          `${key} for models that are stitched`,
        place,
      )
    }
    if (!isWholeRatio(front.depth, end.depth)) {
      throw new DefinitionError(
        'mismatch',
        `${path}[${a}].depth is ${front.depth}, but ${path}[${b}].depth is ${end.depth}: write the same ` +
          `depth, or a whole multiple of it, for models that are stitched`,
        place,
      )
    }
  }
}

/** A place to leave the front model and enter the end model: after front block `front`, before end block `end`. */
export interface StitchPosition {
  readonly front: number
  readonly end: number
  /** Which of the pair's shared stitch layers serves this position. */
  readonly layer: number
}

/** Window of stages and its step, and whether the grid goes both ways. */
export interface StitchWindow {
  readonly kernel: number
  readonly stride: number
  readonly twoWay: boolean
}

/**
 * Stitch positions of two models of `stages` blocks each, in the order in which a window of `kernel` blocks meets them
 * as it slides by `stride`; at the end the window is cut off, not left out. Every window that adds positions has a
 * layer of its own (docs/method.md, section 3): 3L − 2 positions on L − 1 layers for kernel 2 and stride 1. A grid that
 * goes both ways has only those that neither repeat nor leave out a stage, (i, i + 1): L − 1 of them, with a layer
 * each.
 */
const stagePositions = (stages: number, { kernel, stride, twoWay }: StitchWindow): readonly StitchPosition[] => {
  const positions: StitchPosition[] = []
  const seen = new Set<number>()
  let layer = 0
  for (let first = 0; first < stages; first += stride) {
    const end = Math.min(first + kernel, stages)
    const before = positions.length
    for (let j = first; j < end; j++) {
      for (let k = first; k < end; k++) {
        if (seen.has(j * stages + k) || (twoWay && k !== j + 1)) continue
        seen.add(j * stages + k)
        positions.push({ front: j, end: k, layer })
      }
    }
    if (positions.length > before) layer++
  }
  return positions
}

/**
 * Stitch positions of a front model into an end model (docs/method.md, section 3). The shallower model's blocks are the
 * stages; where the other is r times as deep, r of its blocks are one. A front model is left after the last block of a
 * stage, an end model entered at the first: SN-Netv2's rule for unequal depths (arXiv 2307.00154), by which (i, i + 1)
 * of the window is (i, (i + 1)·r) from shallow to deep and ((i + 1)·r − 1, i + 1) back. With r = 1 a stage is a block.
 */
export const stitchPositions = (
  frontDepth: number,
  endDepth: number,
  window: StitchWindow,
): readonly StitchPosition[] => {
  const stages = Math.min(frontDepth, endDepth)
  const [frontBlocks, endBlocks] = [frontDepth / stages, endDepth / stages]
  return stagePositions(stages, window).map(({ front, end, layer }) => ({
    front: (front + 1) * frontBlocks - 1,
    end: end * endBlocks,
    layer,
  }))
}

/** Which models a grid has. */
export interface GridOptions extends Options<typeof GRID_OPTIONS> {}

/** Refuses a window of one block for a grid that goes both ways: its stitches lead from one block to the next. */
const checkWindow = (options: OptionReader, { kernel, twoWay }: StitchWindow): void => {
  if (twoWay && kernel < 2) {
    options.fail(
      'mismatch',
      'kernel',
      'is 1, a window in which twoWay finds no stitch: write 2 or more, or leave it out',
    )
  }
}

/** Everything about a grid but its pairs; `depth` is the shallowest model's, where the window must not be larger. */
export const readGrid = (options: OptionReader, depth = Infinity): Omit<GridParams, 'pairs'> => {
  const grid = readOptions(GRID_OPTIONS, options)
  for (const name of ['kernel', 'stride'] as const) {
    // A larger one would leave most pairs of blocks out without a word.
    if (grid[name] <= depth) continue
    options.fail('outOfRange', name, `is ${grid[name]}, above the students' depth ${depth}: write ${depth} or less`)
  }
  checkWindow(options, grid)
  return grid
}
