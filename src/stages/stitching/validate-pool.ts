/** How a pool that is tuned is scored after every epoch: by the mean of a few descendants, small to large. */
import * as Effect from 'effect/Effect'
import type { Engine } from '../../engine/engine.js'
import type { Split } from '../data/dataset.js'
import type { Component } from '../training/component.js'
import { currentValues } from '../training/component.js'
import type { Validate } from '../training/validation.js'
import { measureGrid } from './descendant-scores.js'
import { type PoolGrid, tensorsOnPaths } from './grid.js'
import { modelKey, STITCHES } from './tuning.js'

/** So many descendants stand for all: a pool may have hundreds. */
const mostScored = 8

/** Of these descendants, by their indices in the grid, the few that are scored: evenly spread in the order of MACs. */
export const scoredDescendants = (
  { descendants }: Pick<PoolGrid, 'descendants'>,
  drawn: readonly number[],
): readonly number[] => {
  const sorted = [...drawn].sort((a, b) => descendants[a].macs - descendants[b].macs || a - b)
  if (sorted.length <= mostScored) return sorted
  return Array.from(
    { length: mostScored },
    (_, at) => sorted[Math.round((at * (sorted.length - 1)) / (mostScored - 1))],
  )
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length

/** Mean top-1 and loss of a few of the drawn descendants, as the components are now. */
export const validatePool = (
  engine: Engine,
  components: readonly Component[],
  whole: PoolGrid,
  drawn: readonly number[],
  names: readonly string[],
  split: Split,
): Validate => {
  const chosen = scoredDescendants(whole, drawn)
  const descendants = chosen.map((index) => whole.descendants[index])
  const grid: PoolGrid = { ...whole, descendants, paths: chosen.map((index) => whole.paths[index]) }
  const tensors = tensorsOnPaths(grid.paths, whole)
  return Effect.fnUntraced(function* (progress) {
    const groups = [
      ...tensors.models.map((own, model) => ({ tensors: own, values: currentValues(components, modelKey(model)) })),
      { tensors: tensors.stitches, values: currentValues(components, STITCHES) },
    ]
    const scores = Object.values(yield* measureGrid(engine, { names, grid, groups }, split, progress))
    return { top1: mean(scores.map(({ top1 }) => top1)), loss: mean(scores.map(({ loss }) => loss)) }
  })
}
