/** The grid of one pair of students, as the stitch stage writes it down and the evaluation reads it. */
import { readFileSync } from 'node:fs'
import { enumerateDescendants, type Descendant } from '../../dsl/descendants.js'
import type { FinalNorm } from '../../dsl/nodes.js'
import type { StitchPosition } from '../../dsl/stitch-window.js'
import type { VitConfig } from '../../dsl/vit-config.js'
import { segmentsOf, type Grid, type Segment } from './stitched-vit.js'

/** `grid.json` of a stitched pool. */
export interface GridFile {
  /** Names of the students, the narrower first. */
  readonly models: readonly [string, string]
  readonly kernel: number
  readonly stride: number
  readonly finalNorm: FinalNorm
  /** Number of stitch layers. */
  readonly layers: number
  /** `front`: last block of the first student; `end`: first block of the second. */
  readonly positions: readonly StitchPosition[]
}

export interface PoolGrid extends Grid {
  readonly descendants: readonly Descendant[]
  /** What each descendant runs. */
  readonly paths: readonly (readonly Segment[])[]
  readonly positions: readonly StitchPosition[]
  readonly layers: number
}

/** Both students alone, then every stitched model in the order of docs/method.md. */
export const poolGrid = (
  configs: readonly [VitConfig, VitConfig],
  { kernel, stride, finalNorm }: Pick<GridFile, 'kernel' | 'stride' | 'finalNorm'>,
): PoolGrid => {
  const descendants = enumerateDescendants({ models: configs, pairs: 'all', triples: false, finalNorm, kernel, stride })
  const positions = descendants.flatMap(({ positions, layers }) =>
    positions.map(([front, end], index) => ({ front, end, layer: layers[index] })),
  )
  const grid = { configs, finalNorm }
  return {
    ...grid,
    descendants,
    paths: descendants.map((descendant) => segmentsOf(descendant, grid)),
    positions,
    layers: new Set(positions.map(({ layer }) => layer)).size,
  }
}

export const readGridFile = (path: string): GridFile => JSON.parse(readFileSync(path, 'utf8')) as GridFile

/** `tiny` for a student alone, `tiny[0..2]→base[3..5]` for a stitched model. */
export const descendantName = (names: readonly string[], path: readonly Segment[]): string =>
  path.length === 1
    ? names[path[0].model]
    : path.map(({ model, first, last }) => `${names[model]}[${first}..${last}]`).join('→')
