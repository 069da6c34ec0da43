/** What is measured of a descendant, and in words what it runs. */
import type { Scores } from '../model/metrics.js'
import { descendantName, type PoolGrid } from './pool-grid.js'

/** One line of `descendants.jsonl`. */
export interface DescendantScores extends Scores {
  /** In its grid. */
  readonly id: number
  /** `tiny`, or `tiny[0..2]→base[3..5]`. */
  readonly name: string
  /** Students in the order in which they run. */
  readonly models: readonly string[]
  /** For every stitch the last block of the one student and the first of the next, both 0-based. */
  readonly positions: readonly (readonly [number, number])[]
  /** Blocks that it runs. */
  readonly depth: number
  /** By SN-Net's rule, everything stored, and multiply-accumulates of one image (docs/method.md, section 6). */
  readonly params: number
  readonly paramsStored: number
  readonly macs: number
}

/** Lines of the grid's descendants, in its order, from their scores by id. */
export const describeDescendants = (
  names: readonly string[],
  grid: PoolGrid,
  scores: Readonly<Record<string, Scores>>,
): readonly DescendantScores[] =>
  grid.descendants.map(({ id, models, positions, params, paramsStored, macs }, index) => {
    const path = grid.paths[index]
    return {
      id,
      name: descendantName(names, path),
      models: models.map((model) => names[model]),
      positions,
      depth: path.reduce((blocks, { first, last }) => blocks + last - first + 1, 0),
      params,
      paramsStored,
      macs,
      ...scores[id],
    }
  })
