/** A stitched pool on disk: what the stages stitch and single leave, and the stages evaluate and latency read. */
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { GridParams, Json } from '../../dsl/nodes.js'
import type { InputArtifact } from '../../runtime/stage-contract.js'
import { ModelFileError } from '../model/model-file-error.js'
import {
  parseConfig,
  readModel,
  readTensors,
  type StoredModel,
  writeJson,
  writeModel,
  writeTensors,
} from '../model/model-files.js'
import type { TensorDefinition, NamedValues } from '../tensors/named-tensors.js'
import { type GridTensors, type PairStitches, poolGrid, type PoolGrid, tensorsOfGrid, tensorsOnPaths } from './grid.js'

/** `grid.json` of a stitched pool. */
export interface GridFile {
  /** Names of the students, narrowest first. */
  readonly models: readonly string[]
  /** Which descendants the grid has. */
  readonly grid: GridParams
  /** The id of the only descendant whose weights are there; null: all of them. */
  readonly descendant: number | null
  /** By the number in the layers' names: `stitch.<pair>.<layer>.weight` `[d_end, d_front]` and `.bias`. */
  readonly stitches: readonly PairStitches[]
}

/** Tensors of one model, or the stitch layers. */
export interface StoredTensors {
  readonly tensors: readonly TensorDefinition[]
  readonly values: NamedValues
}

export interface StitchedPool {
  readonly names: readonly string[]
  /** With all its descendants, or with the only one whose weights are there. */
  readonly grid: PoolGrid
  /** Tensors of every model, in the order of `names`, then those of the stitch layers. */
  readonly groups: readonly StoredTensors[]
  /** `config.json` of every model, in the order of `names`. */
  readonly described: readonly Pick<StoredModel, 'config' | 'metadata'>[]
}

/** The same grid with one descendant alone, which keeps its id. */
export const onlyDescendant = (grid: PoolGrid, id: number): PoolGrid => ({
  ...grid,
  descendants: [grid.descendants[id]],
  paths: [grid.paths[id]],
})

/** What of a pool is written. */
interface StitchedPoolContent {
  readonly names: readonly string[]
  readonly params: GridParams
  readonly grid: PoolGrid
  /** The id of the only descendant whose weights are written; null: all of them. */
  readonly descendant: number | null
  /** Weights by the model's index; of a single descendant only those that it runs. */
  readonly models: readonly NamedValues[]
  readonly stitches: NamedValues
  /** What `config.json` says beside each model's shape. */
  readonly metadata: readonly Readonly<Record<string, Json>>[]
}

const tensorsOf = (grid: PoolGrid, descendant: number | null): GridTensors =>
  descendant === null ? tensorsOfGrid(grid) : tensorsOnPaths([grid.paths[descendant]], grid)

/**
 * Writes `grid.json` (a GridFile), `students/<name>/config.json` and `model.safetensors`, and `stitches.safetensors`.
 * Files of weights that would hold no tensor are left out.
 */
export const writeStitchedPool = (folder: string, pool: StitchedPoolContent): void => {
  const { names, params, grid, descendant, metadata } = pool
  const tensors = tensorsOf(grid, descendant)
  grid.configs.forEach((config, index) => {
    const student = join(folder, 'students', names[index])
    if (tensors.models[index].length > 0) {
      writeModel(student, config, pool.models[index], metadata[index], tensors.models[index])
    } else {
      mkdirSync(student, { recursive: true })
      writeJson(join(student, 'config.json'), { ...config, ...metadata[index] })
    }
  })
  if (tensors.stitches.length > 0) {
    writeTensors(join(folder, 'stitches.safetensors'), tensors.stitches, pool.stitches)
  }
  const file: GridFile = { models: names, grid: params, descendant, stitches: grid.stitches }
  writeJson(join(folder, 'grid.json'), file)
}

const fileOf = (input: InputArtifact, file: string): string => {
  const path = input.files[file]
  if (path === undefined) throw new ModelFileError(`the input is not a stitched pool: it has no ${file}`)
  return path
}

export const readGridFile = (path: string): GridFile => JSON.parse(readFileSync(path, 'utf8')) as GridFile

/** The pool in the artifact of a stage stitch or single. Throws a ModelFileError where it is none. */
export const openStitchedPool = (input: InputArtifact): StitchedPool => {
  const file = readGridFile(fileOf(input, 'grid.json'))
  const { models: names, grid: params, descendant } = file
  const configPaths = names.map((name) => fileOf(input, `students/${name}/config.json`))
  const described = configPaths.map((path) => parseConfig(readFileSync(path, 'utf8'), path))
  const configs = described.map(({ config }) => config)
  const whole = poolGrid(configs, params)
  const tensors = tensorsOf(whole, descendant)
  const models = names.map((name, index): StoredTensors => {
    const own = tensors.models[index]
    if (own.length === 0) return { tensors: own, values: {} }
    const weights = fileOf(input, `students/${name}/model.safetensors`)
    return { tensors: own, values: readModel(weights, configPaths[index], () => own).values }
  })
  const stitches =
    tensors.stitches.length === 0
      ? {}
      : readTensors(fileOf(input, 'stitches.safetensors'), tensors.stitches, 'the grid')
  return {
    names,
    grid: descendant === null ? whole : onlyDescendant(whole, descendant),
    described,
    groups: [...models, { tensors: tensors.stitches, values: stitches }],
  }
}
