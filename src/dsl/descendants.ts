/** All models that can be stitched from some, in the published order. */
import { countPathMacs, countPathParams, countPathParamsStored, type Path } from './counting.js'
import { DefinitionError } from './definition-error.js'
import {
  checkPairs,
  orderedPairs,
  readGrid,
  selectPairs,
  stitchPositions,
  type GridOptions,
  type ModelPair,
  type Pairs,
  type StitchPosition,
} from './grid.js'
import { deepFreeze, type GridParams } from './nodes.js'
import { OptionReader } from './option-reader.js'
import { GRID_OPTIONS } from './option-tables.js'
import { namesOf } from './options.js'
import { placeOfCall, type Place } from './place.js'
import type { VitConfig } from './vit-config.js'
import { completeVitConfig, type VitShape } from './vit.js'

/** Which models are stitched, and how. */
export interface DescendantOptions extends GridOptions {
  /** Narrowest first. */
  readonly models: readonly VitShape[]
  /** Which models are stitched: neighbours, every one with every wider one, or these pairs of indices into `models`. */
  readonly pairs: Pairs
}

/** One model of the grid. */
export interface Descendant {
  readonly id: number
  /** Indices of its models, in the order in which they run. */
  readonly models: readonly number[]
  /** [j, k] for each stitch: the front model runs up to block j, the next one goes on with its block k. */
  readonly positions: readonly (readonly [number, number])[]
  /** For each stitch, which of the layers it uses that this ordered pair of models shares. */
  readonly layers: readonly number[]
  /** By SN-Net's rule, comparable with the literature (docs/method.md, section 6). */
  readonly params: number
  /** Everything one needs to run it. */
  readonly paramsStored: number
  /** Multiply-accumulates of one image. */
  readonly macs: number
}

const readModels = (options: DescendantOptions, place: Place | undefined) => {
  const path = 'enumerateDescendants'
  const known = ['models', 'pairs', ...namesOf(GRID_OPTIONS)]
  const reader = new OptionReader([{ path, options, known }], place)
  if (!Array.isArray(options.models) || options.models.length === 0) {
    throw new DefinitionError('empty', `${path}.models has no model: write at least one VitConfig`, place)
  }
  const models = options.models.map((shape: VitShape, index) =>
    completeVitConfig(shape, `${path}.models[${index}]`, place),
  )
  const pairs = selectPairs(options.pairs, models.length, `${path}.pairs`, place)
  checkPairs(models, pairs, `${path}.models`, place)
  return { models, grid: { pairs, ...readGrid(reader) } }
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

/** Models stitched by threes: `triples` as asked for, then SN-Netv2's round trips from wide and from narrow. */
const chainsOf = ({ pairs, triples, twoWay }: GridParams): readonly (readonly [number, number, number])[] => {
  const onward = pairs.flatMap(([a, b]) => pairs.filter(([front]) => front === b).map(([, c]) => [a, b, c] as const))
  const fromWide = pairs.map(([narrow, wide]) => [wide, narrow, wide] as const)
  const fromNarrow = pairs.map(([narrow, wide]) => [narrow, wide, narrow] as const)
  return [...(triples ? onward : []), ...(twoWay ? [...fromWide, ...fromNarrow] : [])]
}

/**
 * Every model that can be stitched from `models`, in the published order: single models, pairs (0,1), (0,2), (1,2),
 * then triples (docs/method.md, section 3). Ids count within the grid that was asked for. Throws a DefinitionError
 * where models cannot be stitched: depths of no whole ratio, other image shapes or classes, or the front one not
 * narrower.
 *
 * With `twoWay` the grid is SN-Netv2's (arXiv 2307.00154): a pair is stitched at the ends of its stages only (see
 * `stitchPositions`). After the pairs narrow → wide come the same ones wide → narrow, then (the triples and) wide →
 * narrow → wide, then narrow → wide → narrow, wherever the model in the middle runs forwards. For one pair of L stages
 * these are 2 + 2(L − 1) + (L − 1)(L − 2) models: 134 for DeiT3's S–B, S–L and B–L, in the order of its published
 * results.
 */
export const enumerateDescendants = (options: DescendantOptions): readonly Descendant[] => {
  const { models, grid } = readModels(options, placeOfCall())
  const descendants: Descendant[] = []
  const add = (indices: readonly number[], stitches: readonly StitchPosition[]): void => {
    const path = pathOf(models, indices, stitches)
    descendants.push({
      id: descendants.length,
      models: indices,
      positions: stitches.map(({ front, end }) => [front, end] as const),
      layers: stitches.map(({ layer }) => layer),
      params: countPathParams(path),
      paramsStored: countPathParamsStored(path, grid.finalNorm),
      macs: countPathMacs(path, grid.finalNorm),
    })
  }
  const between = ([front, end]: ModelPair): readonly StitchPosition[] =>
    stitchPositions(models[front]!.depth, models[end]!.depth, grid)

  for (const index of models.keys()) add([index], [])
  for (const pair of orderedPairs(grid.pairs, grid.twoWay)) {
    for (const stitch of between(pair)) add(pair, [stitch])
  }
  for (const [a, b, c] of chainsOf(grid)) {
    const onwards = between([b, c])
    for (const into of between([a, b])) {
      for (const out of onwards) {
        // The middle model runs its blocks into.end … out.front.
        if (out.front >= into.end) add([a, b, c], [into, out])
      }
    }
  }
  return deepFreeze(descendants)
}
