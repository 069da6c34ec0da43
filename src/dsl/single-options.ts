/** Descendants that are trained alone. */
import { enumerateDescendants } from './descendants.js'
import { checkPairs, readGrid, selectPairs, type GridOptions } from './grid.js'
import type { DataParams, GridParams, SingleParams } from './nodes.js'
import { OptionReader, readNamed, shown } from './option-reader.js'
import { GRID_OPTIONS, SINGLE_OPTIONS, TRAIN_OPTIONS, VIT_OPTIONS } from './option-tables.js'
import { namesOf, readOptions, type Options } from './options.js'
import type { Place } from './place.js'
import { checkTuneLoss } from './stitch-options.js'
import { readTrainParams, type TrainOptions } from './train-options.js'
import { readVit, vitOnImages, type VitOptions } from './vit.js'

/** The models whose blocks descendants are made of, by name. */
export type SingleModels = { readonly [name: string]: VitOptions }

/** Which descendants are trained, and how. */
export interface SingleOptions extends TrainOptions, GridOptions, Options<typeof SINGLE_OPTIONS> {}

const readDescendants = (options: OptionReader, value: unknown, count: number): readonly number[] => {
  const all = Array.from({ length: count }, (_, id) => id)
  if (value === undefined || value === null || value === 'all') return all
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
  taught: boolean,
  seed: number,
  place?: Place,
): readonly SingleParams[] => {
  const readers = readNamed('singles', models, namesOf(VIT_OPTIONS), {}, [], place)
    .map(([name, reader]) => {
      const shape = readVit(reader)
      return { name, config: vitOnImages(reader, shape, data), weightStart: shape.weightStart }
    })
    .sort((a, b) => a.config.embedDim - b.config.embedDim)
  const known = namesOf(SINGLE_OPTIONS, GRID_OPTIONS, TRAIN_OPTIONS)
  const options = new OptionReader([{ path: 'singles', options: given, known }], place)
  const { descendants, loss, ...read } = readOptions(SINGLE_OPTIONS, options, { taught })
  const configs = readers.map(({ config }) => config)
  const pairs = selectPairs(read.pairs, configs.length, 'singles.pairs', place)
  checkPairs(configs, pairs, 'singles', place)
  const depth = Math.min(...configs.map((config) => config.depth))
  const grid: GridParams = { pairs, ...readGrid(options, depth) }
  checkTuneLoss(options, loss, taught)
  const common = {
    names: readers.map(({ name }) => name),
    models: configs,
    grid,
    loss,
    train: readTrainParams(options, data),
    weightStarts: readers.map(({ weightStart }) => weightStart),
    seed,
  }
  const count = enumerateDescendants({ models: configs, ...grid }).length
  return readDescendants(options, descendants, count).map((descendant) => ({ ...common, descendant }))
}
