import { countPathMacs, countPathParams, countPathParamsStored, type Path } from './counting.js'
import { deepFreeze } from './deep-freeze.js'
import { DefinitionError } from './definition-error.js'
import { checkPairs, selectPairs, type Pairs } from './model-pairs.js'
import type { FinalNorm, Place } from './nodes.js'
import { COUNT, OptionReader } from './option-reader.js'
import { placeOfCall } from './place.js'
import { stitchPositions, type StitchPosition } from './stitch-window.js'
import type { VitConfig } from './vit-config.js'
import { completeVitConfig, type VitShape } from './vit-shape.js'

export interface DescendantOptions {
  /** Narrowest first. */
  readonly models: readonly VitShape[]
  /** Which models are stitched: neighbours, every one with every wider one, or these pairs of indices into `models`. */
  readonly pairs: Pairs
  /** Whether models are stitched by threes too: (a, b, c) where both (a, b) and (b, c) are among the pairs. */
  readonly triples: boolean
  readonly finalNorm: FinalNorm
  /** Window of blocks and its step; default 2 and 1. */
  readonly kernel?: number
  readonly stride?: number
}

/** One model of the grid. */
export interface Descendant {
  readonly id: number
  /** Indices of its models, in the order in which they run. */
  readonly models: readonly number[]
  /** [j, k] for each stitch: the front model runs up to block j, the next one goes on with its block k. */
  readonly positions: readonly (readonly [number, number])[]
  /** For each stitch, which of its pair's shared layers it uses. */
  readonly layers: readonly number[]
  /** By SN-Net's rule, comparable with the literature (docs/method.md, section 6). */
  readonly params: number
  /** Everything one needs to run it. */
  readonly paramsStored: number
  /** Multiply-accumulates of one image. */
  readonly macs: number
}

const readGrid = (options: DescendantOptions, place: Place | undefined) => {
  const known = ['models', 'pairs', 'triples', 'finalNorm', 'kernel', 'stride']
  const path = 'enumerateDescendants'
  const reader = new OptionReader([{ path, options, known }], place)
  if (!Array.isArray(options.models) || options.models.length === 0) {
    throw new DefinitionError('empty', `${path}.models has no model: write at least one VitConfig`, place)
  }
  const models = options.models.map((shape: VitShape, index) =>
    completeVitConfig(shape, `${path}.models[${index}]`, place),
  )
  const pairs = selectPairs(options.pairs, models.length, `${path}.pairs`, place)
  checkPairs(models, pairs, `${path}.models`, place)
  return {
    models,
    pairs,
    triples: reader.boolean('triples', false),
    finalNorm: reader.choice('finalNorm', ['all', 'anchorsOnly', 'none'], 'all'),
    kernel: reader.number('kernel', COUNT, 2),
    stride: reader.number('stride', COUNT, 1),
  }
}

/** The executed blocks of each model, from the stitches between them. */
const pathOf = (
  models: readonly VitConfig[],
  indices: readonly number[],
  stitches: readonly StitchPosition[],
): Path => {
  const parts = indices.map((index, part) => {
    const model = models[index]!
    const first = part === 0 ? 0 : stitches[part - 1]!.end
    const last = part === stitches.length ? model.depth - 1 : stitches[part]!.front
    return { model, blocks: last - first + 1 }
  })
  return [parts[0]!, ...parts.slice(1)]
}

/**
 * Every model that can be stitched from `models`, in the published order: single models, pairs (0,1), (0,2), (1,2), then
 * triples (docs/method.md, section 3). Ids count within the grid that was asked for. Throws a DefinitionError where models cannot
 * be stitched: unequal depths, image shapes or classes, or the front one not narrower.
 */
export const enumerateDescendants = (options: DescendantOptions): readonly Descendant[] => {
  const { models, pairs, triples, finalNorm, kernel, stride } = readGrid(options, placeOfCall())
  const grid: Descendant[] = []
  const add = (indices: readonly number[], stitches: readonly StitchPosition[]): void => {
    const path = pathOf(models, indices, stitches)
    grid.push({
      id: grid.length,
      models: indices,
      positions: stitches.map(({ front, end }) => [front, end] as const),
      layers: stitches.map(({ layer }) => layer),
      params: countPathParams(path),
      paramsStored: countPathParamsStored(path, finalNorm),
      macs: countPathMacs(path, finalNorm),
    })
  }

  for (const index of models.keys()) add([index], [])
  for (const [a, b] of pairs) {
    for (const stitch of stitchPositions(models[a]!.depth, kernel, stride)) add([a, b], [stitch])
  }
  if (!triples) return deepFreeze(grid)
  for (const [a, b] of pairs) {
    for (const [, c] of pairs.filter(([front]) => front === b)) {
      const positions = stitchPositions(models[b]!.depth, kernel, stride)
      for (const into of positions) {
        for (const out of positions) {
          // The middle model runs its blocks into.end … out.front.
          if (out.front >= into.end) add([a, b, c], [into, out])
        }
      }
    }
  }
  return deepFreeze(grid)
}
