import type { Anchors } from './anchor-options.js'
import { enumerateDescendants } from './descendants.js'
import { checkPairs, GRID_OPTIONS, type GridOptions, readGrid, selectPairs } from './grid.js'
import { readVitConfig, readWeightStart, VIT_OPTIONS } from './vit.js'
import { OptionReader, readNamed, shown } from './option-reader.js'
import type { DataParams, GridParams, SingleParams } from './nodes.js'
import type { Place } from './place.js'
import { readTuneLoss } from './stitch-options.js'
import { readTrainParams, TRAIN_OPTIONS, type TrainOptions } from './train-options.js'

/** The models whose blocks descendants are made of, by name. */
export type SingleModels = { readonly [Name in keyof Anchors]: Omit<Anchors[Name], 'weights' | keyof TrainOptions> }

/**
 * Which descendants are trained, and how. Defaults: `descendants` `'all'`, `pairs` `'nearest'`, the grid as in `stitch`, `loss`
 * `'none'` without a teacher, else `'soft'`.
 */
export type SingleOptions = TrainOptions &
  GridOptions & {
    /** Ids in the grid, as `enumerateDescendants` counts them. */
    readonly descendants?: 'all' | readonly number[]
    readonly pairs?: 'nearest' | 'all'
    readonly loss?: SingleParams['loss']
  }

const SINGLE_OPTIONS = ['descendants', 'pairs', ...GRID_OPTIONS, 'loss', ...TRAIN_OPTIONS]

const readDescendants = (options: OptionReader, count: number): readonly number[] => {
  const all = Array.from({ length: count }, (_, id) => id)
  const value = options.value('descendants') ?? 'all'
  if (value === 'all') return all
  const advice = `write 'all', or ids from 0 to ${count - 1}`
  if (!Array.isArray(value)) return options.fail('wrongType', 'descendants', `is ${shown(value)}: ${advice}`)
  if (value.length === 0) options.fail('empty', 'descendants', `is an empty list: ${advice}`)
  const stranger: unknown = value.find((id: unknown) => !all.some((each) => each === id))
  if (stranger !== undefined) options.fail('outOfRange', 'descendants', `has ${shown(stranger)}: ${advice}`)
  return all.filter((id) => value.includes(id))
}

/** Complete parameters of every descendant that is trained alone, in the order of their ids. */
export const readSingles = (
  models: unknown,
  given: unknown,
  data: DataParams,
  hasTeacher: boolean,
  seed: number,
  place?: Place,
): readonly SingleParams[] => {
  const readers = readNamed('singles', models, VIT_OPTIONS, {}, [], place)
    .map(([name, options]) => ({ name, config: readVitConfig(options, data), options }))
    .sort((a, b) => a.config.embedDim - b.config.embedDim)
  const options = new OptionReader([{ path: 'singles', options: given, known: SINGLE_OPTIONS }], place)
  const configs = readers.map(({ config }) => config)
  const pairs = selectPairs(
    options.choice('pairs', ['nearest', 'all'], 'nearest'),
    configs.length,
    'singles.pairs',
    place,
  )
  checkPairs(configs, pairs, 'singles', place)
  const depth = Math.min(...configs.map((config) => config.depth))
  const grid: GridParams = { pairs, ...readGrid(options, depth) }
  const common = {
    names: readers.map(({ name }) => name),
    models: configs,
    grid,
    loss: readTuneLoss(options, hasTeacher),
    train: readTrainParams(options, { batchSize: 64, mayBeZero: false }),
    weightStarts: readers.map((reader) => readWeightStart(reader.options, reader.config.embedDim)),
    seed,
  }
  const count = enumerateDescendants({ models: configs, ...grid }).length
  return readDescendants(options, count).map((descendant) => ({ ...common, descendant }))
}
