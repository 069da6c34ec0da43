/** Options that say which models a grid has, for whoever enumerates one. */
import type { GridParams } from './nodes.js'
import { COUNT, type OptionReader } from './option-reader.js'
import { checkWindow } from './stitch-window.js'

/** Which models a grid has. Defaults: `triples` and `twoWay` false, `kernel` 2, `stride` 1, `finalNorm` `'all'`. */
export type GridOptions = Partial<Omit<GridParams, 'pairs'>>

export const GRID_OPTIONS = [
  'triples',
  'twoWay',
  'kernel',
  'stride',
  'finalNorm',
] as const satisfies readonly (keyof GridOptions)[]

/** A window's size or step; past the models' depth it would leave most pairs of blocks out without a word. */
const readWindow = (options: OptionReader, key: 'kernel' | 'stride', depth: number, fallback: number): number => {
  const value = options.number(key, COUNT, fallback)
  if (value > depth)
    options.fail('outOfRange', key, `is ${value}, above the students' depth ${depth}: write ${depth} or less`)
  return value
}

/** Everything about a grid but its pairs; `depth` is the shallowest model's. */
export const readGrid = (options: OptionReader, depth: number): Omit<GridParams, 'pairs'> => {
  const grid = {
    triples: options.boolean('triples', false),
    twoWay: options.boolean('twoWay', false),
    kernel: readWindow(options, 'kernel', depth, 2),
    stride: readWindow(options, 'stride', depth, 1),
    finalNorm: options.choice('finalNorm', ['all', 'anchorsOnly', 'none'], 'all'),
  }
  checkWindow(options, grid)
  return grid
}
