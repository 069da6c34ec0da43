/** Which descendants tuning draws, and from which groups (docs/method.md, section 5). */
import type { StitchParams } from '../../dsl/nodes.js'
import type { PoolGrid } from './pool-grid.js'

export interface DescendantDraws {
  /** Places in the grid of the descendants that are drawn. */
  readonly drawn: readonly number[]
  /** Indices of `drawn`: a group is drawn first, then one of it; undefined: one of all. */
  readonly groups: readonly (readonly number[])[] | undefined
}

/** Indices of values in intervals of equal width between the least and the greatest; intervals without any are left out. */
const intervals = (values: readonly number[], count: number): readonly (readonly number[])[] => {
  const least = Math.min(...values)
  const width = (Math.max(...values) - least) / count
  const groups: number[][] = Array.from({ length: count }, () => [])
  values.forEach((value, index) => {
    groups[width === 0 ? 0 : Math.min(count - 1, Math.floor((value - least) / width))].push(index)
  })
  return groups.filter(({ length }) => length > 0)
}

/**
 * All descendants, one as likely as another; with `tuned: 'stitches'` only those that have a stitch layer, because a single
 * model has nothing to train. `sampling: 'macs'` (SN-Netv2, arXiv 2307.00154) makes every interval of MACs equally likely
 * instead, so that the few very small and very large models are not drowned by the many in between.
 */
export const descendantDraws = (
  { descendants }: Pick<PoolGrid, 'descendants'>,
  { tuned, sampling, macsGroups }: Pick<StitchParams, 'tuned' | 'sampling' | 'macsGroups'>,
): DescendantDraws => {
  const drawn = [...descendants.keys()].filter((index) => tuned === 'all' || descendants[index].models.length > 1)
  const macs = drawn.map((index) => descendants[index].macs)
  return { drawn, groups: sampling === 'macs' ? intervals(macs, macsGroups) : undefined }
}
