/** The grid of a pool: every descendant, what it runs, and the stitch layers between each pair of models. */
import { enumerateDescendants, type Descendant } from '../../dsl/descendants.js'
import { orderedPairs, type ModelPair } from '../../dsl/model-pairs.js'
import type { GridParams } from '../../dsl/nodes.js'
import { stitchPositions, type StitchPosition } from '../../dsl/stitch-window.js'
import type { VitConfig } from '../../dsl/vit-config.js'
import type { TensorDefinition } from '../model/vit-params.js'
import { segmentsOf, stitchName, stitchTensors, type Grid, type Segment } from './stitched-vit.js'

/** The stitch layers of one ordered pair of models. */
export interface PairStitches {
  readonly pair: ModelPair
  /** Number of stitch layers. */
  readonly layers: number
  /** `front`: last block of the first model; `end`: first block of the second. */
  readonly positions: readonly StitchPosition[]
}

export interface PoolGrid extends Grid {
  readonly descendants: readonly Descendant[]
  /** What each descendant runs. */
  readonly paths: readonly (readonly Segment[])[]
  /** In the order of `pairs`. */
  readonly stitches: readonly PairStitches[]
}

/** Single models, then every stitched model in the order of docs/method.md. */
export const poolGrid = (configs: readonly VitConfig[], params: GridParams): PoolGrid => {
  const pairs = orderedPairs(params.pairs, params.twoWay)
  const grid: Grid = { configs, pairs, finalNorm: params.finalNorm }
  const descendants = enumerateDescendants({ models: configs, ...params })
  return {
    ...grid,
    descendants,
    paths: descendants.map((descendant) => segmentsOf(descendant, grid)),
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
export const descendantName = (names: readonly string[], path: readonly Segment[]): string =>
  path.length === 1
    ? names[path[0].model]
    : path.map(({ model, first, last }) => `${names[model]}[${first}..${last}]`).join('→')
