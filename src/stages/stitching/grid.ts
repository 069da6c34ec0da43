/**
 * The grid of a stitched pool (docs/method.md, section 3): its descendants, the path of blocks and stitch layers that
 * each runs, and the tensors they are made of.
 */
import { type Descendant, enumerateDescendants } from '../../dsl/descendants.js'
import { type ModelPair, orderedPairs, type StitchPosition, stitchPositions } from '../../dsl/grid.js'
import type { FinalNorm, GridParams } from '../../dsl/nodes.js'
import type { VitConfig } from '../../dsl/vit-config.js'
import { partOfTensor, type VitPart, vitTensors } from '../model/vit.js'
import { linearTensors, type TensorDefinition } from '../tensors/named-tensors.js'

/** Neighbouring blocks of one model, from `first` to `last`, which a descendant runs. */
export interface Segment {
  /** Index of the model in its grid. */
  readonly model: number
  readonly first: number
  readonly last: number
  /** Name of the stitch layer that gives the segment its tokens; null where its model embeds the image itself. */
  readonly stitch: string | null
}

/** What a descendant runs: a segment of every model on its way, in order. */
export type DescendantPath = readonly Segment[]

/** The models of a grid, and between which of them there are stitch layers. */
export interface Grid {
  readonly configs: readonly VitConfig[]
  /** Ordered pairs of models that have stitch layers: layer 0 of pair 2 is `stitch.2.0`. */
  readonly pairs: readonly ModelPair[]
  readonly finalNorm: FinalNorm
}

/** Name of stitch layer `layer` of ordered pair `pair`. */
const stitchName = (pair: number, layer: number): string => `stitch.${pair}.${layer}`

const pathOf = ({ models, positions, layers }: Descendant, { configs, pairs }: Grid): DescendantPath => {
  const pairOf = (front: number, end: number): number => pairs.findIndex(([a, b]) => a === front && b === end)
  return models.map((model, index) => ({
    model,
    first: index === 0 ? 0 : positions[index - 1][1],
    last: index < positions.length ? positions[index][0] : configs[model].depth - 1,
    stitch: index === 0 ? null : stitchName(pairOf(models[index - 1], model), layers[index - 1]),
  }))
}

/** Whether the last LayerNorm runs before the head. */
export const runsFinalNorm = (path: DescendantPath, { finalNorm }: Pick<Grid, 'finalNorm'>): boolean =>
  finalNorm === 'all' || (finalNorm === 'anchorsOnly' && path.length === 1)

/** Weight `[d_end, d_front]` and bias `[d_end]` of a stitch layer. */
export const stitchTensors = (name: string, front: VitConfig, end: VitConfig): readonly TensorDefinition[] =>
  linearTensors(name, end.embedDim, front.embedDim, 'stitches')

/** The stitch layers of one ordered pair of models. */
export interface PairStitches {
  readonly pair: ModelPair
  /** Number of stitch layers. */
  readonly layers: number
  /** `front` is the last block of the pair's first model, `end` the first block of its second. */
  readonly positions: readonly StitchPosition[]
}

/** A grid with its descendants. */
export interface PoolGrid extends Grid {
  readonly descendants: readonly Descendant[]
  /** In the order of the descendants. */
  readonly paths: readonly DescendantPath[]
  /** In the order of `pairs`. */
  readonly stitches: readonly PairStitches[]
}

/** The grid of these models: single models first, then stitched ones in the order of docs/method.md. */
export const poolGrid = (configs: readonly VitConfig[], params: GridParams): PoolGrid => {
  const pairs = orderedPairs(params.pairs, params.twoWay)
  const grid: Grid = { configs, pairs, finalNorm: params.finalNorm }
  const descendants = enumerateDescendants({ models: configs, ...params })
  return {
    ...grid,
    descendants,
    paths: descendants.map((descendant) => pathOf(descendant, grid)),
    stitches: pairs.map((pair) => {
      const [front, end] = pair.map((index) => configs[index].depth)
      const positions = stitchPositions(front, end, params)
      return { pair, positions, layers: new Set(positions.map(({ layer }) => layer)).size }
    }),
  }
}

/** Names of one pair's stitch layers. */
export const layerNames = ({ stitches }: Pick<PoolGrid, 'stitches'>, pair: number): readonly string[] =>
  Array.from({ length: stitches[pair].layers }, (_, layer) => stitchName(pair, layer))

/** Weights and biases of one pair's stitch layers. */
export const pairTensors = (grid: PoolGrid, pair: number): readonly TensorDefinition[] => {
  const [front, end] = grid.pairs[pair].map((index) => grid.configs[index])
  return layerNames(grid, pair).flatMap((name) => stitchTensors(name, front, end))
}

/** Weights and biases of all stitch layers. */
export const gridStitchTensors = (grid: PoolGrid): readonly TensorDefinition[] =>
  grid.pairs.flatMap((_, pair) => pairTensors(grid, pair))

/** `tiny` for a student alone, `tiny[0..2]→base[3..5]` for a stitched model. */
export const descendantName = (names: readonly string[], path: DescendantPath): string =>
  path.length === 1
    ? names[path[0].model]
    : path.map(({ model, first, last }) => `${names[model]}[${first}..${last}]`).join('→')

/** One part of one model. */
interface ModelPart {
  /** Index of the model in its grid. */
  readonly model: number
  readonly part: VitPart
}

/** The parts of models that a descendant runs, in forward order. */
export const partsOnPath = (path: DescendantPath, grid: Pick<Grid, 'finalNorm'>): readonly ModelPart[] => {
  const final = path.length - 1
  return path.flatMap(({ model, first, last }, index) => {
    const parts: VitPart[] = []
    if (index === 0) parts.push('embed')
    for (let block = first; block <= last; block++) parts.push(`blocks.${block}`)
    if (index === final && runsFinalNorm(path, grid)) parts.push('norm')
    if (index === final) parts.push('head')
    return parts.map((part) => ({ model, part }))
  })
}

/** The stitch layers that a descendant runs, by name. */
export const stitchesOnPath = (path: DescendantPath): readonly string[] => path.flatMap(({ stitch }) => stitch ?? [])

/** Tensors of some descendants of a grid. */
export interface GridTensors {
  /** By the model's index; empty for a model that none of them runs. */
  readonly models: readonly (readonly TensorDefinition[])[]
  readonly stitches: readonly TensorDefinition[]
}

/** The tensors that these paths run, each once. */
export const tensorsOnPaths = (paths: readonly DescendantPath[], grid: PoolGrid): GridTensors => {
  const parts = new Set(paths.flatMap((path) => partsOnPath(path, grid).map(({ model, part }) => `${model} ${part}`)))
  const layers = new Set(paths.flatMap(stitchesOnPath))
  return {
    models: grid.configs.map((config, model) =>
      vitTensors(config).filter(({ name }) => parts.has(`${model} ${partOfTensor(name)}`)),
    ),
    stitches: gridStitchTensors(grid).filter(({ name }) => layers.has(name.slice(0, name.lastIndexOf('.')))),
  }
}

/** All tensors of all models and stitch layers, whether a descendant runs them or not. */
export const tensorsOfGrid = (grid: PoolGrid): GridTensors => ({
  models: grid.configs.map(vitTensors),
  stitches: gridStitchTensors(grid),
})
